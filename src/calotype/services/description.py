"""Reading the text in pictures and describing them, one job each."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import structlog

from calotype.ai.interfaces import Describer
from calotype.ai.rapidocr_reader import read_text
from calotype.db.asset import select_asset, update_asset, update_status
from calotype.db.color import select_colors
from calotype.db.description import insert_description
from calotype.db.engine import Database
from calotype.db.operation import update_open_operations
from calotype.db.picture import select_facts
from calotype.domain.asset import Asset, DescriptionRecord, OperationType, State
from calotype.domain.description import DescribeRequest, Description, TextReading
from calotype.domain.errors import CalotypeError, NotFound, SandboxFailure
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.picture import VariantName
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.services.embedding import EmbeddingService
from calotype.services.event import EventService
from calotype.services.processing import note_end
from calotype.services.search_document import search_document
from calotype.services.work import MAX_ATTEMPTS, MOST_BEGINNINGS, OPEN, try_again
from calotype.storage.store import ObjectStore

_STEP = (OperationType.DESCRIBE,)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Whether text is read at all, and how many seconds one picture may take."""

    enabled: bool
    timeout: float


class DescriptionService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        events: EventService,
        sandbox: Sandbox,
        describer: Describer,
        embeddings: EmbeddingService,
        limits: ReadingLimits,
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._events = events
        self._sandbox = sandbox
        self._describer = describer
        self._embeddings = embeddings
        self._limits = limits

    async def read_text(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Read the visible text of one picture, then queue its description.

        `attempt` counts how often the job was begun. Raises SandboxFailure only when no process could be started; text that
        cannot be read never keeps a picture from being described.
        """
        asset = await self._begin(scope, asset_id)
        if asset is None:
            return
        text: str | None = None
        if self._limits.enabled and attempt <= MOST_BEGINNINGS:
            try:
                text = (await self._read(asset)).text or None
            except (NotFound, SandboxFailure) as error:
                if error.context.get("reason") == "start":
                    raise
                _log.warning("text not read", asset_id=str(asset_id), reason=error.message)
        async with self._database.write() as connection:
            current = await select_asset(connection, scope.any(), asset_id, lock=True)
            if current is None:
                return
            values = {"visible_text": text, "search": _document(current, current.description, text)}
            await update_asset(connection, scope.any(), asset_id, values)
            await self._queue.enqueue(connection, Job(Task.DESCRIBE, asset.tenant_id, asset.id), Urgency.NEW)

    async def _begin(self, scope: Scope, asset_id: UUID) -> Asset | None:
        async with self._database.mark() as connection:
            asset = await update_status(connection, scope, asset_id, "description_status", OPEN, State.PROCESSING)
            if asset is not None:
                await update_open_operations(connection, scope, asset_id, _STEP, status=State.PROCESSING)
        return asset

    async def _read(self, asset: Asset) -> TextReading:
        large = asset.variant(VariantName.LARGE_1024)
        if large is None:
            raise NotFound("the picture has no large variant")
        data = await self._store.get(large.object_key)
        async with self._database.read() as connection:
            facts = await select_facts(connection, Scope(asset.tenant_id), asset.id)
        # In photographs a glance finds nearly all text at a tenth of the cost; elsewhere text is what matters.
        careful = facts is not None and facts.kind != "photo"
        reading: TextReading = await try_again(
            lambda: self._sandbox.run(read_text, data, careful=careful, timeout=self._limits.timeout)
        )
        return reading

    async def describe(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Describe one picture from what is known of it. Raises CalotypeError when another attempt is worthwhile."""
        started = time.monotonic()
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
            if asset is None or asset.description_status not in OPEN:
                return
            facts = await select_facts(connection, scope, asset_id)
            colors = await select_colors(connection, scope, asset_id)
        if facts is None:
            await self._fail(asset, "the picture has no variants to describe")
            return
        request = DescribeRequest(
            width=facts.width,
            height=facts.height,
            kind=facts.kind,
            format=asset.format,
            size_bytes=asset.size_bytes,
            metadata=facts.metadata,
            colors=colors,
            visible_text=asset.visible_text,
            frames=facts.frames,
            picture=None,
        )
        try:
            description = await self._describer.describe(request)
        except CalotypeError as error:
            if attempt < MAX_ATTEMPTS:
                raise
            await self._fail(asset, error.message)
            return
        await self._finish(asset, description, round((time.monotonic() - started) * 1000))

    async def _finish(self, asset: Asset, made: Description, took_ms: int) -> None:
        prepared = await self._embeddings.prepare(asset, made)
        now = datetime.now(UTC)
        scope = Scope(asset.tenant_id).any()
        record = DescriptionRecord(
            uuid4(), made.text, made.visible_text, made.confidence, made.providers, "standard", took_ms, now
        )
        async with self._database.write() as connection:
            current = await select_asset(connection, scope, asset.id, lock=True)
            if current is None or current.description_status not in OPEN:
                return
            values: dict[str, Any] = {
                "description": made.text,
                "visible_text": made.visible_text,
                "confidence": made.confidence,
                "described_at": now,
                "has_description": True,
                "description_status": State.COMPLETED.value,
                "description_error": None,
                "search": _document(current, made.text, made.visible_text),
            }
            await update_asset(connection, scope, asset.id, values)
            await insert_description(connection, scope, asset.id, record)
            await self._embeddings.store(connection, current, made, prepared)
            await update_open_operations(connection, scope, asset.id, _STEP, status=State.COMPLETED, completed_at=now)
            ended = replace(current, description_status=State.COMPLETED, description_error=None)
            await note_end(connection, scope, self._events, ended)

    async def _fail(self, asset: Asset, reason: str) -> None:
        scope = Scope(asset.tenant_id).any()
        values = {"description_status": State.FAILED.value, "description_error": reason}
        async with self._database.write() as connection:
            current = await update_status(connection, scope, asset.id, "description_status", OPEN, State.FAILED)
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


def _document(asset: Asset, description: str | None, visible_text: str | None) -> str:
    return search_document(
        title=asset.title,
        filename=asset.original_filename,
        tags=asset.tags,
        description=description,
        visible_text=visible_text,
    )
