"""Being seen by other processes for as long as this one lives."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from calotype.db.presence import present
from calotype.domain.errors import Unavailable

_AGAIN = 1.0  # seconds until a lost connection is made again
_log = structlog.get_logger(__name__)


class Presence:
    """This process as others see it: `key` is a number of 31 random bits, new with every start."""

    def __init__(self, database_url: str) -> None:
        self.key = secrets.randbits(31)
        self._url = database_url

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Be seen for as long as the block lasts. Raises Unavailable when that cannot even begin."""
        begun = asyncio.Event()
        staying = asyncio.create_task(self._stay(begun))
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait([staying, waiting], return_when=asyncio.FIRST_COMPLETED)
            if staying.done():
                staying.result()
            yield
        finally:
            for task in (staying, waiting):
                task.cancel()
            await asyncio.gather(staying, waiting, return_exceptions=True)

    async def _stay(self, begun: asyncio.Event) -> None:
        while True:
            try:
                async with present(self._url, self.key) as lost:
                    begun.set()
                    await lost.wait()
                _log.warning("the connection that shows this process as alive was lost; making another")
            except Unavailable:
                if not begun.is_set():
                    raise
            await asyncio.sleep(_AGAIN)
