"""The work on analyses: done by workers, stored as it ends, and never counted twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from calotype.db.analysis import return_items, select_analysis, select_items, select_ready_items, update_analysis
from calotype.db.analysis_session import lock_session, select_filenames, update_filenames
from calotype.db.asset import select_asset, select_assets
from calotype.db.engine import Connection, Database
from calotype.db.presence import select_present
from calotype.domain.analysis import Analysis, AnalysisItem, Failure, FailureCode, ItemEnd, ItemState
from calotype.domain.analysis_session import number_of
from calotype.domain.descriptive_metadata import LONGEST_FILENAME, DescriptiveMetadata, distinct_filename
from calotype.domain.errors import CalotypeError, Unavailable
from calotype.domain.scope import Scope
from calotype.services.analysis_ending import CANCELLED, begin, end, end_waiting
from calotype.services.describing import Described, DescribingService
from calotype.services.presence import Presence
from calotype.services.slots import Slots

_MOST_BEGINNINGS = 3  # of one image, each of which brought a worker down
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between two looks whether pictures have been developed
_STORING_PAUSES = (0.2, 1.0, 3.0, 10.0)  # seconds until a database that is away is tried again
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Work:
    """An analysis this process works on, in its epoch; what an older epoch brings is not taken."""

    scope: Scope
    analysis_id: UUID
    session_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one image: a description that is to be stored, or a failure."""

    item: AnalysisItem
    outcome: Described | Failure


class _TakenAway(Exception):
    """The analysis has ended, or somebody else works on it."""


