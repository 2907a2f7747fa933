"""Ranked lists of parts of assets (scenes, chunks) for one question, by words and by nearest vectors, each within a filter.

A part is a row with `id`, `asset_id`, `tenant_id`, `index`, `search` and `created_at`; its vector carries its index as `part`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.embedding import vector_literal
from calotype.db.scoped import within_sql
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.ranking import SIMILARITY_FLOOR, Hit
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_term

_CANDIDATES = 1_500  # parts with some of the words that are ranked, shared out among these; beside those with all


@dataclass(frozen=True, slots=True)
class PartKind:
    """One kind of parts.

    `table` holds them, `source` is that of their vectors, `owner` the table of what they belong to, which is `asset` or joined to
    it, `ready` the condition on it under which they are found, and `weights` those of a word's places, D to A.
    """

    table: str
    source: EmbeddingSource
    owner: str
    ready: str
    weights: str


@dataclass(frozen=True, slots=True)
class PartFilter:
    """What a filter leaves: parts of `asset_ids` if there are any given, whose owner and which themselves meet conditions in SQL.

    `values` are the parameters of the conditions.
    """

    asset_ids: Sequence[UUID] | None = None
    of_owner: Sequence[str] = ()
    of_part: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


async def select_parts_by_words(
    connection: AsyncConnection, scope: Scope, kind: PartKind, lexemes: Sequence[str], wanted: PartFilter, depth: int
) -> list[Hit]:
    """The best parts for some words, at most `depth`: those with all of them first, rarer words counting more.

    Of words that many parts have, only as many as are ranked are looked at, whichever the index gives.
    """
    if not lexemes:
        return []
    terms = [f"({to_term(lexeme)})" for lexeme in lexemes]
    seen = _seen(scope, kind, wanted)
    # Only where assets are named may anything but the index of words lead to parts, whatever the planner believes of them; and
    # the limit within keeps the owners from being read all at once for a join.
    fence = " OFFSET 0" if wanted.asset_ids is None else ""
    hit = (
        f"SELECT {kind.table}.id FROM (SELECT * FROM {kind.table} WHERE {kind.table}.search @@ {{query}} "
        f"AND ARRAY[{kind.table}.tenant_id] @> ARRAY[CAST(:tenant_id AS uuid)]{_named(kind.table, wanted)}{fence}) "
        f"AS {kind.table} CROSS JOIN LATERAL ({seen} LIMIT 1) AS seen LIMIT {{limit}}"
    )
    statement = text(f"""
        WITH word AS MATERIALIZED (
            SELECT place, query FROM unnest(CAST(CAST(:terms AS text[]) AS tsquery[])) WITH ORDINALITY AS given (query, place)
        ),
        found AS MATERIALIZED (
            SELECT word.place, hit.id FROM word
            CROSS JOIN LATERAL ({hit.format(query="word.query", limit="CAST(:cap AS integer)")}) AS hit
        ),
        weight AS MATERIALIZED (
            SELECT word.query, ln(1 + CAST(:cap AS double precision) / greatest(counted.count, 1)) AS weight
            FROM word LEFT JOIN (SELECT place, count(*) FROM found GROUP BY place) AS counted USING (place)
        ),
        candidate AS MATERIALIZED (
            SELECT id FROM found UNION
            (SELECT id FROM ({hit.format(query="CAST(:all AS tsquery)", limit=depth)}) AS whole WHERE :several)
        )
        SELECT id, created_at, (CASE WHEN search @@ CAST(:all AS tsquery) THEN 1000 ELSE 0 END)
            + (SELECT sum(weight.weight * ts_rank({kind.weights}, search, weight.query)) FROM weight) AS merit
        FROM (
            SELECT part.id, part.created_at, part.search || '' AS search
            FROM candidate JOIN {kind.table} AS part ON part.id = candidate.id OFFSET 0
        ) AS whole ORDER BY merit DESC, created_at DESC, id DESC LIMIT {depth}
    """)
    values = {
        **_values(scope, wanted),
        "terms": terms,
        "all": " & ".join(terms),
        "several": len(terms) > 1,
        "cap": max(depth, _CANDIDATES) // len(terms),
    }
    return [Hit(row.id, row.created_at, row.merit) for row in await connection.execute(statement, values)]


async def select_nearest_parts(
    connection: AsyncConnection,
    scope: Scope,
    kind: PartKind,
    model: str,
    vector: Sequence[float],
    wanted: PartFilter,
    depth: int,
) -> list[Hit]:
    """The parts nearest to a vector, nearest first, at most `depth`; merit is the cosine similarity, never below the floor.

    All vectors of the tenant's parts whose owners fit the filter are compared, which is exact; for ten thousand it takes a few
    milliseconds. The parts themselves are read only as far as they are near.
    """
    owned = ""
    if wanted.of_owner:
        owners = " AND ".join([within_sql(scope.visibility), kind.ready, *wanted.of_owner])
        owned = f" AND embedding.asset_id = ANY(ARRAY(SELECT asset.id FROM {_owners(kind)} WHERE {owners}))"
    dimension = len(vector)
    statement = text(f"""
        SELECT part.id, part.created_at, 1 - near.distance AS merit FROM (
            SELECT asset_id, part, distance FROM (
                SELECT asset_id, part,
                    (CAST(embedding.vector AS halfvec({dimension})) <=> CAST(:vector AS halfvec({dimension}))) + 0 AS distance
                FROM embedding WHERE embedding.tenant_id = :tenant_id AND embedding.model = :model
                AND embedding.source = '{kind.source.value}' AND embedding.dimension = {dimension}
                {_named("embedding", wanted)}{owned} OFFSET 0
            ) AS compared WHERE distance <= {1 - SIMILARITY_FLOOR} ORDER BY distance, asset_id, part
        ) AS near CROSS JOIN LATERAL (
            SELECT {kind.table}.id, {kind.table}.created_at
            FROM {kind.table} CROSS JOIN LATERAL ({_seen(scope, kind, wanted)}) AS seen
            WHERE {kind.table}.asset_id = near.asset_id AND {kind.table}.index = near.part LIMIT 1
        ) AS part LIMIT {depth}
    """)
    values = {**_values(scope, wanted), "vector": vector_literal(vector), "model": model}
    hits = [Hit(row.id, row.created_at, row.merit) for row in await connection.execute(statement, values)]
    return sorted(hits, key=lambda hit: (hit.merit, hit.created_at, hit.id), reverse=True)


def _owners(kind: PartKind) -> str:
    return "asset" if kind.owner == "asset" else f"asset JOIN {kind.owner} ON {kind.owner}.asset_id = asset.id"


def _seen(scope: Scope, kind: PartKind, wanted: PartFilter) -> str:
    """One row for a part, under its table's name, that is found: its owner is in the scope, and all conditions hold."""
    conditions = [within_sql(scope.visibility), kind.ready, *wanted.of_owner, *wanted.of_part]
    return f"SELECT 1 FROM {_owners(kind)} WHERE asset.id = {kind.table}.asset_id AND {' AND '.join(conditions)}"


def _named(table: str, wanted: PartFilter) -> str:
    return "" if wanted.asset_ids is None else f" AND {table}.asset_id = ANY(CAST(:asset_ids AS uuid[]))"


def _values(scope: Scope, wanted: PartFilter) -> dict[str, Any]:
    named = {} if wanted.asset_ids is None else {"asset_ids": list(wanted.asset_ids)}
    return {**wanted.values, **named, "tenant_id": scope.tenant_id}
