"""Telling clients of their analyses while these go on: any number of them, in any number of web processes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from calotype.db.analysis import CHANNEL, update_left_by
from calotype.db.engine import Database
from calotype.domain.analysis import Analysis, AnalysisEvent
from calotype.domain.errors import Unavailable
from calotype.domain.scope import Scope
from calotype.services.analysis import AnalysisService, Place
from calotype.services.presence import Presence
from calotype.services.wakeups import Wakeups

_LOOK = 5.0  # seconds after which a watcher looks by itself, should a notification have been lost
_SILENCE = 10.0  # seconds after which a client is told that nothing has happened
_GATHER = 0.01  # seconds in which what happens is told together
_AT_ONCE = 8  # looks into the database, which many watchers may be woken for at the same moment
_SWEEP = 5.0  # seconds between two looks for analyses that nobody holds any more
_FORGOTTEN = 120.0  # seconds after which a hold that was never used, nor released, counts no longer
_log = structlog.get_logger(__name__)


class Hold:
    """A client that is told of an analysis, from before its beginning until it is released."""

    def __init__(self, watch: AnalysisWatch, analysis_id: UUID) -> None:
        self.analysis_id = analysis_id
        self.used_at = time.monotonic()
        self._watch = watch

    def release(self) -> None:
        """The client is gone, or knows everything; may be called wherever a request ends, and again."""
        self._watch.release(self)


class AnalysisWatch:
    """One per web process. What is new is read from rows, so a client may come back to any process."""

    def __init__(
        self, analyses: AnalysisService, database: Database, presence: Presence, *, grace: float
    ) -> None:
        self._analyses = analyses
        self._database = database
        self._presence = presence
        self._grace = grace
        self._wakeups = Wakeups(database.url, CHANNEL)
        self._holds: set[Hold] = set()
        self._released = asyncio.Event()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._is_stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen, and note whose clients have gone, for as long as the block lasts."""
        sweeping = asyncio.create_task(self._sweep_for_ever())
        try:
            async with self._wakeups.running():
                yield
        finally:
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            self._holds.clear()
            await self._sweep()

    def stop(self) -> None:
        """End all streams before their time, since this process is about to; their clients come back to the next."""
        self._is_stopping = True
        self._wakeups.wake_all()

    @property
    def is_stopping(self) -> bool:
        """Whether streams are being ended."""
        return self._is_stopping

    def hold(self, analysis_id: UUID) -> Hold:
        """Have an analysis count as watched until that is released."""
        hold = Hold(self, analysis_id)
        self._holds.add(hold)
        return hold

    def release(self, hold: Hold) -> None:
        """Count a client as gone. Without waiting, since a request that is cancelled may not wait for anything."""
        self._holds.discard(hold)
        self._released.set()

    async def events(self, scope: Scope, hold: Hold, after: int = 0) -> AsyncGenerator[AnalysisEvent | None, None]:
        """What there is to tell of an analysis after the event of a number, as it happens, until it has ended.

        None every 10 s in which there was nothing, whatever the database does. Ends early when this process is being stopped, or
        the session is gone.
        """
        place, told_at = Place(hold.analysis_id, after), time.monotonic()
        with self._wakeups.of(hold.analysis_id) as woken:
            looking = asyncio.create_task(self._look(scope, place))
            try:
                while True:
                    done, _ = await asyncio.wait([looking], timeout=max(0.0, told_at + _SILENCE - time.monotonic()))
                    hold.used_at = time.monotonic()
                    if done:
                        analysis, events = looking.result()
                        for event in events:
                            yield event
                            place, told_at = Place(hold.analysis_id, event.number), time.monotonic()
                        if self._is_stopping or (analysis is not None and _is_all(analysis, place)):
                            return
                        looking = asyncio.create_task(self._look_later(scope, place, woken))
                    if time.monotonic() - told_at >= _SILENCE:
                        yield None
                        told_at = time.monotonic()
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)

    async def _look_later(
        self, scope: Scope, place: Place, woken: asyncio.Event
    ) -> tuple[Analysis | None, list[AnalysisEvent]]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await woken.wait()
            await asyncio.sleep(_GATHER)
        woken.clear()
        return await self._look(scope, place)

    async def _look(self, scope: Scope, place: Place) -> tuple[Analysis | None, list[AnalysisEvent]]:
        """What is new; nothing while the database is away, which is asked again soon. Raises SessionNotFound."""
        try:
            async with self._room:
                analysis, events = await self._analyses.news(scope, place)
                if analysis.ended_at is None and not self._analyses.is_watched_here(analysis):
                    # Another process told of it until now, or this one was taken for dead.
                    await self._analyses.watch(scope, place.analysis_id)
        except Unavailable as error:
            _log.warning("not told of an analysis", analysis_id=str(place.analysis_id), reason=error.message)
            await asyncio.sleep(1)
            return None, []
        return analysis, events

    async def _sweep_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP):
                    await self._released.wait()
            self._released.clear()
            await self._sweep()

    async def _sweep(self) -> None:
        """Note in the rows which analyses nobody holds any more."""
        old = time.monotonic() - _FORGOTTEN
        still = {hold.analysis_id for hold in self._holds if hold.used_at > old}
        try:
            async with self._database.write() as connection:
                await update_left_by(connection, self._presence.key, still, self._grace)
        except Unavailable as error:  # with the next sweep
            _log.warning("clients that went away not noted", reason=error.message)


def _is_all(analysis: Analysis, place: Place) -> bool:
    return analysis.ended_at is not None and place.number >= analysis.events
