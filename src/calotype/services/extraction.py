"""Extracting the text of documents: read, cut into chunks, embedded, and kept with a picture of the first page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog

from calotype.db.asset import select_asset, update_asset, update_status
from calotype.db.asset_text import upsert_asset_text
from calotype.db.document import update_document
from calotype.db.document_chunk import delete_chunks, insert_chunks
from calotype.db.engine import Connection, Database
from calotype.db.operation import select_open_operation, update_open_operations
from calotype.domain.asset import OPEN_STATES, Asset, OperationType, State
from calotype.domain.document import ReadDocument
from calotype.domain.embedding import Embedding
from calotype.domain.errors import CalotypeError, SandboxFailure, Unavailable
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.services.attempts import MOST_BEGINNINGS, lasting_reason, when_back
from calotype.services.document_reading import DocumentReader
from calotype.services.document_words import DocumentWords
from calotype.services.embedding import EmbeddingService
from calotype.services.event import EventService
from calotype.services.preview import Preview, PreviewService, unused
from calotype.services.processing import note_end
from calotype.services.wanted import NoLongerWantedError, while_wanted

_STEPS = (OperationType.EXTRACT_TEXT,)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Extraction:
    """One run under way: the asset as it found it, and the step of its history that is the run's own."""

    asset: Asset
    step: UUID


@dataclass(frozen=True, slots=True)
class _Extracted:
    """All that a run found out, ready to be stored."""

    read: ReadDocument
    words: DocumentWords
    embeddings: Sequence[Embedding]
    preview: Preview | None = None


class ExtractionService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self,
        database: Database,
        events: EventService,
        reader: DocumentReader,
        embeddings: EmbeddingService,
        previews: PreviewService,
    ) -> None:
        self._database = database
        self._events = events
        self._reader = reader
        self._embeddings = embeddings
        self._previews = previews

    async def extract(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Read one document, in another process again when one did not survive it.

        `attempt` counts how often the job was begun. Raises what may pass (`lasting_reason`).
        """
        run = await self._begin(scope, asset_id)
        if run is None:
            return
        try:
            if attempt > MOST_BEGINNINGS:
                raise SandboxFailure(f"its reading was interrupted {attempt - 1} times", reason="crashed")
            async with while_wanted(lambda: self._is_wanted(scope, run)):
                extracted = await self._read(run.asset)
            # Not broken off any more, so that what is stored with it is either kept or removed again.
            preview = await self._preview(run.asset, extracted.read.picture)
            made = replace(extracted, preview=preview)
            await when_back(lambda: self._finish(run, made))
        except NoLongerWantedError:
            _log.info("extraction stopped", asset_id=str(asset_id))
        except Exception as error:
            await self._fail(run, lasting_reason(error, attempt))

    async def _begin(self, scope: Scope, asset_id: UUID) -> _Extraction | None:
        """Show a live document as being read; None where there is nothing to do."""
        async with self._database.write() as connection:
            asset = await update_status(connection, scope, asset_id, "text_status", OPEN_STATES, State.PROCESSING)
            if asset is None:
                return None
            await update_open_operations(connection, scope, asset_id, _STEPS, status=State.PROCESSING)
            step = await select_open_operation(connection, scope, asset_id, OperationType.EXTRACT_TEXT)
        return _Extraction(asset, step.id) if step else None

    async def _is_wanted(self, scope: Scope, run: _Extraction) -> bool:
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, run.asset.id)
            return asset is not None and await self._is_own(connection, scope, run)

    async def _is_own(self, connection: Connection, scope: Scope, run: _Extraction) -> bool:
        """Whether the run is still the one that is awaited."""
        step = await select_open_operation(connection, scope, run.asset.id, OperationType.EXTRACT_TEXT)
        return step is not None and step.id == run.step

    async def _read(self, asset: Asset) -> _Extracted:
        read = await self._reader.read(asset)
        words = await self._reader.words(asset, read)
        embeddings = await self._embeddings.of_chunks(asset.id, [chunk for chunk, _ in words.chunks])
        return _Extracted(read, words, embeddings)

    async def _preview(self, asset: Asset, picture: bytes | None) -> Preview | None:
        """The variants of the first page's picture; a document without one is none the worse."""
        if picture is None:
            return None
        try:
            return await self._previews.make(asset, picture)
        except Unavailable:
            raise
        except CalotypeError as error:
            if error.context.get("reason") == "start":
                raise
            _log.warning("no picture of the first page", asset_id=str(asset.id), reason=error.message)
            return None

    async def _finish(self, run: _Extraction, made: _Extracted) -> None:
        # A document trashed meanwhile keeps what was read, for its restoration; one purged meanwhile cannot.
        scope, now = Scope(run.asset.tenant_id).any(), datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, run.asset.id, lock=True)
            step = await select_open_operation(connection, scope, run.asset.id, OperationType.EXTRACT_TEXT)
            stale: set[str] = set()
            if asset is not None and step is not None and step.id == run.step:
                await self._store(connection, scope, asset, made)
                stale = await self._previews.keep(connection, scope, asset, made.preview)
                await update_open_operations(
                    connection, scope, asset.id, _STEPS, status=State.COMPLETED, completed_at=now
                )
                ended = replace(asset, text_status=State.COMPLETED, text_error=None)
                await note_end(connection, scope, self._events, ended)
            elif step is None:  # else another run is about to write the same names, or has done so
                stale = unused(made.preview, asset)
        # What cannot be removed now is under names that the next run writes again.
        await self._previews.discard(stale)

    async def _store(self, connection: Connection, scope: Scope, asset: Asset, made: _Extracted) -> None:
        await delete_chunks(connection, scope, asset.id)
        chunks = [(uuid4(), chunk, search) for chunk, search in made.words.chunks]
        await insert_chunks(connection, scope, asset.id, chunks, datetime.now(UTC))
        await self._embeddings.store_parts(connection, scope, made.embeddings)
        await upsert_asset_text(connection, scope, asset.id, made.words.text, made.words.body)
        values = {
            "page_count": made.read.page_count,
            "chunk_count": len(chunks),
            "properties": {**(made.read.properties or {}), **_encoding(made.read)},
            "note": ". ".join(made.read.notes) or None,
        }
        await update_document(connection, scope, asset.id, values)
        search = searchable_asset(
            title=asset.title,
            filename=asset.original_filename,
            tags=asset.tags,
            description=None,
            visible_text=None,
        )
        states = {"text_status": State.COMPLETED.value, "text_error": None, "search": search}
        await update_asset(connection, scope, asset.id, states)

    async def _fail(self, run: _Extraction, reason: str) -> None:
        scope, now = Scope(run.asset.tenant_id).any(), datetime.now(UTC)
        _log.warning("document not read", asset_id=str(run.asset.id), format=run.asset.format, reason=reason)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, run.asset.id, lock=True)
            if asset is None or not await self._is_own(connection, scope, run):
                return
            values = {"text_status": State.FAILED.value, "text_error": reason}
            await update_asset(connection, scope, asset.id, values)
            await update_open_operations(
                connection, scope, asset.id, _STEPS, status=State.FAILED, completed_at=now, error_message=reason
            )
            ended = replace(asset, text_status=State.FAILED, text_error=reason)
            await note_end(connection, scope, self._events, ended)


def _encoding(read: ReadDocument) -> dict[str, str]:
    return {"encoding": read.encoding} if read.encoding else {}
