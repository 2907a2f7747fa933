"""Rows for tests: documents and their chunks, as extraction would make them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from calotype.db.document_chunk import insert_chunks
from calotype.db.embedding import upsert_embeddings
from calotype.db.engine import Connection
from calotype.domain.asset import State
from calotype.domain.document import BlockKind, Chunk
from calotype.domain.embedding import Embedding, EmbeddingSource
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_chunk
from tests.db.rows import NOW, add, new_asset

PDF = {"media_type": "document", "content_type": "application/pdf", "format": "pdf", "original_filename": "manual.pdf"}
READ = {"variant_status": None, "description_status": None, "text_status": State.COMPLETED}


async def add_document(connection: Connection, scope: Scope, now: datetime = NOW, **values: Any) -> UUID:
    """Insert the asset of a document whose text has been read."""
    return await add(connection, new_asset(scope.tenant_id, **{**PDF, **READ, **values}), now)


def chunk_of(index: int = 0, content: str = "The forklift is checked every morning.", **values: Any) -> Chunk:
    """One chunk; any value may be given."""
    plain = Chunk(index, content, (1, 2), ("Safety", 'a "quoted", heading'), BlockKind.PARAGRAPH, 6)
    return replace(plain, **values)


async def add_chunks(
    connection: Connection, scope: Scope, asset_id: UUID, chunks: list[Chunk], model: str | None = None
) -> list[UUID]:
    """Insert the chunks of one document, with `model` each with the vector 1, its number, 0; returns their ids."""
    ids = [uuid4() for _ in chunks]
    rows = [
        (chunk_id, chunk, searchable_chunk("manual.pdf", chunk)) for chunk_id, chunk in zip(ids, chunks, strict=True)
    ]
    await insert_chunks(connection, scope, asset_id, rows, NOW)
    if model is not None:
        vectors = [
            Embedding(asset_id, EmbeddingSource.CHUNK, model, (1.0, float(chunk.index), 0.0), chunk.index)
            for chunk in chunks
        ]
        await upsert_embeddings(connection, scope, vectors, NOW)
    return ids
