"""Locks held on a connection of their own, which end with whoever holds them, and keep no transaction open.

The database sees a killed process's connection close at once, where a heartbeat would have to be waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import OperationalError

from calotype.db.notifications import WaitingConnection
from calotype.domain.errors import Unavailable

_LOOK = 10.0  # seconds between two looks whether the connection still stands
_PARTING = 5.0  # seconds for giving a lock back before its connection is closed

# A machine that vanished from the network says no goodbye. Both sides ask after some seconds: the server holds the lock.
_ASKING: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 14_000,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3",
}


@asynccontextmanager
async def holding(url: str, *key: int) -> AsyncIterator[asyncio.Event]:
    """Hold an advisory lock, of one number of 64 bits or two of 32, for as long as the block lasts, once nobody else does.

    The event given is set when the connection is lost. Raises Unavailable when the database cannot be reached.
    """
    lost = asyncio.Event()
    try:
        connection = await WaitingConnection.connect(url, autocommit=True, **_ASKING)
    except (OperationalError, OSError) as error:
        raise Unavailable("the database cannot be reached") from error
    numbers = ", ".join(["%s"] * len(key))
    async with connection:
        try:
            await connection.execute(f"SELECT pg_advisory_lock({numbers})", key)
        except (OperationalError, OSError) as error:
            raise Unavailable("the database cannot be reached") from error
        looking = asyncio.create_task(_look(connection, lost))
        try:
            yield lost
        finally:
            is_lost = lost.is_set()
            lost.set()  # should the cancellation be lost in the driver
            looking.cancel()
            await asyncio.wait([looking])
            if not is_lost:
                # A closed connection gives its locks back as well, but only a moment later.
                with contextlib.suppress(OperationalError, OSError):
                    async with asyncio.timeout(_PARTING):
                        await connection.execute(f"SELECT pg_advisory_unlock({numbers})", key)


async def _look(connection: WaitingConnection, lost: asyncio.Event) -> None:
    try:
        while not lost.is_set():
            # Nothing is notified here; but who waits for it hears at once that the connection was closed.
            async for _ in connection.notifies(timeout=_LOOK):
                pass
            await connection.execute("SELECT 1")
    except (OperationalError, OSError):
        pass
    finally:
        lost.set()
