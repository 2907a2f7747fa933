"""Reading the text in pictures and describing them, one job each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from calotype.db.asset import select_asset, update_asset, update_status
from calotype.db.engine import Database
from calotype.db.operation import update_open_operations
from calotype.domain.asset import OPEN_STATES, Asset, OperationType, State
from calotype.domain.errors import CalotypeError, SandboxFailure, Unavailable
from calotype.domain.job import MOST_PASSING_FAULTS, Job, Task, Urgency
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from calotype.services.attempts import MAX_ATTEMPTS, MOST_BEGINNINGS, lasting_reason, when_back
from calotype.services.describing import Described, DescribingService, document_of
from calotype.services.event import EventService
from calotype.services.processing import note_end

_STEP = (OperationType.DESCRIBE,)
_log = structlog.get_logger(__name__)


class DescriptionService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self, database: Database, queue: JobQueue, events: EventService, describing: DescribingService
    ) -> None:
        self._database = database
        self._queue = queue
        self._events = events
        self._describing = describing

    async def read_text(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Read the visible text of one picture, then queue its description.

        `attempt` counts how often the job was begun. Raises what may pass (`lasting_reason`); text that cannot be read
        never keeps a picture from being described.
        """
        asset = await self._begin(scope, asset_id)
        if asset is None:
            return
        text: str | None = None
        if self._describing.reads_text and attempt <= MOST_BEGINNINGS:
            try:
                text = await self._describing.read_text(asset)
            except Exception as error:
                _log.warning("text not read", asset_id=str(asset_id), reason=lasting_reason(error, attempt))
        async with self._database.write() as connection:
            current = await select_asset(connection, scope.any(), asset_id, lock=True)
            if current is None or current.description_status not in OPEN_STATES:
                return  # somebody else has described it meanwhile, an analysis perhaps, and read its text for that
            text = text or current.visible_text
            values = {"visible_text": text, "search": document_of(current, current.description, text)}
            await update_asset(connection, scope.any(), asset_id, values)
            await self._queue.enqueue(connection, Job(Task.DESCRIBE, asset.tenant_id, asset.id), Urgency.NEW)

    async def _begin(self, scope: Scope, asset_id: UUID) -> Asset | None:
        async with self._database.mark() as connection:
            asset = await update_status(
                connection, scope, asset_id, "description_status", OPEN_STATES, State.PROCESSING
            )
            if asset is not None:
                await update_open_operations(connection, scope, asset_id, _STEP, status=State.PROCESSING)
        return asset

    async def describe(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Describe one picture from what is known of it. Raises CalotypeError when another attempt is worthwhile.

        A describer that is away is waited for as long as the queue tries again; one that will not answer is not asked again.
        """
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
        if asset is None or asset.description_status not in OPEN_STATES:
            return
        try:
            described = await self._describing.describe(asset)
            # What was waited for, and perhaps paid for, is not thrown away for a lost connection.
            await when_back(lambda: self._store(asset, described))
        except CalotypeError as error:
            if attempt < _attempts_after(error):
                raise
            await self._fail(asset, error.message)
        except Exception as error:
            await self._fail(asset, lasting_reason(error, attempt))

    async def _store(self, asset: Asset, described: Described) -> None:
        scope = Scope(asset.tenant_id).any()
        async with self._database.write() as connection:
            current = await select_asset(connection, scope, asset.id, lock=True)
            if current is not None and current.description_status in OPEN_STATES:
                await self._describing.store(connection, current, described)

    async def _fail(self, asset: Asset, reason: str) -> None:
        scope = Scope(asset.tenant_id).any()
        values = {"description_status": State.FAILED.value, "description_error": reason}
        async with self._database.write() as connection:
            current = await update_status(connection, scope, asset.id, "description_status", OPEN_STATES, State.FAILED)
            if current is None:
                return  # another worker, to whom the job was given meanwhile, has ended it
            await update_asset(connection, scope, asset.id, values)
            await update_open_operations(
                connection,
                scope,
                asset.id,
                _STEP,
                status=State.FAILED,
                completed_at=datetime.now(UTC),
                error_message=reason,
            )
            await note_end(connection, scope, self._events, replace(current, description_error=reason))


def _attempts_after(error: CalotypeError) -> int:
    """How many attempts in all a fault is worth."""
    if isinstance(error, Unavailable):
        return MOST_PASSING_FAULTS + 1  # the queue's first attempt, and those after faults
    return MAX_ATTEMPTS if isinstance(error, SandboxFailure) else 1
