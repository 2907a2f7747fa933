"""Ranked lists of scenes for one question, by words and by nearest vectors, each within what a filter leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.embedding import vector_literal
from calotype.db.scoped import within_sql
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image_search import DEPTH, SIMILARITY_FLOOR, Hit
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_term
from calotype.domain.video_search import SceneFilter

_CANDIDATES = 2_000  # scenes with any of the words that are ranked; those with all of them come first
# Of visible text, descriptions and what is said, names of videos, nothing.
_WEIGHTS = "'{0.4, 0.8, 0.5, 1}'"


async def select_by_words(
    connection: AsyncConnection, scope: Scope, lexemes: Sequence[str], wanted: SceneFilter
) -> list[Hit]:
    """The best scenes for some words, at most 200: those with all of them first."""
    if not lexemes:
        return []
    terms = [f"({to_term(lexeme)})" for lexeme in lexemes]
    condition, values = _conditions(scope, wanted)
    # Only where videos are named may anything but the index of words lead to scenes, whatever the planner believes of them.
    fence = " OFFSET 0" if wanted.video_ids is None else ""
    worded = (
        "(SELECT * FROM scene WHERE ARRAY[scene.tenant_id] @> ARRAY[CAST(:tenant_id AS uuid)] "
        f"AND scene.search @@ CAST({{query}} AS tsquery){fence}) AS scene"
    )
    hit = (
        f"SELECT scene.id, scene.created_at, scene.search FROM {worded} {_WITH_VIDEO} WHERE {condition} "
        f"LIMIT {_CANDIDATES}"
    )
    statement = text(
        f"WITH hit AS (({hit.format(query=':every')}) UNION ({hit.format(query=':some')})) "
        "SELECT id, created_at, (CASE WHEN search @@ CAST(:every AS tsquery) THEN 1000 ELSE 0 END) "
        f"+ ts_rank({_WEIGHTS}, search, CAST(:some AS tsquery)) AS merit FROM hit "
        f"ORDER BY merit DESC, created_at DESC, id DESC LIMIT {DEPTH}"
    )
    rows = await connection.execute(statement, {**values, "every": " & ".join(terms), "some": " | ".join(terms)})
    return [Hit(row.id, row.created_at, row.merit) for row in rows]


async def select_nearest_scenes(
    connection: AsyncConnection, scope: Scope, model: str, vector: Sequence[float], wanted: SceneFilter
) -> list[Hit]:
    """The scenes nearest to a vector, nearest first, at most 200; merit is the cosine similarity, never below the floor.

    All scenes of the tenant that fit the filter are compared, which is exact; a few milliseconds for ten thousand.
    """
    condition, values = _conditions(scope, wanted)
    dimension = len(vector)
    statement = text(
        f"SELECT near.id, near.created_at, 1 - near.distance AS merit FROM (SELECT scene.id, scene.created_at, "
        f"(CAST(embedding.vector AS halfvec({dimension})) <=> CAST(:vector AS halfvec({dimension}))) + 0 AS distance "
        f"FROM {_JOINED} JOIN embedding ON embedding.asset_id = scene.asset_id AND embedding.part = scene.index "
        f"AND embedding.source = '{EmbeddingSource.SCENE.value}' AND embedding.model = :model "
        f"AND embedding.dimension = {dimension} WHERE {condition} OFFSET 0) AS near "
        f"WHERE near.distance <= {1 - SIMILARITY_FLOOR} ORDER BY near.distance, near.created_at DESC, near.id DESC "
        f"LIMIT {DEPTH}"
    )
    rows = await connection.execute(statement, {**values, "vector": vector_literal(vector), "model": model})
    return [Hit(row.id, row.created_at, row.merit) for row in rows]


_WITH_VIDEO = "JOIN video ON video.asset_id = scene.asset_id JOIN asset ON asset.id = scene.asset_id"
_JOINED = f"scene {_WITH_VIDEO}"
_REAL_START = "coalesce(video.starts_at, asset.created_at)"


def _conditions(scope: Scope, wanted: SceneFilter) -> tuple[str, dict[str, Any]]:
    """The condition of live, indexed scenes that fit a filter, with its parameters."""
    found = [within_sql(scope.visibility), "scene.tenant_id = :tenant_id", "video.indexing_status = 'completed'"]
    values: dict[str, Any] = {"tenant_id": scope.tenant_id}
    if wanted.video_ids is not None:
        found.append("scene.asset_id = ANY(CAST(:video_ids AS uuid[]))")
        values["video_ids"] = list(wanted.video_ids)
    if wanted.group_ids is not None:
        none = " OR video.group_id IS NULL" if wanted.in_no_group else ""
        found.append(f"(video.group_id = ANY(CAST(:group_ids AS uuid[])){none})")
        values["group_ids"] = list(wanted.group_ids)
    if wanted.from_time is not None:
        found.append(f"{_REAL_START} + make_interval(secs => scene.end_time) >= :from_time")
        values["from_time"] = wanted.from_time
    if wanted.to_time is not None:
        found.append(f"{_REAL_START} + make_interval(secs => scene.start_time) <= :to_time")
        values["to_time"] = wanted.to_time
    if wanted.from_seconds is not None:
        found.append("scene.end_time >= :from_seconds")
        values["from_seconds"] = wanted.from_seconds
    if wanted.to_seconds is not None:
        found.append("scene.start_time <= :to_seconds")
        values["to_seconds"] = wanted.to_seconds
    return " AND ".join(found), values
