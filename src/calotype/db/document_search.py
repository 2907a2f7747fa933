"""Ranked lists of documents' chunks for one question, by words and by nearest vectors, and chunks to be browsed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.part_search import PartFilter, PartKind, select_nearest_parts, select_parts_by_words
from calotype.db.scoped import within
from calotype.domain.document import DOCUMENT
from calotype.domain.document_search import DEPTH, DocumentQuery
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image_search import Hit
from calotype.domain.scope import Scope

_A = tables.asset
_C = tables.document_chunk
_CHUNKS = PartKind(
    table="document_chunk",
    source=EmbeddingSource.CHUNK,
    owner="asset",
    # Chunks are there once a document was read, and stay while it is read again.
    ready="TRUE",
    # Of nothing, the text, the document's name, headings.
    weights="'{0.1, 0.8, 0.4, 1}'",
)


async def select_by_words(
    connection: AsyncConnection, scope: Scope, lexemes: Sequence[str], query: DocumentQuery
) -> list[Hit]:
    """The best chunks for some words, at most 500: those with all of them first."""
    return await select_parts_by_words(connection, scope, _CHUNKS, lexemes, _filter(query), DEPTH)


async def select_nearest_chunks(
    connection: AsyncConnection, scope: Scope, model: str, vector: Sequence[float], query: DocumentQuery
) -> list[Hit]:
    """The chunks nearest to a vector, nearest first, at most 500; merit is the cosine similarity, never below the floor."""
    return await select_nearest_parts(connection, scope, _CHUNKS, model, vector, _filter(query), DEPTH)


def _filter(query: DocumentQuery) -> PartFilter:
    formats = None if query.formats is None else list(query.formats)
    of_document = [] if formats is None else ["asset.format = ANY(CAST(:formats AS text[]))"]
    return PartFilter(query.document_ids, of_document, (), {} if formats is None else {"formats": formats})


async def select_newest_chunks(connection: AsyncConnection, scope: Scope, query: DocumentQuery) -> list[UUID]:
    """The ids of chunks of the newest documents: of each its first, or all in their order of those that are named."""
    documents = select(_A.c.id, _A.c.created_at).where(within(scope), _A.c.media_type == DOCUMENT)
    if query.document_ids is not None:
        documents = documents.where(_A.c.id == any_(literal(list(query.document_ids), ARRAY(UUID_TYPE))))
    if query.formats is not None:
        documents = documents.where(_A.c.format == any_(literal(list(query.formats), ARRAY(TEXT))))
    found = documents.subquery()
    chunks = select(_C.c.id).join_from(found, _C, _C.c.asset_id == found.c.id)
    if query.document_ids is None:
        chunks = chunks.where(_C.c.index == 0)
    ordered = chunks.order_by(found.c.created_at.desc(), found.c.id.desc(), _C.c.index).limit(query.limit)
    return list((await connection.execute(ordered)).scalars())
