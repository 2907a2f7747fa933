"""Waking whoever watches something when the database notifies that it has changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

import structlog

from calotype.db.notifications import listening
from calotype.domain.errors import Unavailable

_RECONNECT = 1.0  # seconds until listening is tried again
_log = structlog.get_logger(__name__)


class Wakeups:
    """One for each channel and process: hears the ids that are notified there.

    A notification holds nothing but an id, and may be lost, merged or repeated: who is woken looks what is new.
    """

    def __init__(self, database_url: str, channel: str) -> None:
        self._url = database_url
        self._channel = channel
        self._watchers: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen for as long as the block lasts; a lost connection is made again."""
        task = asyncio.create_task(self._listen_for_ever())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @contextmanager
    def of(self, subject_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever something is notified of one thing, for as long as the block lasts."""
        woken = asyncio.Event()
        self._watchers[subject_id].add(woken)
        try:
            yield woken
        finally:
            self._watchers[subject_id].discard(woken)
            if not self._watchers[subject_id]:
                del self._watchers[subject_id]

    def wake(self, subject_id: UUID) -> None:
        """Have those look who watch one thing."""
        for woken in self._watchers.get(subject_id, ()):
            woken.set()

    def wake_all(self) -> None:
        """Have everybody look."""
        for watchers in self._watchers.values():
            for woken in watchers:
                woken.set()

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with listening(self._url, self._channel) as payloads:
                    self.wake_all()  # whatever was missed until now
                    async for payload in payloads:
                        self._wake(payload)
            except Unavailable as error:
                _log.warning("not listening", channel=self._channel, reason=error.message)
            await asyncio.sleep(_RECONNECT)

    def _wake(self, payload: str) -> None:
        with contextlib.suppress(ValueError):  # what others notify here is not ours
            self.wake(UUID(payload))
