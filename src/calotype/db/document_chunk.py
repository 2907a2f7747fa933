"""Rows of documents' chunks; replaced as a whole, under the lock of their document's asset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant, within
from calotype.domain.document import BlockKind, Chunk, DocumentChunk
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.scope import Scope

_A = tables.asset
_C = tables.document_chunk
_E = tables.embedding

_AT_ONCE = 1_000  # rows of one statement; those of a library's longest book would take it longer than any may
_INSERT = text(
    "INSERT INTO document_chunk (id, asset_id, tenant_id, index, content, page_numbers, headings, kind, word_count, search, "
    "created_at) SELECT id, :asset_id, :tenant_id, index, content, "
    "CASE WHEN json_typeof(pages) = 'array' THEN ARRAY(SELECT CAST(json_array_elements_text(pages) AS integer)) END, "
    "ARRAY(SELECT json_array_elements_text(headings)), kind, word_count, CAST(search AS tsvector), :created_at "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:indexes AS integer[]), CAST(:contents AS text[]), CAST(:pages AS json[]), "
    "CAST(:headings AS json[]), CAST(:kinds AS text[]), CAST(:counts AS integer[]), CAST(:searches AS text[])) "
    "AS given (id, index, content, pages, headings, kind, word_count, search)"
)


async def delete_chunks(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> None:
    """Remove the chunks of a document with their vectors."""
    await connection.execute(delete(_C).where(of_tenant(scope, _C), _C.c.asset_id == asset_id))
    await connection.execute(
        delete(_E).where(of_tenant(scope, _E), _E.c.asset_id == asset_id, _E.c.source == EmbeddingSource.CHUNK.value)
    )


async def insert_chunks(
    connection: AsyncConnection,
    scope: Scope,
    asset_id: UUID,
    chunks: Sequence[tuple[UUID, Chunk, str]],
    now: datetime,
) -> None:
    """Store the chunks of one document: (id, chunk, tsvector literal of its words)."""
    for start in range(0, len(chunks), _AT_ONCE):
        await connection.execute(_INSERT, _inserted(scope, asset_id, chunks[start : start + _AT_ONCE], now))


def _inserted(scope: Scope, asset_id: UUID, chunks: Sequence[tuple[UUID, Chunk, str]], now: datetime) -> dict[str, Any]:
    return {
        "asset_id": asset_id,
        "tenant_id": scope.tenant_id,
        "created_at": now,
        "ids": [chunk_id for chunk_id, _, _ in chunks],
        "indexes": [chunk.index for _, chunk, _ in chunks],
        "contents": [chunk.content for _, chunk, _ in chunks],
        "pages": [json.dumps(chunk.page_numbers) for _, chunk, _ in chunks],
        "headings": [json.dumps(chunk.headings) for _, chunk, _ in chunks],
        "kinds": [chunk.kind.value for _, chunk, _ in chunks],
        "counts": [chunk.word_count for _, chunk, _ in chunks],
        "searches": [search for _, _, search in chunks],
    }


async def select_chunks(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> list[DocumentChunk]:
    """The chunks of a document of the scope, in their order."""
    query = _scoped(scope).where(_C.c.asset_id == asset_id).order_by(_C.c.index)
    return [_from_row(row) for row in await connection.execute(query)]


async def select_found_chunks(
    connection: AsyncConnection, scope: Scope, chunk_ids: Sequence[UUID]
) -> dict[UUID, DocumentChunk]:
    """Those of some chunks that are of documents of the scope, by id."""
    if not chunk_ids:
        return {}
    rows = await connection.execute(_scoped(scope).where(_C.c.id.in_(list(chunk_ids))))
    return {row.id: _from_row(row) for row in rows}


def _scoped(scope: Scope) -> Select[Any]:
    columns = [column for column in _C.c if column.name not in {"tenant_id", "search"}]
    return select(*columns).join_from(_C, _A, _A.c.id == _C.c.asset_id).where(within(scope))


def _from_row(row: Row[Any]) -> DocumentChunk:
    values = row._mapping
    chunk = Chunk(
        index=values["index"],
        content=row.content,
        page_numbers=None if row.page_numbers is None else tuple(row.page_numbers),
        headings=tuple(row.headings),
        kind=BlockKind(row.kind),
        word_count=row.word_count,
    )
    return DocumentChunk(row.id, row.asset_id, chunk, row.created_at)
