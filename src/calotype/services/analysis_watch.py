"""Telling clients of their analyses while these go on: any number of them, in any number of web processes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import structlog

from calotype.db.analysis import CHANNEL, update_left_by
from calotype.db.engine import Database
from calotype.domain.analysis import AnalysisEvent, Begun, Complete, Failed, Result, WantedImage
from calotype.domain.errors import AnalysisFailed, SessionNotFound, Unavailable
from calotype.domain.scope import Scope
from calotype.services.analysis import AnalysisService, Place
from calotype.services.presence import Presence
from calotype.services.wakeups import Wakeups

_LOOK = 10.0  # seconds after which a watcher looks by itself, should a notification have been lost
_AGAIN = 1.0  # seconds until a database that is away is asked again
_SILENCE = 10.0  # seconds after which a client is told that nothing has happened
_GATHER = 0.01  # seconds in which what happens is told together
_AT_ONCE = 8  # looks into the database, which many watchers may be woken for at the same moment
_SWEEP = 5.0  # seconds between two looks for analyses that nobody holds any more
_FORGOTTEN = 120.0  # seconds after which a stream that was never used, nor released, counts no longer
_log = structlog.get_logger(__name__)


class AnalysisStream:
    """A client that is told of an analysis, from before its beginning until it is released; `place` is how far."""

    def __init__(self, watch: AnalysisWatch, scope: Scope, place: Place) -> None:
        self.scope = scope
        self.place = place
        self.used_at = time.monotonic()
        self._watch = watch

    def release(self) -> None:
        """The client is gone, or knows everything.

        Nothing is waited for, since this is called where a request ends, perhaps because it is cancelled.
        """
        self._watch.release(self)

    async def events(self, *, to_the_end: bool = False) -> AsyncGenerator[AnalysisEvent | None, None]:
        """What there is to tell, as it happens, until the analysis has ended.

        None every 10 s in which there was nothing, whatever the database does. Ends early when this process is being stopped,
        unless it is to be told `to_the_end`.
        """
        with self._watch.wakeups.of(self.place.analysis_id) as woken:
            looking = asyncio.create_task(self._watch.look(self))
            told_at = time.monotonic()
            try:
                while True:
                    done, _ = await asyncio.wait([looking], timeout=max(0.0, told_at + _SILENCE - time.monotonic()))
                    self.used_at = time.monotonic()
                    if done:
                        is_all, events = looking.result()
                        for event in events:
                            self.place = replace(self.place, number=event.number)
                            yield event
                            told_at = time.monotonic()
                        if is_all or (self._watch.is_stopping and not to_the_end):
                            return
                        looking = asyncio.create_task(self._look_later(woken))
                    if time.monotonic() - told_at >= _SILENCE:
                        yield None
                        told_at = time.monotonic()
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)

    async def _look_later(self, woken: asyncio.Event) -> tuple[bool, list[AnalysisEvent]]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await woken.wait()
            if self.place.number:  # the first is waited for
                await asyncio.sleep(_GATHER)
        woken.clear()
        return await self._watch.look(self)


class AnalysisWatch:
    """One per web process. What is new is read from rows, so a client may come back to any process."""

    def __init__(
        self,
        analyses: AnalysisService,
        database: Database,
        presence: Presence,
        *,
        grace: float,
        single_wait: float,
    ) -> None:
        self._analyses = analyses
        self._database = database
        self._presence = presence
        self._grace = grace
        self._single_wait = single_wait
        self.wakeups = Wakeups(database.url, CHANNEL)
        self.is_stopping = False
        """Whether streams are ended before their time."""
        self._is_over = False
        self._streams: set[AnalysisStream] = set()
        self._released = asyncio.Event()
        self._room = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen, and note whose clients have gone, for as long as the block lasts."""
        self._is_over = False
        sweeping = asyncio.create_task(self._sweep_for_ever())
        try:
            async with self.wakeups.running():
                yield
        finally:
            self._is_over = True
            sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeping
            self._streams.clear()
            await self._sweep()

    def stop(self) -> None:
        """End all streams, since this process is about to; their clients come back to the next."""
        self.is_stopping = True
        self.wakeups.wake_all()

    async def open(
        self,
        scope: Scope,
        session_id: str,
        wanted: Sequence[WantedImage],
        *,
        request_id: str | None = None,
        last_event_id: str | None = None,
    ) -> AnalysisStream:
        """Begin an analysis, or come back to one whose last event seen is named; the stream must be released.

        Raises what `AnalysisService.start` and `come_back` raise.
        """
        if last_event_id is not None:
            return self._hold(scope, await self._analyses.come_back(scope, session_id, last_event_id, wanted))
        # Held before it is there, so that it never looks as if nobody did.
        stream = self._hold(scope, Place(uuid4()))
        try:
            await self._analyses.start(scope, session_id, wanted, stream.place.analysis_id, request_id)
        except BaseException:
            stream.release()
            raise
        return stream

    async def single(
        self, scope: Scope, session_id: str, image: WantedImage, *, request_id: str | None = None
    ) -> tuple[Result, Complete]:
        """Analyse one image and wait for that.

        Raises what `AnalysisService.start` raises, and AnalysisFailed, after which nothing is charged: also when it was not even
        begun in time.
        """
        stream = await self.open(scope, session_id, [image], request_id=request_id)
        try:
            ended, complete = await self._ended(stream)
        finally:
            stream.release()
        if isinstance(ended, Failed):
            raise AnalysisFailed(ended.failure.message, reason=ended.failure.code.value)
        return ended, complete

    async def _ended(self, stream: AnalysisStream) -> tuple[Result | Failed, Complete]:
        calling_off = asyncio.create_task(self._call_off_late(stream))
        told: list[Begun | Result | Failed | Complete] = []
        try:
            async with aclosing(stream.events()) as events:
                async for event in events:
                    told += [event.told] if event else []
                    if told:
                        calling_off.cancel()
            if not told or not isinstance(told[-1], Complete):
                # This process is being stopped. What has begun is charged, and so it is waited for.
                await self._analyses.call_off(stream.scope, stream.place.analysis_id)
                async with aclosing(stream.events(to_the_end=True)) as events:
                    told += [event.told async for event in events if event]
        finally:
            calling_off.cancel()
            await asyncio.gather(calling_off, return_exceptions=True)
        *_, ended, complete = told
        assert isinstance(ended, Result | Failed)
        assert isinstance(complete, Complete)
        return ended, complete

    async def _call_off_late(self, stream: AnalysisStream) -> None:
        """Call an analysis off that has not begun after a while; then it ends like all others."""
        await asyncio.sleep(self._single_wait)
        while True:
            try:
                await self._analyses.call_off(stream.scope, stream.place.analysis_id)
            except Unavailable:
                await asyncio.sleep(_AGAIN)
            else:
                return

    def _hold(self, scope: Scope, place: Place) -> AnalysisStream:
        stream = AnalysisStream(self, scope, place)
        self._streams.add(stream)
        return stream

    def release(self, stream: AnalysisStream) -> None:
        """Count a client as gone, which is soon noted in the rows."""
        self._streams.discard(stream)
        self._released.set()

    async def look(self, stream: AnalysisStream) -> tuple[bool, list[AnalysisEvent]]:
        """Whether an analysis has ended, and what is new of it; nothing while the database is away, which is asked again soon."""
        try:
            async with self._room:
                analysis, events = await self._analyses.news(stream.scope, stream.place)
                if analysis.ended_at is None and not self._analyses.is_watched_here(analysis):
                    # Another process told of it until now, or this one was taken for dead.
                    await self._analyses.watch(stream.scope, analysis.id)
        except SessionNotFound:
            return True, []  # it expired so long ago that it was forgotten
        except Unavailable as error:
            _log.warning("not told of an analysis", analysis_id=str(stream.place.analysis_id), reason=error.message)
            await asyncio.sleep(_AGAIN)
            self.wakeups.wake(stream.place.analysis_id)  # what this look was for may never be notified again
            return False, []
        return analysis.ended_at is not None, events

    async def _sweep_for_ever(self) -> None:
        while not self._is_over:  # a cancellation may be lost in the driver
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP):
                    await self._released.wait()
            self._released.clear()
            await self._sweep()

    async def _sweep(self) -> None:
        """Note in the rows which analyses nobody holds any more."""
        old = time.monotonic() - _FORGOTTEN
        still = {stream.place.analysis_id for stream in self._streams if stream.used_at > old}
        try:
            async with self._database.write() as connection:
                await update_left_by(connection, self._presence.key, still, self._grace)
        except Unavailable as error:  # with the next sweep
            _log.warning("clients that went away not noted", reason=error.message)
            return
        # Whoever came back in between was perhaps noted as gone; it looks, and says that it is there.
        for analysis_id in {stream.place.analysis_id for stream in self._streams} - still:
            self.wakeups.wake(analysis_id)
