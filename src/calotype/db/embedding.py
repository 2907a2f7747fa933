"""Rows of embeddings: what there is to embed, which are stale, and writing vectors.

A vector is written only by who has seen, under a lock of the asset's row, that the text it was made of is still the row's. Who
changes the text holds that lock too and marks the vectors stale, so that in the end each belongs to the text beside it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.engine import Pipeline
from calotype.domain.custom_metadata import searchable_text
from calotype.domain.embedding import EmbeddedTexts, Embedding, EmbeddingSource, chunk_text, content_text, scene_text
from calotype.domain.scope import Scope

# The weakest lock there is, which inserting their vectors takes anyway; only who locks an asset to change it waits for it.
_LOCK_TEXTS = text(
    "SELECT asset.id FROM asset WHERE asset.tenant_id = :tenant_id AND asset.id = ANY(CAST(:ids AS uuid[])) "
    "ORDER BY asset.id FOR KEY SHARE"
)


async def lock_texts(connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]) -> None:
    """Keep what is to be embedded of the given assets, their scenes and chunks as it is until the transaction ends.

    To be read after that, because what is read beside a row is of the time before its lock was waited for.
    """
    await connection.execute(_LOCK_TEXTS, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})


_TEXTS = text("""
SELECT asset.id, asset.title, asset.tags, asset.description, asset.visible_text, custom_metadata.document
FROM asset LEFT JOIN custom_metadata ON custom_metadata.asset_id = asset.id AND custom_metadata.tenant_id = asset.tenant_id
WHERE asset.tenant_id = :tenant_id AND asset.id = ANY(CAST(:ids AS uuid[])) AND asset.media_type = 'image'
AND asset.description_status = 'completed'
ORDER BY asset.id
""")


async def select_texts(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, EmbeddedTexts]:
    """What is to be embedded of those of the given assets that are described, live or trashed."""
    rows = await connection.execute(_TEXTS, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return {
        row.id: EmbeddedTexts(
            content_text(row.title, row.tags, row.description, row.visible_text),
            searchable_text(row.document) if row.document is not None else None,
        )
        for row in rows
    }


_SCENE_TEXTS = text("""
SELECT asset.id, video.name, scene.index AS part, scene.description, scene.visible_text, scene.transcript
FROM asset JOIN video ON video.asset_id = asset.id JOIN scene ON scene.asset_id = asset.id
WHERE asset.tenant_id = :tenant_id AND asset.id = ANY(CAST(:ids AS uuid[])) ORDER BY asset.id, scene.index
""")


async def select_scene_texts(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, tuple[tuple[int, str], ...]]:
    """What is to be embedded of the scenes of those of the given assets that have any: (number, text), in order."""
    rows = await connection.execute(_SCENE_TEXTS, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return _by_asset(
        (row.id, row.part, scene_text(row.name, row.description, row.visible_text, row.transcript)) for row in rows
    )


def _by_asset(texts: Iterable[tuple[UUID, int, str]]) -> dict[UUID, tuple[tuple[int, str], ...]]:
    """(number, text) of parts, from (asset, number, text), in the order given."""
    found: dict[UUID, list[tuple[int, str]]] = {}
    for asset_id, part, said in texts:
        found.setdefault(asset_id, []).append((part, said))
    return {asset_id: tuple(parts) for asset_id, parts in found.items()}


_CHUNK_TEXTS = text("""
SELECT asset.id, document_chunk.index AS part, document_chunk.headings, document_chunk.content
FROM asset JOIN document_chunk ON document_chunk.asset_id = asset.id
WHERE asset.tenant_id = :tenant_id AND asset.id = ANY(CAST(:ids AS uuid[])) ORDER BY asset.id, document_chunk.index
""")


async def select_chunk_texts(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, tuple[tuple[int, str], ...]]:
    """What is to be embedded of the chunks of those of the given assets that have any: (number, text), in order."""
    rows = await connection.execute(_CHUNK_TEXTS, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return _by_asset((row.id, row.part, chunk_text(row.headings, row.content)) for row in rows)


_HAVING_CHUNKS = text(
    "SELECT asset.id FROM asset WHERE asset.tenant_id = :tenant_id AND asset.id = ANY(CAST(:ids AS uuid[])) "
    "AND EXISTS (SELECT 1 FROM document_chunk WHERE document_chunk.asset_id = asset.id) ORDER BY asset.id"
)


async def select_having_chunks(connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the given assets that have chunks, live or trashed, by id."""
    found = await connection.execute(_HAVING_CHUNKS, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return list(found.scalars())


_VECTORS = text(
    "SELECT part, CAST(vector AS text) AS vector FROM embedding "
    "WHERE tenant_id = :tenant_id AND asset_id = :asset_id AND source = :source AND model = :model ORDER BY part"
)


async def select_vectors(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, source: EmbeddingSource, model: str
) -> dict[int, list[float]]:
    """The vectors of one asset, live or trashed, of a source and model, by part."""
    values = {"tenant_id": scope.tenant_id, "asset_id": asset_id, "source": source.value, "model": model}
    rows = await connection.execute(_VECTORS, values)
    return {row.part: json.loads(row.vector) for row in rows}


_AT_ONCE = 1_000  # vectors of one statement, none of which may take long

# Vectors that have not changed are left alone: writing one costs a place in the graph of its index.
_UPSERT = text(
    "INSERT INTO embedding (asset_id, source, part, model, tenant_id, dimension, vector, created_at) "
    "SELECT asset.id, made.source, made.part, made.model, asset.tenant_id, vector_dims(made.vector), made.vector, :now "
    "FROM (SELECT id, source, part, model, CAST(vector AS halfvec) AS vector FROM unnest(CAST(:ids AS uuid[]), "
    "CAST(:sources AS text[]), CAST(:parts AS integer[]), CAST(:models AS text[]), CAST(:vectors AS text[])) "
    "AS given(id, source, part, model, vector)) AS made "
    "JOIN asset ON asset.id = made.id AND asset.tenant_id = :tenant_id "
    "ON CONFLICT (asset_id, source, part, model) DO UPDATE "
    "SET vector = excluded.vector, dimension = excluded.dimension, created_at = excluded.created_at "
    "WHERE embedding.vector <> excluded.vector OR embedding.dimension <> excluded.dimension"
)


async def upsert_embeddings(
    connection: AsyncConnection | Pipeline, scope: Scope, embeddings: Sequence[Embedding], now: datetime
) -> None:
    """Write vectors of any of the tenant's assets; those of assets that are gone are passed over."""
    for start in range(0, len(embeddings), _AT_ONCE):
        part = embeddings[start : start + _AT_ONCE]
        await connection.execute(
            _UPSERT,
            {
                "tenant_id": scope.tenant_id,
                "now": now,
                "ids": [made.asset_id for made in part],
                "sources": [made.source.value for made in part],
                "parts": [made.part for made in part],
                "models": [made.model for made in part],
                "vectors": [vector_literal(made.vector) for made in part],
            },
        )


def vector_literal(vector: Sequence[float]) -> str:
    """A vector as PostgreSQL reads it; five digits are more than a 16-bit float holds."""
    return "[" + ",".join([f"{value:.5g}" for value in vector]) + "]"


_MARK = text(
    "INSERT INTO stale_embedding (asset_id, source, model, tenant_id, created_at) "
    "SELECT DISTINCT asset_id, source, model, tenant_id, CAST(:now AS timestamptz) FROM embedding "
    "WHERE tenant_id = :tenant_id AND asset_id = :asset_id AND source = :source "
    "ON CONFLICT (asset_id, source, model) DO UPDATE SET created_at = excluded.created_at"
)


async def insert_stale(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, source: EmbeddingSource, now: datetime
) -> bool:
    """Mark an asset's vectors of one source as older than its text; False when it has none (or when nobody can tell)."""
    values = {"tenant_id": scope.tenant_id, "asset_id": asset_id, "source": source.value, "now": now}
    result = await connection.execute(_MARK, values)
    return result is not None and result.rowcount > 0


_MARK_ALL = text(
    "INSERT INTO stale_embedding (asset_id, source, model, tenant_id, created_at) "
    "SELECT DISTINCT asset_id, source, model, tenant_id, CAST(:now AS timestamptz) FROM embedding "
    "WHERE tenant_id = :tenant_id AND model = :model ON CONFLICT DO NOTHING"
)


async def insert_all_stale(connection: AsyncConnection, scope: Scope, model: str, now: datetime) -> None:
    """Mark all of a tenant's vectors of a model, so that they are computed again."""
    await connection.execute(_MARK_ALL, {"tenant_id": scope.tenant_id, "model": model, "now": now})


_FRESH = text(
    "DELETE FROM stale_embedding WHERE tenant_id = :tenant_id AND model = :model AND asset_id = ANY(CAST(:ids AS uuid[]))"
)


async def delete_stale(
    connection: AsyncConnection | Pipeline, scope: Scope, model: str, asset_ids: Collection[UUID]
) -> None:
    """Take the marks from assets whose vectors of a model have just been written, all sources."""
    await connection.execute(_FRESH, {"tenant_id": scope.tenant_id, "model": model, "ids": list(asset_ids)})


_LACKING = """
asset.tenant_id = :tenant_id AND ((asset.media_type = 'image' AND asset.description_status = 'completed' AND (
    NOT EXISTS (
        SELECT 1 FROM embedding
        WHERE embedding.asset_id = asset.id AND source = 'content' AND part = 0 AND model = :model)
    OR EXISTS (SELECT 1 FROM stale_embedding WHERE stale_embedding.asset_id = asset.id AND model = :model)
    OR EXISTS (SELECT 1 FROM custom_metadata WHERE custom_metadata.asset_id = asset.id AND NOT EXISTS (
        SELECT 1 FROM embedding
        WHERE embedding.asset_id = asset.id AND source = 'custom_metadata' AND part = 0 AND model = :model))))
    OR (asset.media_type = 'video' AND EXISTS (SELECT 1 FROM scene WHERE scene.asset_id = asset.id AND (
        NOT EXISTS (
            SELECT 1 FROM embedding
            WHERE embedding.asset_id = asset.id AND source = 'scene' AND part = scene.index AND model = :model)
        OR EXISTS (SELECT 1 FROM stale_embedding WHERE stale_embedding.asset_id = asset.id AND model = :model))))
    OR (asset.media_type = 'document' AND EXISTS (SELECT 1 FROM document_chunk WHERE document_chunk.asset_id = asset.id AND (
        NOT EXISTS (
            SELECT 1 FROM embedding WHERE embedding.asset_id = asset.id AND source = 'chunk'
            AND part = document_chunk.index AND model = :model)
        OR EXISTS (SELECT 1 FROM stale_embedding WHERE stale_embedding.asset_id = asset.id AND model = :model)))))
"""
_NEXT = text(f"SELECT id FROM asset WHERE id > :after AND {_LACKING} ORDER BY id LIMIT :limit")
_COUNT = text(f"SELECT count(*) FROM asset WHERE {_LACKING}")


async def select_lacking(connection: AsyncConnection, scope: Scope, model: str, after: UUID, limit: int) -> list[UUID]:
    """The next indexed assets of a tenant, live or trashed, by id after a given one, that lack a fresh vector of a model."""
    values = {"tenant_id": scope.tenant_id, "model": model, "after": after, "limit": limit}
    return list((await connection.execute(_NEXT, values)).scalars())


async def count_lacking(connection: AsyncConnection, scope: Scope, model: str) -> int:
    """How many indexed assets of a tenant lack a fresh vector of a model."""
    found = await connection.execute(_COUNT, {"tenant_id": scope.tenant_id, "model": model})
    return int(found.scalar_one())


_FORGET = text(
    "DELETE FROM embedding WHERE ctid = ANY(ARRAY(SELECT ctid FROM embedding "
    "WHERE tenant_id = :tenant_id AND model <> :model LIMIT 10000))"
)
_FORGET_MARKS = text("DELETE FROM stale_embedding WHERE tenant_id = :tenant_id AND model <> :model")


async def delete_other_models(connection: AsyncConnection, scope: Scope, model: str) -> int:
    """Remove a few thousand of a tenant's vectors of all models but one; returns how many, 0 when there are none left."""
    values = {"tenant_id": scope.tenant_id, "model": model}
    await connection.execute(_FORGET_MARKS, values)
    return (await connection.execute(_FORGET, values)).rowcount
