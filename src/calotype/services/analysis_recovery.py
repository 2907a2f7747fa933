"""Analyses whose client is gone, or whose worker died: credits come back, and what can go on does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from calotype.db.analysis import (
    notify_analysis,
    return_items,
    select_analysis,
    select_open,
    update_analysis,
    update_left_alone,
)
from calotype.db.engine import Connection, Database
from calotype.db.presence import select_present
from calotype.domain.analysis import Analysis
from calotype.domain.errors import Unavailable
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from calotype.services.analysis_ending import CANCELLED, end_waiting, suspend
from calotype.services.presence import Presence

_log = structlog.get_logger(__name__)


class AnalysisRecovery:
    """Runs in every worker, from its start on; several may do so at once.

    `is_here` tells of an analysis whether this very process is working on it; `grace` is how long, in seconds, a client that went
    away is waited for.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        presence: Presence,
        is_here: Callable[[UUID], bool],
        *,
        grace: float,
    ) -> None:
        self._database = database
        self._queue = queue
        self._presence = presence
        self._is_here = is_here
        self._grace = grace

    async def recover(self) -> None:
        """Look after every analysis that has not ended. Raises Unavailable."""
        async with self._database.read() as connection:
            found = await select_open(connection)
            present = await select_present(connection)
        for analysis in found:
            if self._is_in_order(analysis, present):
                continue
            try:
                async with self._database.write() as connection:
                    await self._mend(connection, analysis)
            except Unavailable:
                raise
            except Exception:  # the others are not to wait for it
                _log.exception("analysis not looked after", analysis_id=str(analysis.id))

    def _is_in_order(self, analysis: Analysis, present: set[int]) -> bool:
        is_told = analysis.watched_by in present if analysis.is_watched else not analysis.is_lapsed
        return is_told and (self._is_worked_on(analysis, present) or analysis.is_suspended)

    def _is_worked_on(self, analysis: Analysis, present: set[int]) -> bool:
        if analysis.worked_by == self._presence.key:
            return self._is_here(analysis.id)
        return analysis.worked_by in present

    async def _mend(self, connection: Connection, found: Analysis) -> None:
        scope = Scope(found.tenant_id)
        analysis = await select_analysis(connection, scope, found.id, lock=True)
        # Asked once the row is locked: whoever took it over meanwhile was alive before.
        present = await select_present(connection)
        if analysis is None or analysis.ended_at is not None or self._presence.key not in present:
            return  # not even this process is seen: the database has just lost all its connections
        if not self._is_worked_on(analysis, present) and analysis.worked_by is not None:
            _log.warning("the worker of an analysis is gone", analysis_id=str(analysis.id))
            await return_items(connection, scope, analysis.id)
            analysis = replace(analysis, worked_by=None, epoch=analysis.epoch + 1)
            # What it may still bring, should it live after all, is not taken.
            await update_analysis(connection, scope, analysis.id, {"worked_by": None, "epoch": analysis.epoch})
        if analysis.is_lapsed:
            await end_waiting(connection, analysis, CANCELLED)
            return
        if analysis.is_watched and analysis.watched_by not in present:
            await update_left_alone(connection, scope, analysis.id, self._grace)
            # A watcher that lives, and only lost its connections for a moment, looks now and says so.
            await notify_analysis(connection, analysis.id)
            if analysis.worked_by is None and not analysis.is_suspended:
                await suspend(connection, analysis)
                return
        if analysis.worked_by is None and not analysis.is_suspended:
            job = Job(Task.ANALYZE, analysis.tenant_id, analysis.id)
            await self._queue.enqueue(connection, job, Urgency.INTERACTIVE)
