"""Watching upload sessions: what is new of a session, told to any number of watchers in any number of processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from calotype.db.upload_session import CHANNEL
from calotype.domain.errors import Unavailable
from calotype.domain.scope import Scope
from calotype.domain.upload_session import FileOutcome, ProgressEvent, ProgressKind
from calotype.services.upload_session import UploadSessionService
from calotype.services.wakeups import Wakeups

_LOOK = 15.0  # seconds after which a watcher looks by itself, should a notification have been lost
_AGAIN = 1.0  # seconds until a database that is away is asked again
_GATHER = 0.05  # seconds in which what happens is told together


class SessionWatch:
    """One per web process.

    What is new is found by comparing the session's rows with what the watcher has been told, whatever was notified.
    """

    def __init__(self, sessions: UploadSessionService, database_url: str) -> None:
        self._sessions = sessions
        self._wakeups = Wakeups(database_url, CHANNEL)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen for as long as the block lasts."""
        async with self._wakeups.running():
            yield

    async def watch(self, scope: Scope, session_id: UUID) -> AsyncGenerator[ProgressEvent, None]:
        """The session as it stands, then one event for each file in the order of their ends, then one when the session is over.

        A watcher that takes its time is told everything, only later; nobody waits for it. Raises NotFound.
        """
        with self._wakeups.of(session_id) as woken:
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
                try:
                    state = await self._sessions.state(scope, session_id)
                except Unavailable:
                    await asyncio.sleep(_AGAIN)
                    woken.set()  # what this look was for may never be notified again
                for index in [index for index in state.ended if index not in told]:
                    yield ProgressEvent(_kind(state.ended[index]), state.progress)
                told = state.ended.keys()
            yield ProgressEvent(ProgressKind.SESSION_COMPLETED, state.progress)


def _kind(outcome: FileOutcome) -> ProgressKind:
    return ProgressKind.FILE_FAILED if outcome is FileOutcome.FAILED else ProgressKind.FILE_COMPLETED
