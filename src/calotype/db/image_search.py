"""Ranked lists of images for one question: by words, with a bounded amount of work.

An index names all rows that hold a word, and for a word of every second picture that takes longer than a whole search may. So the
newest rows tell which words are common in this very library. Rare words are looked up; common ones only help to rank what others
found, and to find more among the newest. A word that is rare is never lost to this, since "common" means that there are many
among the newest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.scoped import within_sql, within_words_sql
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image import IMAGE
from calotype.domain.image_search import ImageFilter
from calotype.domain.ranking import DEPTH, Hit
from calotype.domain.scope import Scope, Visibility
from calotype.domain.search_text import to_term

SAMPLE = 1_000
"""So many of the newest rows tell which words are common."""

_COMMON = 40  # rows of the sample; at 200,000 assets a lookup of such a word takes as long as all else
_SMALL = 10_000  # assets up to which any word is looked up soon enough
_NEWEST = 500  # rows in which common words are looked for beside what is looked up
_FARTHEST = 6_000  # rows that are gone through for common words alone
_CANDIDATES = 800  # rows that are ranked, shared out among the words
_MOST_ALL = 500  # rows with all words that are ranked
# Of visible text, descriptions, file names and tags, titles.
_WEIGHTS = "'{0.3, 0.5, 0.8, 1}'"


async def select_common_words(
    connection: AsyncConnection, scope: Scope, source: EmbeddingSource, assets: int
) -> dict[str, float]:
    """The words that are common among the newest of a tenant's images, with the share of those that hold each.

    `assets` is about how many the tenant has; among few no word counts as common.
    """
    if assets <= _SMALL:
        return {}
    values = {"tenant_id": scope.tenant_id, "newest": SAMPLE, "least": _COMMON}
    rows = await connection.execute(_statements(source, scope.visibility, _Shape()).common, values)
    return {row.word: row.rows / SAMPLE for row in rows}


async def select_by_words(
    connection: AsyncConnection,
    scope: Scope,
    source: EmbeddingSource,
    lexemes: Sequence[str],
    common: Mapping[str, float],
    assets: int,
    wanted: ImageFilter = ImageFilter(),  # noqa: B008 - cannot be changed
    *,
    media_type: str = IMAGE,
) -> list[Hit]:
    """The best images, or assets of another type, for some words, at most 200: those with all first, rarer words counting more.

    The words are looked for in what `source` stands for: the asset's own texts, or what its client says of it. What is common
    among all images says nothing of a part of them, or of others, which is why all words are looked up there.
    """
    if not lexemes:
        return []
    is_part = wanted.is_restricted or media_type != IMAGE
    made = _statements(source, scope.visibility, _Shape.of(wanted, media_type))
    terms = [to_term(lexeme) for lexeme in lexemes]
    shares = [None if is_part else common.get(lexeme) for lexeme in lexemes]
    parameters = {
        "tenant_id": scope.tenant_id,
        "terms": terms,
        "common": [share * assets if share else None for share in shares],
        "all": _joined(terms, "&"),
        "any_common": _joined([term for term, share in zip(terms, shares, strict=True) if share], "|"),
        "cap": max(DEPTH, _CANDIDATES // len(terms)),
        "most": _MOST_ALL,
        "newest": 0 if is_part else _NEWEST,
        **_values(wanted),
    }
    together = math.prod(share or 0.0 for share in shares)
    if together * _FARTHEST >= DEPTH:
        found = await _ranked(connection, made.newest, {**parameters, "newest": _FARTHEST})
        if len(found) >= DEPTH:
            return found
    found = await _ranked(connection, made.every, parameters)
    if len(found) >= DEPTH or len(terms) == 1:
        return found
    parameters["whole"] = [hit.id for hit in found]
    return await _ranked(connection, made.some, {**parameters, "newest": _NEWEST if any(shares) else 0})


async def _ranked(connection: AsyncConnection, statement: TextClause, parameters: dict[str, Any]) -> list[Hit]:
    rows = (await connection.execute(statement, parameters)).all()
    return [Hit(row.id, row.created_at, row.merit) for row in rows]


def _joined(terms: Sequence[str], operator: str) -> str:
    return f" {operator} ".join(f"({term})" for term in terms)


def _values(wanted: ImageFilter) -> dict[str, Any]:
    """The parameters of a filter's conditions."""
    values = {"folder_id": wanted.folder_id, "ids": None if wanted.ids is None else list(wanted.ids)}
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which conditions a filter has, whatever their parameters are."""

    in_folder: bool = False
    of_ids: bool = False
    undescribed: bool = False
    media_type: str = IMAGE

    @classmethod
    def of(cls, wanted: ImageFilter, media_type: str) -> _Shape:
        return cls(wanted.folder_id is not None, wanted.ids is not None, wanted.undescribed, media_type)

    @property
    def found(self) -> str:
        """The condition of images that take part."""
        conditions = [f"asset.media_type = '{self.media_type}'"]
        if not self.undescribed:
            conditions.append("asset.description_status = 'completed'")
        if self.in_folder:
            conditions.append("asset.folder_id = :folder_id")
        if self.of_ids:
            conditions.append("asset.id = ANY(CAST(:ids AS uuid[]))")
        return " AND ".join(conditions)


@dataclass(frozen=True, slots=True)
class _Statements:
    """Built once for each kind of text: common words, and ranking what has every word, the newest of it, or some words."""

    common: TextClause
    every: TextClause
    newest: TextClause
    some: TextClause


@dataclass(frozen=True, slots=True)
class _Texts:
    """One kind of text in SQL: ids of what a query hits, ids and words of the newest, and where the words of an asset are."""

    hits: str
    recent: str
    searched: str
    joined: str


def _own_texts(visibility: Visibility, shape: _Shape) -> _Texts:
    hits = (
        f"SELECT asset.id FROM asset WHERE asset.search @@ {{query}} AND {within_words_sql(visibility)} "
        f"AND {shape.found} LIMIT {{limit}}"
    )
    return _Texts(hits, _recent(visibility, shape), "asset.search", "")


def _said_texts(visibility: Visibility, shape: _Shape) -> _Texts:
    # The limits within keep assets from being read all at once for a join.
    hits = (
        "SELECT said.asset_id AS id FROM custom_metadata AS said CROSS JOIN LATERAL "
        f"(SELECT 1 FROM asset WHERE asset.id = said.asset_id AND {within_sql(visibility)} AND {shape.found} LIMIT 1) AS asset "
        "WHERE said.search @@ {query} AND ARRAY[said.tenant_id] @> ARRAY[CAST(:tenant_id AS uuid)] LIMIT {limit}"
    )
    recent = (
        f"SELECT asset.id, said.search FROM ({_recent(visibility, shape)} OFFSET 0) AS asset CROSS JOIN LATERAL "
        "(SELECT search FROM custom_metadata WHERE custom_metadata.asset_id = asset.id LIMIT 1) AS said"
    )
    return _Texts(hits, recent, "said.search", "JOIN custom_metadata AS said ON said.asset_id = asset.id")


def _recent(visibility: Visibility, shape: _Shape) -> str:
    newest = (
        "SELECT asset.id, asset.search, asset.media_type, asset.description_status, asset.folder_id FROM asset "
        f"WHERE {within_sql(visibility)} AND asset.media_type = 'image' "
        "ORDER BY asset.created_at DESC, asset.id DESC LIMIT CAST(:newest AS integer)"
    )
    return f"SELECT asset.id, asset.search FROM ({newest}) AS asset WHERE {shape.found}"


def _ranking(texts: _Texts) -> str:
    """Ranks the ids in `candidate` by the words in `weight`, those with all words before all others."""
    return f"""
        SELECT found.id, found.created_at, merit + (CASE WHEN has_all THEN 1000 ELSE 0 END) AS merit FROM (
            SELECT whole.id, whole.created_at, whole.search @@ CAST(:all AS tsquery) AS has_all,
                (SELECT sum(weight.weight * ts_rank({_WEIGHTS}, whole.search, weight.query)) FROM weight) AS merit
            FROM (
                SELECT asset.id, asset.created_at, {texts.searched} || '' AS search
                FROM candidate JOIN asset ON asset.id = candidate.id {texts.joined} OFFSET 0
            ) AS whole
        ) AS found ORDER BY merit DESC, found.created_at DESC, found.id DESC LIMIT {DEPTH}
    """


_WORDS = (
    "word AS MATERIALIZED (SELECT place, term AS query, common FROM unnest(CAST(CAST(:terms AS text[]) AS tsquery[]), "
    "CAST(:common AS double precision[])) WITH ORDINALITY AS given(term, common, place))"
)
_EVEN = "weight AS MATERIALIZED (SELECT query, CAST(1 AS double precision) AS weight FROM word)"
_BY_RARITY = """
    weight AS MATERIALIZED (
        SELECT word.query, ln(1 + CAST(:cap AS double precision) / coalesce(word.common, greatest(counted.count, 1))) AS weight
        FROM word LEFT JOIN (SELECT place, count(*) FROM found GROUP BY place) AS counted USING (place)
    )
