"""Watching upload sessions: what is new of a session, told to any number of watchers in any number of processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from calotype.db.notifications import listening
from calotype.db.upload_session import CHANNEL
from calotype.domain.errors import Unavailable
from calotype.domain.scope import Scope
from calotype.domain.upload_session import FileOutcome, ProgressEvent, ProgressKind
from calotype.services.upload_session import UploadSessionService

_RECONNECT = 1.0  # seconds until listening is tried again
_LOOK = 15.0  # seconds after which a watcher looks by itself, should a notification have been lost
_GATHER = 0.05  # seconds in which what happens is told together
_log = structlog.get_logger(__name__)


class SessionWatch:
    """One per web process: hears what the database notifies and wakes the watchers of the session in question.

    A notification holds nothing but an id. What is new is found by comparing the session's rows with what the watcher has been
    told, so notifications may be lost, merged or repeated.
    """

    def __init__(self, sessions: UploadSessionService, database_url: str) -> None:
        self._sessions = sessions
        self._url = database_url
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

    async def watch(self, scope: Scope, session_id: UUID) -> AsyncGenerator[ProgressEvent, None]:
        """The session as it stands, then one event for each file in the order of their ends, then one when the session is over.

        A watcher that takes its time is told everything, only later; nobody waits for it. Raises NotFound.
        """
        woken = asyncio.Event()
        self._watchers[session_id].add(woken)
        try:
            state = await self._sessions.state(scope, session_id)
            told = state.ended.keys()
            yield ProgressEvent(ProgressKind.SUBSCRIBED, state.progress)
            while not state.progress.summary.status.is_terminal:
                with contextlib.suppress(TimeoutError):
                    # Not `wait_for`, which before Python 3.12 may swallow that it was cancelled.
                    async with asyncio.timeout(_LOOK):
                        await woken.wait()
                    await asyncio.sleep(_GATHER)
                woken.clear()
                with contextlib.suppress(Unavailable):  # it is looked at again soon
                    state = await self._sessions.state(scope, session_id)
                for index in [index for index in state.ended if index not in told]:
                    yield ProgressEvent(_kind(state.ended[index]), state.progress)
                told = state.ended.keys()
            yield ProgressEvent(ProgressKind.SESSION_COMPLETED, state.progress)
        finally:
            self._watchers[session_id].discard(woken)
            if not self._watchers[session_id]:
                del self._watchers[session_id]

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with listening(self._url, CHANNEL) as payloads:
                    self._wake_all()  # whatever was missed until now
                    async for payload in payloads:
                        self._wake(payload)
            except Unavailable as error:
                _log.warning("not listening for progress", reason=error.message)
            await asyncio.sleep(_RECONNECT)

    def _wake(self, payload: str) -> None:
        with contextlib.suppress(ValueError):  # what others notify here is not ours
            for woken in self._watchers.get(UUID(payload), ()):
                woken.set()

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for woken in watchers:
                woken.set()


def _kind(outcome: FileOutcome) -> ProgressKind:
    return ProgressKind.FILE_FAILED if outcome is FileOutcome.FAILED else ProgressKind.FILE_COMPLETED
