"""Documents: listing them, reading their text and chunks, and deleting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from calotype.db.asset import select_asset, select_assets, update_asset
from calotype.db.asset_text import select_asset_text
from calotype.db.document import select_document_page
from calotype.db.document_chunk import select_chunks
from calotype.db.embedding import select_vectors
from calotype.db.engine import Connection, Database
from calotype.db.operation import insert_operations
from calotype.domain.asset import Asset, Operation, OperationType, State
from calotype.domain.deletion import Deletion, Fate
from calotype.domain.document import DOCUMENT, DocumentChunks, DocumentPage, DocumentText, LibraryDocument
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from calotype.services.asset import AssetService
from calotype.services.library_document import library_documents
from calotype.services.trash import TrashService

NOT_FOUND = "Document not found"


class DocumentService:
    """Everything but searching; `model` names the vectors that are shown."""

    def __init__(
        self, database: Database, queue: JobQueue, assets: AssetService, trash: TrashService, *, model: str
    ) -> None:
        self._database = database
        self._queue = queue
        self._assets = assets
        self._trash = trash
        self._model = model

    async def page(self, scope: Scope, status: State | None, window: Window) -> DocumentPage:
        """One window, of one state of extraction or all, and the exact count."""
        async with self._database.snapshot() as connection:
            assets, total = await select_document_page(connection, scope, status, window)
            documents = await library_documents(connection, scope, assets)
        return DocumentPage(tuple(documents[asset.id] for asset in assets if asset.id in documents), total)

    async def get(self, scope: Scope, asset_id: UUID) -> LibraryDocument:
        """One document. Raises NotFound, for other assets too."""
        async with self._database.snapshot() as connection:
            return await self._document(connection, scope, asset_id)

    async def text(self, scope: Scope, asset_id: UUID) -> DocumentText:
        """One document with its text. Raises NotFound, and Conflict until that is read."""
        async with self._database.snapshot() as connection:
            document = await self._document(connection, scope, asset_id)
            asset = document.asset
            if asset.text_status is State.FAILED:
                raise Conflict(f"The text of this document could not be read: {asset.text_error}")
            if asset.text_status is not State.COMPLETED:
                raise Conflict("The text of this document is not read yet")
            return DocumentText(document, await select_asset_text(connection, scope, asset_id) or "")

    async def chunks(self, scope: Scope, asset_id: UUID, *, with_vectors: bool = False) -> DocumentChunks:
        """One document with its chunks, none before its text is read. Raises NotFound."""
        async with self._database.snapshot() as connection:
            document = await self._document(connection, scope, asset_id)
            chunks = await select_chunks(connection, scope, asset_id)
            vectors: Mapping[int, Sequence[float]] = {}
            if with_vectors:
                vectors = await select_vectors(connection, scope, asset_id, EmbeddingSource.CHUNK, self._model)
        return DocumentChunks(document, tuple(chunks), vectors)

    async def update(self, scope: Scope, asset_id: UUID, changes: Mapping[str, Any]) -> Asset:
        """Change title or tags, as those of any asset. Raises NotFound, for other assets too."""
        await self.get(scope, asset_id)
        return await self._assets.update(scope, asset_id, changes)

    async def delete(self, scope: Scope, asset_id: UUID) -> None:
        """Move one document to the trash. Raises NotFound, and Conflict while its text is being read."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            if asset is None or asset.media_type != DOCUMENT:
                raise NotFound(NOT_FOUND)
            if asset.text_status is State.PROCESSING:
                raise Conflict("The text of this document is being read; delete it in a moment")
            await self._trash.put_in(connection, scope, [asset_id], now)

    async def delete_many(self, scope: Scope, asset_ids: Sequence[UUID]) -> list[Deletion]:
        """Move several documents to the trash, in the order given; other assets are not found."""
        async with self._database.read() as connection:
            found = await select_assets(connection, scope, asset_ids)
        documents = [key for key in asset_ids if key in found and found[key].media_type == DOCUMENT]
        deleted = {outcome.asset_id: outcome for outcome in await self._trash.delete_many(scope, documents)}
        return [deleted.get(key, Deletion(key, Fate.FAILED, "File not found")) for key in asset_ids]

    async def extract_again(self, scope: Scope, asset_id: UUID) -> LibraryDocument:
        """Have the text of a document read again, unless that is under way; returns it as it is then. Raises NotFound."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            if asset is None or asset.media_type != DOCUMENT:
                raise NotFound(NOT_FOUND)
            job = Job(Task.EXTRACT_TEXT, scope.tenant_id, asset_id)
            if asset.is_unfinished:
                await self._queue.enqueue_lost(connection, job, Urgency.NEW)
            else:
                values = {"text_status": State.PENDING.value, "text_error": None}
                await update_asset(connection, scope, asset_id, values)
                step = Operation(uuid4(), asset_id, OperationType.EXTRACT_TEXT, State.PENDING, now, None, None)
                await insert_operations(connection, scope, [step])
                await self._queue.enqueue(connection, job, Urgency.NEW)
            return await self._document(connection, scope, asset_id)

    async def _document(self, connection: Connection, scope: Scope, asset_id: UUID) -> LibraryDocument:
        asset = await select_asset(connection, scope, asset_id)
        document = (await library_documents(connection, scope, [asset] if asset else [])).get(asset_id)
        if document is None:
            raise NotFound(NOT_FOUND)
        return document
