"""Being told by the database: what one process notifies, all that listen hear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, OperationalError

from calotype.domain.errors import Unavailable

_SELDOM = 3600.0  # seconds


class WaitingConnection(AsyncConnection[tuple[Any, ...]]):
    """A connection that mostly waits, and sleeps meanwhile.

    The driver wakes up ten times a second to see whether Ctrl-C was pressed, which an event loop is told of anyway. Of a process
    with a dozen such connections that was most of what it did while there was nothing to do.
    """

    async def wait(self, gen: Any, interval: float = _SELDOM, *rest: Any, **more: Any) -> Any:
        """Go on with a generator of the driver whenever the socket is ready; `interval` is in seconds."""
        return await super().wait(gen, interval, *rest, **more)


@asynccontextmanager
async def listening(url: str, channel: str) -> AsyncIterator[AsyncIterator[str]]:
    """The payloads notified on a channel from now on, over a connection of its own.

    Raises Unavailable when the database cannot be reached, also later while payloads are waited for.
    """
    try:
        # Without keepalives a server that vanished from the network would only ever be silent.
        async with await WaitingConnection.connect(
            url, autocommit=True, keepalives_idle=10, keepalives_interval=5, keepalives_count=3
        ) as connection:
            await connection.execute(f'LISTEN "{channel}"'.encode())
            yield (note.payload async for note in connection.notifies())
    except (OperationalError, OSError) as error:
        raise Unavailable("the database cannot be reached") from error
