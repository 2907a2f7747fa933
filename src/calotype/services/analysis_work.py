"""The work on analyses: done by workers, stored as it ends, and never counted twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
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
from calotype.services.attempts import when_back
from calotype.services.describing import Described, DescribingService
from calotype.services.presence import Presence
from calotype.services.slots import Room, Slots

_MOST_BEGINNINGS = 3  # of one image, each of which brought a worker down
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between two looks whether pictures have been developed
_GATHER = 0.005  # seconds in which what ends is stored together
_INTERRUPTED = Failure(FailureCode.FAILED, f"Its analysis was interrupted {_MOST_BEGINNINGS} times")
_NOT_STORED = Failure(FailureCode.FAILED, "The result could not be stored")
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
        # Should the database forget it in a crash, this process has nothing to say any more, and is followed by another.
        async with self._database.mark() as connection:
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
        """Describe images as there is room; what has ended is stored together with the beginning of the next."""
        describing: set[asyncio.Task[_Done]] = set()
        room = Room(self._slots, work.scope.tenant_id)
        pause, is_all = _FIRST_PAUSE, False
        try:
            while describing or not is_all:
                _check_cancelled()
                ended = {task for task in describing if task.done()}
                describing -= ended
                most = room.taken(self._concurrency)
                if not ended and not most:
                    waiting: set[asyncio.Future[Any]] = {*describing, *([] if is_all else [room.ask()])}
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    if describing:
                        await asyncio.sleep(_GATHER)
                    continue
                with room.returning(most) as unused:
                    items, is_all = await self._step(work, [task.result() for task in ended], most, is_all=is_all)
                    unused.count -= len(items)
                for item in items:
                    task = asyncio.create_task(self._describe(work, item))
                    # Called also for one that is cancelled before its first step.
                    task.add_done_callback(lambda _: self._slots.give_back())
                    describing.add(task)
                if items:
                    pause = _FIRST_PAUSE
                elif most and not is_all:
                    # What is left waits for its pictures, and meanwhile takes nobody's room.
                    await (asyncio.wait(describing, timeout=pause) if describing else asyncio.sleep(pause))
                    pause = min(2 * pause, _LONGEST_PAUSE)
        except _TakenAway:
            pass
        finally:
            room.close()
            for task in describing:
                task.cancel()
            await asyncio.gather(*describing, return_exceptions=True)
            await asyncio.shield(self._give_back(work))

    async def _describe(self, work: _Work, item: AnalysisItem) -> _Done:
        return _Done(item, await self._outcome(work.scope, item))

    async def _outcome(self, scope: Scope, item: AnalysisItem) -> Described | Failure:
        """What becomes of one image; a database or store that is away for a moment is waited for."""
        try:
            return await when_back(lambda: self._described(scope, item))
        except CalotypeError as error:
            _log.warning("image not analysed", asset_id=str(item.asset_id), reason=error.message)
            return Failure(FailureCode.FAILED, error.message)
        except Exception:
            _log.exception("image not analysed", asset_id=str(item.asset_id))
            return Failure(FailureCode.FAILED, "An unexpected error occurred")

    async def _described(self, scope: Scope, item: AnalysisItem) -> Described | Failure:
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, item.asset_id)
        if asset is None:
            return Failure(FailureCode.IMAGE_NOT_FOUND, "The image was deleted")
        if item.fault is not None:
            return Failure(FailureCode.FAILED, item.fault)
        return await self._describing.describe(asset, reads_text=True)

    async def _step(
        self, work: _Work, ended: Sequence[_Done], most: int, *, is_all: bool
    ) -> tuple[list[AnalysisItem], bool]:
        """Store what has ended, and begin with at most so many images; returns these, and whether nothing waits after them.

        A database that is away is waited for, and what cannot be stored fails alone.
        """
        try:
            return await when_back(lambda: self._step_once(work, ended, most, is_all=is_all))
        except (Unavailable, _TakenAway):
            raise
        except Exception:
            _log.exception("results not stored", analysis_id=str(work.analysis_id), images=len(ended))
            if not any(isinstance(one.outcome, Described) for one in ended):
                raise
            for one in ended:
                alone = one if len(ended) > 1 else replace(one, outcome=_NOT_STORED)
                await self._step(work, [alone], 0, is_all=is_all)
            return [], is_all

    async def _step_once(
        self, work: _Work, ended: Sequence[_Done], most: int, *, is_all: bool
    ) -> tuple[list[AnalysisItem], bool]:
        async with self._database.write() as connection:
            if ended:
                await lock_session(connection, work.scope, work.session_id)
            analysis = await self._mine(connection, work)
            if ended:
                analysis = await self._store(connection, work, analysis, ended)
            return await self._claim(connection, work, analysis, most) if most else ([], is_all)

    async def _store(self, connection: Connection, work: _Work, analysis: Analysis, ended: Sequence[_Done]) -> Analysis:
        scope = work.scope
        # Of an earlier attempt only the answer may have been lost.
        still = {item.place for item in await select_items(connection, scope, analysis.id, (ItemState.ANALYZING,))}
        ended = [one for one in ended if one.item.place in still]
        described = [(one.item, one.outcome) for one in ended if isinstance(one.outcome, Described)]
        assets = await select_assets(connection, scope.any(), [item.asset_id for item, _ in described], lock=True)
        named = await _named(connection, work, described)
        for item, outcome in described:
            if item.asset_id in assets:  # else purged meanwhile; the result is told all the same
                await self._describing.store(connection, assets[item.asset_id], outcome)
        ends = [
            ItemEnd(one.item, one.outcome if isinstance(one.outcome, Failure) else named[one.item.place])
            for one in ended
        ]
        return await end(connection, analysis, ends)

    async def _claim(
        self, connection: Connection, work: _Work, analysis: Analysis, most: int
    ) -> tuple[list[AnalysisItem], bool]:
        if analysis.ended_at is not None:
            return [], True
        if analysis.is_lapsed:
            await end_waiting(connection, analysis, CANCELLED)
            return [], True
        ready = await select_ready_items(connection, work.scope, work.analysis_id, most)
        lost = [item for item in ready if item.attempts >= _MOST_BEGINNINGS]
        analysis = await end(connection, analysis, [ItemEnd(item, _INTERRUPTED) for item in lost])
        items = [item for item in ready if item.attempts < _MOST_BEGINNINGS]
        if items:
            await begin(connection, analysis, items)
        waiting = await select_items(connection, work.scope, work.analysis_id, (ItemState.WAITING,))
        return [replace(item, is_told=True) for item in items], not waiting

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


def _check_cancelled() -> None:
    """Notice a cancellation that was lost on the way, in the driver."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


async def _named(
    connection: Connection, work: _Work, described: Sequence[tuple[AnalysisItem, Described]]
) -> dict[int, DescriptiveMetadata]:
    """The metadata of images, by their places, each with a file name that no other image of the session has; it is locked."""
    named: dict[int, DescriptiveMetadata] = {}
    chosen: dict[int, str] = {}
    known: dict[str, dict[str, int]] = {}
    for item, outcome in described:
        number = number_of(item.image_id)
        assert number is not None
        metadata = outcome.description.metadata
        # With a number behind it a name of the greatest length loses its end.
        beginning = metadata.filename[: LONGEST_FILENAME // 2].rstrip("-")
        if beginning not in known:
            known[beginning] = await select_filenames(connection, work.scope, work.session_id, beginning)
        others = {name for name, owner in known[beginning].items() if owner != number} | set(chosen.values())
        chosen[number] = distinct_filename(metadata.filename, others)
        named[item.place] = replace(metadata, filename=chosen[number])
    if chosen:
        await update_filenames(connection, work.scope, work.session_id, chosen)
    return named
