"""Ranked lists of images for one question: by words, with a bounded amount of work.

An index names all rows that hold a word, and for a word of every second picture that takes longer than a whole search may. So the
newest rows are looked at first: they tell which words are common in this very library. Rare words are looked up; common ones
only help to rank what others found, and to find more among the newest. A word that is rare is never lost to this, since "common"
means that there are many among the newest.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.scoped import within_sql, within_words_sql
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image_search import DEPTH, Hit
from calotype.domain.scope import Scope, Visibility

SAMPLE = 500
"""So many of the newest rows tell how common a word is."""

_COMMON = 20  # rows of the sample: at 200,000 assets a lookup of such a word takes as long as all else
_COMMON_TOGETHER = 25  # rows of the sample with all words: then enough are met soon in the order of time
_SMALL = 10_000  # assets up to which any word is looked up sooner than a sample is taken
_CANDIDATES = 1_500  # rows that are ranked, shared out among the words
_MOST_ALL = 600  # rows with all words that are ranked
# Of visible text, descriptions, file names and tags, titles.
_WEIGHTS = "'{0.3, 0.5, 0.8, 1}'"
_INDEXED = "asset.media_type = 'image' AND asset.description_status = 'completed'"


@dataclass(frozen=True, slots=True)
class _Words:
    """A question's words as `tsquery` literals, with the number of rows that hold each where it is known to be common."""

    terms: Sequence[str]
    common: dict[int, float]
    together: int

    @property
    def all(self) -> str:
        return _joined(self.terms, "&")

    def parameters(self) -> dict[str, Any]:
        common = [self.common.get(place) for place in range(len(self.terms))]
        widespread = [self.terms[place] for place in self.common]
        return {
            "terms": list(self.terms),
            "common": common,
            "all": self.all,
            "any_common": _joined(widespread, "|"),
            "cap": max(DEPTH, _CANDIDATES // len(self.terms)),
        }


async def select_by_words(
    connection: AsyncConnection, scope: Scope, source: EmbeddingSource, terms: Sequence[str], assets: int
) -> list[Hit]:
    """The best images for some words (`tsquery` literals), at most 200: those with all of them first, rarer words counting more.

    `assets` is about how many the tenant has. The words are looked for in what `source` stands for: the image's own texts, or
    what its client says of it.
    """
    if not terms:
        return []
    made = _statements(source, scope.visibility)
    words = await _weighed(connection, scope, made, terms, assets)
    parameters = {"tenant_id": scope.tenant_id, "most": _MOST_ALL, **words.parameters()}
    if words.together >= _COMMON_TOGETHER:
        # Twice what is needed if the rest is like the sample.
        parameters["newest"] = 2 * DEPTH * SAMPLE // words.together
        return await _ranked(connection, made.newest, parameters)
    # Of more matches than are ranked the index gives the oldest; the newest are looked at in any case.
    parameters["newest"] = SAMPLE if assets > _SMALL else 0
    found = await _ranked(connection, made.every, parameters)
    if len(found) >= DEPTH or len(terms) == 1:
        return found
    return await _ranked(connection, made.some, {**parameters, "newest": SAMPLE if words.common else 0})


async def _weighed(
    connection: AsyncConnection, scope: Scope, made: _Statements, terms: Sequence[str], assets: int
) -> _Words:
    if assets <= _SMALL:
        return _Words(terms, {}, 0)
    asked = {"tenant_id": scope.tenant_id, "terms": [*terms, _joined(terms, "&")], "newest": SAMPLE}
    seen = {row.place - 1: row.rows for row in (await connection.execute(made.sample, asked)).all()}
    together = seen.pop(len(terms), 0)
    common = {place: count * assets / SAMPLE for place, count in seen.items() if count >= _COMMON}
    return _Words(terms, common, together)


async def _ranked(connection: AsyncConnection, statement: TextClause, parameters: dict[str, Any]) -> list[Hit]:
    # Those without all words come after all others, however well they fit.
    rows = (await connection.execute(statement, parameters)).all()
    return [Hit(row.id, row.created_at, row.merit) for row in rows]


def _joined(terms: Sequence[str], operator: str) -> str:
    return f" {operator} ".join(f"({term})" for term in terms)


@dataclass(frozen=True, slots=True)
class _Statements:
    """Built once for each kind of text: counting words, and ranking what has every word, the newest of it, or some words."""

    sample: TextClause
    every: TextClause
    newest: TextClause
    some: TextClause


@functools.cache
def _statements(source: EmbeddingSource, visibility: Visibility) -> _Statements:
    own = source is EmbeddingSource.CONTENT
    live = within_sql(visibility)
    if own:
        hits = (
            f"SELECT asset.id FROM asset WHERE asset.search @@ {{query}} AND {within_words_sql(visibility)} "
            f"AND {_INDEXED} LIMIT {{limit}}"
        )
    else:
        # The limit within keeps assets from being read all at once for a join.
        hits = (
            "SELECT said.asset_id AS id FROM custom_metadata AS said CROSS JOIN LATERAL "
            f"(SELECT 1 FROM asset WHERE asset.id = said.asset_id AND {live} AND {_INDEXED} LIMIT 1) AS asset "
            "WHERE said.search @@ {query} AND ARRAY[said.tenant_id] @> ARRAY[CAST(:tenant_id AS uuid)] LIMIT {limit}"
        )
    newest = (
        "SELECT asset.id, asset.search, asset.media_type, asset.description_status FROM asset "
        f"WHERE {live} ORDER BY asset.created_at DESC, asset.id DESC LIMIT CAST(:newest AS integer)"
    )
    recent = f"SELECT asset.id, asset.search FROM ({newest}) AS asset WHERE {_INDEXED}"
    if not own:
        recent = (
            "SELECT asset.id, said.search FROM (" + recent + " OFFSET 0) AS asset CROSS JOIN LATERAL "
            "(SELECT search FROM custom_metadata WHERE custom_metadata.asset_id = asset.id LIMIT 1) AS said"
        )
    searched = "asset.search" if own else "said.search"
    said = "" if own else "JOIN custom_metadata AS said ON said.asset_id = asset.id"
    words = (
        "word AS MATERIALIZED (SELECT place, term AS query, common FROM unnest(CAST(CAST(:terms AS text[]) AS tsquery[]), "
        "CAST(:common AS double precision[])) WITH ORDINALITY AS given(term, common, place))"
    )
    ranked = f"""
        SELECT found.id, found.created_at, merit + (CASE WHEN has_all THEN 1000 ELSE 0 END) AS merit FROM (
            SELECT whole.id, whole.created_at, whole.search @@ CAST(:all AS tsquery) AS has_all,
                (SELECT sum(weight.weight * ts_rank({_WEIGHTS}, whole.search, weight.query)) FROM weight) AS merit
            FROM (
                SELECT asset.id, asset.created_at, {searched} || '' AS search
                FROM candidate JOIN asset ON asset.id = candidate.id {said} OFFSET 0
            ) AS whole
        ) AS found ORDER BY merit DESC, found.created_at DESC, found.id DESC LIMIT {DEPTH}
    """
    even = "weight AS MATERIALIZED (SELECT query, CAST(1 AS double precision) AS weight FROM word)"
    every = hits.format(query="CAST(:all AS tsquery)", limit="CAST(:most AS integer)")
    each = hits.format(query="word.query", limit="CAST(:cap AS integer)")
    return _Statements(
        sample=text(
            f"WITH recent AS MATERIALIZED (SELECT search || '' AS search FROM ({recent}) AS recent) "
            "SELECT word.place, count(*) AS rows FROM recent CROSS JOIN unnest(CAST(CAST(:terms AS text[]) "
            "AS tsquery[])) WITH ORDINALITY AS word(query, place) WHERE recent.search @@ word.query GROUP BY word.place"
        ),
        every=text(
            f"WITH {words}, {even}, candidate AS MATERIALIZED (({every}) UNION SELECT id FROM ({recent}) AS recent "
            f"WHERE recent.search @@ CAST(:all AS tsquery)) {ranked}"
        ),
        newest=text(
            f"WITH {words}, {even}, candidate AS MATERIALIZED (SELECT id FROM ({recent}) AS recent "
            f"WHERE recent.search @@ CAST(:all AS tsquery) LIMIT {DEPTH}) {ranked}"
        ),
        some=text(f"""
            WITH {words},
            found AS MATERIALIZED (
                SELECT word.place, hit.id FROM word CROSS JOIN LATERAL ({each}) AS hit WHERE word.common IS NULL
            ),
            weight AS MATERIALIZED (
                SELECT word.query, ln(1 + CAST(:cap AS double precision) / coalesce(word.common, greatest(counted.count, 1)))
                    AS weight
                FROM word LEFT JOIN (SELECT place, count(*) FROM found GROUP BY place) AS counted USING (place)
            ),
            candidate AS MATERIALIZED (
                SELECT id FROM found
                UNION SELECT id FROM ({recent}) AS recent WHERE recent.search @@ CAST(:any_common AS tsquery)
            )
            {ranked}
        """),
    )
