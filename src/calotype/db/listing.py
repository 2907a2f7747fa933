"""Finding assets: filters, full text, order and exact counts, all served by indexes.

Which way a page is come by follows from what is asked and from exact counts, never from an estimate: the planner knows next to
nothing about rare words, and where it guesses wrong a search takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    any_,
    bindparam,
    cast,
    extract,
    false,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.types import Numeric, Text

from calotype.db import tables
from calotype.db.asset import from_row, select_scoped
from calotype.db.scoped import within, within_words
from calotype.domain.asset import Asset
from calotype.domain.listing import AssetFilter, AssetPage, PageRequest, RecordedRange, SortKey
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_tsquery

_A = tables.asset
_FEW = 2_000  # so many matches are fetched and sorted sooner than an order is searched for them
_MANY = 10_000  # a word that has so many matches will soon be met in any order ...
_RECORDED = 50_000  # matches of a recording time, which lie anywhere in an order by time of upload
_NEAR = 1_000  # ... among so many rows, or else all its matches are sorted


async def select_page(connection: AsyncConnection, scope: Scope, wanted: AssetFilter, page: PageRequest) -> AssetPage:
    """One window of a listing and the exact count; all statements of the connection must see the same state."""
    named, filters = _named(wanted), _filters(wanted)
    conditions = [within_words(scope) if named else within(scope), *named, *filters]
    total = await _count(connection, conditions)
    if total <= page.offset:
        return AssetPage((), total, page.offset)
    if named:
        assets = await _find(connection, scope, conditions, page, total)
    elif wanted.folder_id is not None and total <= _MANY:
        # Files of one folder were often taken in together, and then lie far from where an order begins.
        assets = await _collect(connection, scope, conditions, page)
    elif filters and total <= (_FEW if wanted.recorded is None else _RECORDED):
        # Only ids are asked of the filters, because with nothing else one index holds all that is needed.
        ids = select(_A.c.id).where(*conditions)
        assets = await _collect(connection, scope, [_is_one_of(ids)], page)
    else:
        assets = await _walk(connection, scope, conditions, page, total)
    return AssetPage(tuple(assets), total, page.offset)


def _named(wanted: AssetFilter) -> list[ColumnElement[bool]]:
    """The conditions that name their matches by an index of their own: words, tags, ids."""
    parts: list[ColumnElement[bool]] = []
    if wanted.search and (query := to_tsquery(wanted.search, wanted.search_mode)):
        parts.append(_A.c.search.bool_op("@@")(cast(query, TSQUERY)))
    if wanted.tags:
        parts.append(_A.c.tags.contains(cast(list(wanted.tags), ARRAY(Text))))
    if wanted.ids is not None:
        parts.append(_A.c.id == any_(bindparam(None, list(wanted.ids), ARRAY(_A.c.id.type))) if wanted.ids else false())
    return parts


def _filters(wanted: AssetFilter) -> list[ColumnElement[bool]]:
    """The other conditions; the indexes of both orders by time hold their columns."""
    parts: list[ColumnElement[bool]] = []
    if wanted.media_types:
        parts.append(_A.c.media_type.in_(wanted.media_types))
    if wanted.folder_id is not None:
        parts.append(_A.c.folder_id == wanted.folder_id)
    if wanted.has_description is not None:
        parts.append(_A.c.has_description.is_(wanted.has_description))
    if wanted.created_from is not None:
        parts.append(_A.c.created_at >= wanted.created_from)
    if wanted.created_to is not None:
        parts.append(_A.c.created_at <= wanted.created_to)
    if wanted.recorded is not None:
        parts += _recorded(wanted.recorded)
    return parts


# As it stands in the index.
_RECORDED_AT = func.coalesce(
    _A.c.recorded_timestamp,
    extract("epoch", func.timezone(literal_column("'UTC'"), _A.c.created_at)),
    type_=Numeric,
)


def _recorded(wanted: RecordedRange) -> Iterator[ColumnElement[bool]]:
    if wanted.lowest is not None:
        yield wanted.lowest <= _RECORDED_AT if wanted.includes_lowest else wanted.lowest < _RECORDED_AT
    if wanted.highest is not None:
        yield wanted.highest >= _RECORDED_AT if wanted.includes_highest else wanted.highest > _RECORDED_AT


async def _find(
    connection: AsyncConnection, scope: Scope, conditions: Sequence[ColumnElement[bool]], page: PageRequest, total: int
) -> Sequence[Asset]:
    """The window of a search: what is frequent is looked for in the order itself, what is rare is fetched and sorted."""
    if total > _MANY and (page.offset + page.limit) * 4 <= _NEAR:
        near = select(_A).where(within(scope)).order_by(*_order(page)).limit(_NEAR).subquery()
        adapted = [ClauseAdapter(near).traverse(condition) for condition in conditions]
        ids = _window(select(near.c.id).where(*adapted), page, near)
        assets = await _fetch(connection, scope, ids, page)
        if len(assets) == min(page.limit, total - page.offset):
            return assets
    return await _collect(connection, scope, conditions, page)


async def _collect(
    connection: AsyncConnection, scope: Scope, conditions: Sequence[ColumnElement[bool]], page: PageRequest
) -> Sequence[Asset]:
    """Take all matches from the index that names them and sort them."""
    matches = select(_A.c.id, _sort_column(page)).where(*conditions).cte("matches").prefix_with("MATERIALIZED")
    return await _fetch(connection, scope, _window(select(matches.c.id), page, matches), page)


async def _walk(
    connection: AsyncConnection, scope: Scope, conditions: Sequence[ColumnElement[bool]], page: PageRequest, total: int
) -> Sequence[Asset]:
    """Read an index in the order of the listing until the window is full, from the end that is nearer."""
    behind = max(0, total - page.offset - page.limit)
    query = select(_A.c.id).where(*conditions)
    if page.offset <= behind:
        return await _fetch(connection, scope, _window(query, page), page)
    count = min(page.limit, total - page.offset)
    ids = query.order_by(*_order(page, backwards=True)).limit(count).offset(behind)
    return await _fetch(connection, scope, ids, page)


async def _count(connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]]) -> int:
    counted = await connection.execute(select(func.count()).select_from(_A).where(*conditions))
    return int(counted.scalar_one())


async def _fetch(connection: AsyncConnection, scope: Scope, ids: Select[Any], page: PageRequest) -> Sequence[Asset]:
    query = select_scoped(scope).where(_is_one_of(ids)).order_by(*_order(page))
    return [from_row(row) for row in await connection.execute(query)]


def _is_one_of(ids: Select[Any]) -> ColumnElement[bool]:
    # As an array they are always looked up by the primary key; how many there will be is hidden from the planner.
    collected: ScalarSelect[Any] = ids.scalar_subquery()
    return _A.c.id == any_(func.array(collected))


def _window(query: Select[Any], page: PageRequest, source: FromClause = _A) -> Select[Any]:
    return query.order_by(*_order(page, source)).limit(page.limit).offset(page.offset)


def _sort_column(page: PageRequest, source: FromClause = _A) -> ColumnElement[Any]:
    name = {SortKey.CONTENT_CREATED_AT: "sort_at", SortKey.TITLE: "sort_title"}.get(page.sort_by, page.sort_by.value)
    column: ColumnElement[Any] = source.c[name]
    return column


def _order(page: PageRequest, source: FromClause = _A, *, backwards: bool = False) -> tuple[ColumnElement[Any], ...]:
    """The id breaks ties in the same direction, so that one index serves both ways; no title comes last in both."""
    key, identity = _sort_column(page, source), source.c.id
    down = page.descending is not backwards
    ordered = [key.desc(), identity.desc()] if down else [key.asc(), identity.asc()]
    if page.sort_by is SortKey.TITLE:
        # On other columns this would keep the index from being read backwards.
        ordered[0] = ordered[0].nulls_first() if backwards else ordered[0].nulls_last()
    return tuple(ordered)