class AnalysisWork:
    """Runs in workers: some images at once in all, whichever analyses they belong to."""

    def __init__(
        self, database: Database, describing: DescribingService, presence: Presence, *, concurrency: int
    ) -> None:
        self._database = database
        self._describing = describing
        self._presence = presence
        self._concurrency = concurrency
        self._slots = Slots(concurrency)
        self._here: set[UUID] = set()

    async def run(self, scope: Scope, analysis_id: UUID) -> None:
        """Work on an analysis until nothing is left of it, unless another process does so; may be repeated without harm."""
        if analysis_id in self._here:
            return
        self._here.add(analysis_id)
        try:
            work = await self._take_over(scope, analysis_id)
            if work is not None:
                await self._work(work)
        finally:
            self._here.discard(analysis_id)

    async def _take_over(self, scope: Scope, analysis_id: UUID) -> _Work | None:
        async with self._database.write() as connection:
            analysis = await select_analysis(connection, scope, analysis_id, lock=True)
            if analysis is None or analysis.ended_at is not None or analysis.is_suspended:
                return None
            owner = analysis.worked_by
            # Asked only now: whoever took it over meanwhile was alive before.
            if owner not in {None, self._presence.key} and owner in await select_present(connection):
                return None
            # Whoever lives was not brought down by an image, but could not give them back.
            await return_items(connection, scope, analysis_id, uncount=owner == self._presence.key)
            mine = {"worked_by": self._presence.key, "epoch": analysis.epoch + 1}
            await update_analysis(connection, scope, analysis_id, mine)
        return _Work(scope, analysis_id, analysis.session_id, analysis.epoch + 1)

    async def _work(self, work: _Work) -> None:
        done: asyncio.Queue[_Done | None] = asyncio.Queue()
        storing = asyncio.create_task(self._store_all(work, done))
        describing: set[asyncio.Task[None]] = set()
        try:
            await self._describe_all(work, done, describing, storing)
            await asyncio.gather(*describing)
            done.put_nowait(None)
            await storing
        except _TakenAway:
            pass
        finally:
            for task in (*describing, storing):
                task.cancel()
            done.put_nowait(None)  # the cancellation may be lost in the driver
            await asyncio.gather(*describing, storing, return_exceptions=True)
            await asyncio.shield(self._give_back(work))

    async def _describe_all(
        self,
        work: _Work,
        done: asyncio.Queue[_Done | None],
        describing: set[asyncio.Task[None]],
        storing: asyncio.Task[None],
    ) -> None:
        pause = _FIRST_PAUSE
        while True:
            if storing.done():
                storing.result()  # nothing can be stored any more
            slots = await self._take_slots(work)
            try:
                items, is_all = await self._claim(work, slots)
            except Unavailable as error:
                # What models are working on is not thrown away because the database is away for a moment.
                _log.warning("no images begun", analysis_id=str(work.analysis_id), reason=error.message)
                self._slots.give_back(slots)
                items, is_all, slots = [], False, 0
            except BaseException:
                self._slots.give_back(slots)
                raise
            self._slots.give_back(slots - len(items))
            for item in items:
                task = asyncio.create_task(self._describe(work, item, done))
                describing.add(task)
                task.add_done_callback(describing.discard)
                # Also of one that is cancelled before its first step.
                task.add_done_callback(lambda _: self._slots.give_back())
            if is_all:
                return
            if items:
                pause = _FIRST_PAUSE
            else:
                await asyncio.sleep(pause)  # what is left waits for its pictures
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _take_slots(self, work: _Work) -> int:
        await self._slots.take(work.scope.tenant_id)
        return 1 + self._slots.take_free(self._concurrency - 1)

    async def _claim(self, work: _Work, most: int) -> tuple[list[AnalysisItem], bool]:
        """The images to begin with now, and whether nothing is left after them."""
        async with self._database.write() as connection:
            analysis = await self._mine(connection, work)
            if analysis.is_lapsed:
                await end_waiting(connection, analysis, CANCELLED)
                return [], True
            ready = await select_ready_items(connection, work.scope, work.analysis_id, most)
            lost = [item for item in ready if item.attempts >= _MOST_BEGINNINGS]
            reason = Failure(FailureCode.FAILED, f"Its analysis was interrupted {_MOST_BEGINNINGS} times")
            analysis = await end(connection, analysis, [ItemEnd(item, reason) for item in lost])
            items = [item for item in ready if item.attempts < _MOST_BEGINNINGS]
            if items:
                await begin(connection, analysis, items)
            waiting = await select_items(connection, work.scope, work.analysis_id, (ItemState.WAITING,))
        return [replace(item, is_told=True) for item in items], not waiting

    async def _describe(self, work: _Work, item: AnalysisItem, done: asyncio.Queue[_Done | None]) -> None:
        done.put_nowait(_Done(item, await self._outcome(work.scope, item)))

    async def _outcome(self, scope: Scope, item: AnalysisItem) -> Described | Failure:
        try:
            async with self._database.read() as connection:
                asset = await select_asset(connection, scope, item.asset_id)
            if asset is None:
                return Failure(FailureCode.IMAGE_NOT_FOUND, "The image was deleted")
            if item.fault is not None:
                return Failure(FailureCode.FAILED, item.fault)
            return await self._describing.describe(asset, reads_text=True)
        except CalotypeError as error:
            _log.warning("image not analysed", asset_id=str(item.asset_id), reason=error.message)
            return Failure(FailureCode.FAILED, error.message)
        except Exception:
            _log.exception("image not analysed", asset_id=str(item.asset_id))
            return Failure(FailureCode.FAILED, "An unexpected error occurred")

    async def _store_all(self, work: _Work, done: asyncio.Queue[_Done | None]) -> None:
        """Store what has ended, all that has together, until None comes."""
        is_last = False
        while not is_last:
            arrived = [await done.get()]
            while not done.empty():
                arrived.append(done.get_nowait())
            is_last = None in arrived
            if together := [one for one in arrived if one is not None]:
                await self._store_patiently(work, together)

    async def _store_patiently(self, work: _Work, together: Sequence[_Done]) -> None:
        """Store what has ended; a database that is away is waited for, and what cannot be stored fails alone."""
        for pause in (*_STORING_PAUSES, None):
            try:
                await self._store(work, together)
            except Unavailable:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            except _TakenAway:
                raise
            except Exception:
                _log.exception("results not stored", analysis_id=str(work.analysis_id), images=len(together))
                if len(together) == 1 and isinstance(together[0].outcome, Failure):
                    raise
                failure = Failure(FailureCode.FAILED, "The result could not be stored")
                for one in together:
                    alone = one if len(together) > 1 else replace(one, outcome=failure)
                    await self._store_patiently(work, [alone])
                return
            else:
                return

    async def _store(self, work: _Work, together: Sequence[_Done]) -> None:
        scope = work.scope
        async with self._database.write() as connection:
            await lock_session(connection, scope, work.session_id)
            analysis = await self._mine(connection, work)
            # Of an earlier attempt only the answer may have been lost.
            still = {item.place for item in await select_items(connection, scope, analysis.id, (ItemState.ANALYZING,))}
            together = [one for one in together if one.item.place in still]
            described = [(one.item, one.outcome) for one in together if isinstance(one.outcome, Described)]
            assets = await select_assets(connection, scope.any(), [item.asset_id for item, _ in described], lock=True)
            named = await _named(connection, work, described)
            for item, outcome in described:
                if item.asset_id in assets:  # else purged meanwhile; the result is told all the same
                    await self._describing.store(connection, assets[item.asset_id], outcome)
            ends = [
                ItemEnd(one.item, one.outcome if isinstance(one.outcome, Failure) else named[one.item.place])
                for one in together
            ]
            await end(connection, analysis, ends)

    async def _mine(self, connection: Connection, work: _Work) -> Analysis:
        """The analysis, locked. Raises _TakenAway when this process has no business with it any more."""
        analysis = await select_analysis(connection, work.scope, work.analysis_id, lock=True)
        if analysis is None or analysis.ended_at is not None or analysis.epoch != work.epoch:
            raise _TakenAway
        return analysis

    async def _give_back(self, work: _Work) -> None:
        """Let others go on with what is left; what was begun and not stored waits again."""
        try:
            async with self._database.write() as connection:
                await self._mine(connection, work)
                await return_items(connection, work.scope, work.analysis_id, uncount=True)
                await update_analysis(connection, work.scope, work.analysis_id, {"worked_by": None})
        except _TakenAway:
            pass
        except Unavailable as error:  # found again: it is not among those that are worked on here
            _log.warning("analysis not given back", analysis_id=str(work.analysis_id), reason=error.message)

    def is_here(self, analysis_id: UUID) -> bool:
        """Whether this process is working on an analysis at this moment."""
        return analysis_id in self._here


async def _named(
    connection: Connection, work: _Work, described: Sequence[tuple[AnalysisItem, Described]]
) -> dict[int, DescriptiveMetadata]:
    """The metadata of images, by their places, each with a file name that no other image of the session has; it is locked."""
    named: dict[int, DescriptiveMetadata] = {}
    chosen: dict[int, str] = {}
    for item, outcome in described:
        number = number_of(item.image_id)
        assert number is not None
        metadata = outcome.description.metadata
        # With a number behind it a name of the greatest length loses its end.
        beginning = metadata.filename[: LONGEST_FILENAME // 2].rstrip("-")
        known = await select_filenames(connection, work.scope, work.session_id, beginning)
        others = {name for name, owner in known.items() if owner != number} | set(chosen.values())
        chosen[number] = distinct_filename(metadata.filename, others)
        named[item.place] = replace(metadata, filename=chosen[number])
    if chosen:
        await update_filenames(connection, work.scope, work.session_id, chosen)
    return named
