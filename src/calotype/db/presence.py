"""Which processes are alive: each holds a lock of its own on a connection of its own, and loses it with its life.

The database sees a killed process's connection close at once, where a heartbeat would have to be waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection as DriverConnection
from psycopg import OperationalError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.domain.errors import Unavailable

_LOOK = 10.0  # seconds between two looks whether the connection still stands

# A machine that vanished from the network says no goodbye. Both sides ask after some seconds: the server holds the lock.
_ASKING: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 14_000,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3",
}

# Of keys made of two numbers, the first of which says what they are for, so that no other use of such locks can meet them.
_CLASS = 1_128_352_847
_PRESENT = text(
    f"SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = {_CLASS} AND objsubid = 2 AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@asynccontextmanager
async def present(url: str, key: int) -> AsyncIterator[asyncio.Event]:
    """Be alive under a key (31 bits) for as long as the block lasts; the event given is set when the connection is lost.

    Raises Unavailable when the database cannot be reached.
    """
    lost = asyncio.Event()
    try:
        connection = await DriverConnection.connect(url, autocommit=True, **_ASKING)
    except (OperationalError, OSError) as error:
        raise Unavailable("the database cannot be reached") from error
    async with connection:
        try:
            # A connection of the same process that the network has swallowed may hold it still; that one shows us as alive, too.
            await connection.execute("SELECT pg_advisory_lock(%s, %s)", [_CLASS, key])
        except (OperationalError, OSError) as error:
            raise Unavailable("the database cannot be reached") from error
        looking = asyncio.create_task(_look(connection, lost))
        try:
            yield lost
        finally:
            lost.set()  # should the cancellation be lost in the driver
            looking.cancel()
            await asyncio.wait([looking])


async def _look(connection: DriverConnection[tuple[object, ...]], lost: asyncio.Event) -> None:
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


async def select_present(connection: AsyncConnection) -> set[int]:
    """The keys of all processes that are alive."""
    return set((await connection.execute(_PRESENT)).scalars())