"""


@functools.cache
def _statements(source: EmbeddingSource, visibility: Visibility, shape: _Shape) -> _Statements:
    texts = (_own_texts if source is EmbeddingSource.CONTENT else _said_texts)(visibility, shape)
    recent, ranking = texts.recent, _ranking(texts)
    every = texts.hits.format(query="CAST(:all AS tsquery)", limit="CAST(:most AS integer)")
    each = texts.hits.format(query="word.query", limit="CAST(:cap AS integer)")
    return _Statements(
        common=text(
            "SELECT word, count(*) AS rows FROM (SELECT recent.id, ltrim((unnest(recent.search)).lexeme, '=') AS word "
            f"FROM ({recent}) AS recent GROUP BY 1, 2) AS held GROUP BY word HAVING count(*) >= CAST(:least AS integer)"
        ),
        # Of more matches than are ranked the index gives the oldest; then the newest are looked at as well.
        every=text(
            f"WITH {_WORDS}, {_EVEN}, hit AS MATERIALIZED ({every}), candidate AS MATERIALIZED (SELECT id FROM hit UNION "
            f"SELECT id FROM ({recent}) AS recent WHERE (SELECT count(*) FROM hit) >= CAST(:most AS integer) "
            f"AND recent.search @@ CAST(:all AS tsquery)) {ranking}"
        ),
        newest=text(
            f"WITH {_WORDS}, {_EVEN}, candidate AS MATERIALIZED (SELECT id FROM ({recent}) AS recent "
            f"WHERE recent.search @@ CAST(:all AS tsquery) LIMIT {DEPTH}) {ranking}"
        ),
        some=text(f"""
            WITH {_WORDS},
            found AS MATERIALIZED (
                SELECT word.place, hit.id FROM word CROSS JOIN LATERAL ({each}) AS hit WHERE word.common IS NULL
            ),
            {_BY_RARITY},
            candidate AS MATERIALIZED (
                SELECT id FROM found UNION SELECT unnest(CAST(:whole AS uuid[]))
                UNION SELECT id FROM ({recent}) AS recent WHERE recent.search @@ CAST(:any_common AS tsquery)
            )
            {ranking}
        """),
    )
