"""The nearest vectors to a question's: through an index, or by comparing all of a tenant, whichever costs less."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.embedding import vector_literal
from calotype.db.embedding_index import index_name, quoted
from calotype.db.scoped import within_sql
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image_search import ImageFilter, LibrarySize
from calotype.domain.ranking import DEPTH, SIMILARITY_FLOOR, Hit
from calotype.domain.scope import Scope, Visibility

_SETTINGS = text(
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '200', true), "
    "set_config('hnsw.max_scan_tuples', '20000', true), set_config('enable_sort', 'off', true)"
)
_SETTLED = text("SELECT set_config('enable_sort', 'on', true)")
_MOST_COUNTED = 250_000


async def select_size(connection: AsyncConnection, scope: Scope, model: str, source: EmbeddingSource) -> LibrarySize:
    """How much a search has to do with; counted to a quarter of a million."""
    values = {
        "tenant_id": scope.tenant_id,
        "model": model,
        "source": source.value,
        "index": index_name(model, source),
        "most": _MOST_COUNTED,
    }
    row = (await connection.execute(_size(scope.visibility), values)).one()
    return LibrarySize(row.assets, row.vectors, None if row.indexed is None else max(0, int(row.indexed)))


@functools.cache
def _size(visibility: Visibility) -> TextClause:
    return text(
        f"SELECT (SELECT count(*) FROM (SELECT 1 FROM asset WHERE {within_sql(visibility)} LIMIT :most) AS counted) AS assets, "
        "(SELECT count(*) FROM (SELECT 1 FROM embedding WHERE tenant_id = :tenant_id AND model = :model AND source = :source "
        "LIMIT :most) AS counted) AS vectors, "
        "(SELECT reltuples FROM pg_class JOIN pg_index ON indexrelid = pg_class.oid AND indisvalid "
        "WHERE pg_class.oid = to_regclass(:index) AND EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector' "
        # Older ones cannot go on with a walk that others' vectors have used up.
        "AND CAST(string_to_array(extversion, '.') AS integer[]) >= ARRAY[0, 8])) AS indexed"
    )


async def select_nearest(
    connection: AsyncConnection,
    scope: Scope,
    model: str,
    source: EmbeddingSource,
    vector: Sequence[float],
    size: LibrarySize,
    wanted: ImageFilter = ImageFilter(),  # noqa: B008 - cannot be changed
) -> list[Hit]:
    """The images nearest to a vector, nearest first, at most 200; merit is the cosine similarity, never below the floor.

    Within a part of the library all its vectors are compared. Needs a transaction of its own kind (`Database.snapshot`), in which
    settings can be made.
    """
    values = {"tenant_id": scope.tenant_id, "vector": vector_literal(vector)}
    dimension = len(vector)
    if wanted.is_restricted:
        statement = _nearest_within(scope.visibility, dimension, wanted.folder_id is not None, wanted.ids is not None)
        part = {"model": model, "source": source.value, "folder_id": wanted.folder_id, "ids": list(wanted.ids or ())}
        named = {name: value for name, value in part.items() if f":{name}" in statement.text}
        return _hits((await connection.execute(statement, {**values, **named})).all())
    if not size.is_scanned:
        await connection.execute(_SETTINGS)
        rows = (
            await connection.execute(_nearest(scope.visibility, model, source, dimension, is_scan=False), values)
        ).all()
        await connection.execute(_SETTLED)
        # The walk gives up after some thousand vectors of other tenants; what lies beyond may still be near enough.
        if len(rows) == DEPTH or (rows and max(row.distance for row in rows) > 1 - SIMILARITY_FLOOR):
            return _hits(rows)
    rows = (await connection.execute(_nearest(scope.visibility, model, source, dimension, is_scan=True), values)).all()
    return _hits(rows)


def _hits(rows: Sequence[object]) -> list[Hit]:
    found = [Hit(row.id, row.created_at, 1 - row.distance) for row in rows]  # type: ignore[attr-defined]  # a database row
    near = [hit for hit in found if hit.merit >= SIMILARITY_FLOOR]
    return sorted(near, key=lambda hit: (hit.merit, hit.created_at, hit.id), reverse=True)


@functools.cache
def _nearest(
    visibility: Visibility, model: str, source: EmbeddingSource, dimension: int, *, is_scan: bool
) -> TextClause:
    """The statement in a form that settles its plan.

    A partial index is used only where its condition stands literally. For the graph no other index may find the tenant,
    hence the unusual comparison, and `enable_sort` is off. For the scan the sum hides the graph from the planner.
    """
    distance = f"CAST(embedding.vector AS halfvec({dimension})) <=> CAST(:vector AS halfvec({dimension}))"
    mine = "embedding.tenant_id = :tenant_id" if is_scan else "embedding.tenant_id IS NOT DISTINCT FROM :tenant_id"
    chosen = f"embedding.model = {quoted(model)} AND embedding.source = {quoted(source.value)}"
    if is_scan:
        near = (
            f"SELECT asset_id, distance FROM (SELECT asset_id, ({distance}) + 0 AS distance FROM embedding "
            f"WHERE {mine} AND {chosen} AND embedding.dimension = {dimension} OFFSET 0) AS compared "
            f"WHERE distance <= {1 - SIMILARITY_FLOOR} ORDER BY distance, asset_id"
        )
    else:
        near = f"SELECT asset_id, {distance} AS distance FROM embedding WHERE {mine} AND {chosen} ORDER BY {distance}"
    return text(
        f"SELECT seen.id, seen.created_at, near.distance FROM ({near}) AS near CROSS JOIN LATERAL "
        f"(SELECT asset.id, asset.created_at FROM asset WHERE asset.id = near.asset_id AND {within_sql(visibility)} "
        f"AND asset.media_type = 'image' AND asset.description_status = 'completed' LIMIT 1) AS seen LIMIT {DEPTH}"
    )


@functools.cache
def _nearest_within(visibility: Visibility, dimension: int, in_folder: bool, of_ids: bool) -> TextClause:
    """The statement for a part of the library: its images first, then their vectors by the primary key."""
    distance = f"CAST(embedding.vector AS halfvec({dimension})) <=> CAST(:vector AS halfvec({dimension}))"
    folder = " AND asset.folder_id = :folder_id" if in_folder else ""
    among = " AND asset.id = ANY(CAST(:ids AS uuid[]))" if of_ids else ""
    return text(
        f"SELECT id, created_at, distance FROM (SELECT asset.id, asset.created_at, ({distance}) + 0 AS distance "
        "FROM asset JOIN embedding ON embedding.asset_id = asset.id AND embedding.source = :source AND embedding.part = 0 "
        f"AND embedding.model = :model AND embedding.dimension = {dimension} "
        f"WHERE {within_sql(visibility)}{folder}{among} AND asset.media_type = 'image' "
        "AND asset.description_status = 'completed' OFFSET 0) AS compared "
        f"WHERE distance <= {1 - SIMILARITY_FLOOR} ORDER BY distance, created_at DESC, id DESC LIMIT {DEPTH}"
    )
