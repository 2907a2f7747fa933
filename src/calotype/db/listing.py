"""Finding assets: filters, full text, order and exact counts, all served by indexes.

Which way a page is come by follows from what is asked and from exact counts, never from an estimate: the planner knows next to
nothing about rare words, and where it guesses wrong a search takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, any_, bindparam, cast, false, func, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from calotype.db import tables
from calotype.db.asset import from_row, select_scoped
from calotype.db.scoped import within, within_words
from calotype.domain.listing import AssetFilter, AssetPage, PageRequest, SortKey
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_tsquery

_A = tables.asset
_FEW = 2_000  # so many matches are fetched and sorted sooner than all rows are read in their order


async def select_page(connection: AsyncConnection, scope: Scope, wanted: AssetFilter, page: PageRequest) -> AssetPage:
    """One window of a listing and the exact count; all statements of the connection must see the same state."""
    named, filters = _named(wanted), _filters(wanted)
    if named:
        return await _collect(connection, scope, [within_words(scope), *named, *filters], page)
    if not filters:
        return await _walk(connection, scope, filters, page)
    total = await _count(connection, [within(scope), *filters])
    if total > _FEW:
        return await _walk(connection, scope, filters, page, total)
    # Only ids are asked of the filters, because with nothing else one index holds all that is needed.
    ids = select(_A.c.id).where(within(scope), *filters)
    return await _collect(connection, scope, [within(scope), _is_one_of(ids)], page)


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
    return parts


async def _collect(
    connection: AsyncConnection, scope: Scope, conditions: Sequence[ColumnElement[bool]], page: PageRequest
) -> AssetPage:
    """Take all matches from the index that names them, once, to count and to sort them."""
    matches = select(_A.c.id, _sort_column(page).label("key")).where(*conditions).cte("matches").prefix_with("MATERIALIZED")
    ids = _window(select(matches.c.id), matches.c.key, matches.c.id, page)
    total = select(func.count()).select_from(matches).scalar_subquery()
    rows = (await connection.execute(_fetching(scope, ids, page).add_columns(total.label("total")))).all()
    if rows or page.offset == 0:
        return AssetPage(tuple(map(from_row, rows)), rows[0].total if rows else 0, page.offset)
    return AssetPage((), await _count(connection, conditions), page.offset)


async def _walk(
    connection: AsyncConnection,
    scope: Scope,
    filters: Sequence[ColumnElement[bool]],
    page: PageRequest,
    total: int | None = None,
) -> AssetPage:
    """Read an index in the order of the listing until the window is full; only rows of the window are looked at."""
    ids = _window(select(_A.c.id).where(within(scope), *filters), _sort_column(page), _A.c.id, page)
    assets = tuple(map(from_row, await connection.execute(_fetching(scope, ids, page))))
    if total is None:
        if assets and len(assets) < page.limit:
            # The window reached the end, so the count is known already.
            total = page.offset + len(assets)
        else:
            total = await _count(connection, [within(scope), *filters])
    return AssetPage(assets, total, page.offset)


async def _count(connection: AsyncConnection, conditions: Sequence[ColumnElement[bool]]) -> int:
    counted = await connection.execute(select(func.count()).select_from(_A).where(*conditions))
    return int(counted.scalar_one())


def _fetching(scope: Scope, ids: Select[Any], page: PageRequest) -> Select[Any]:
    return select_scoped(scope).where(_is_one_of(ids)).order_by(*_order(_sort_column(page), _A.c.id, page))


def _is_one_of(ids: Select[Any]) -> ColumnElement[bool]:
    # As an array they are always looked up by the primary key; how many there will be is hidden from the planner.
    collected: ScalarSelect[Any] = ids.scalar_subquery()
    return _A.c.id == any_(func.array(collected))


def _window(query: Select[Any], key: ColumnElement[Any], identity: ColumnElement[Any], page: PageRequest) -> Select[Any]:
    return query.order_by(*_order(key, identity, page)).limit(page.limit).offset(page.offset)


def _sort_column(page: PageRequest) -> ColumnElement[Any]:
    return {
        SortKey.CREATED_AT: _A.c.created_at,
        SortKey.CONTENT_CREATED_AT: _A.c.sort_at,
        SortKey.TITLE: _A.c.sort_title,
        SortKey.SIZE_BYTES: _A.c.size_bytes,
    }[page.sort_by]


def _order(key: ColumnElement[Any], identity: ColumnElement[Any], page: PageRequest) -> tuple[ColumnElement[Any], ...]:
    """The id breaks ties in the same direction, so that one index serves both ways."""
    if not page.descending:
        return key.asc(), identity.asc()
    # NULLS LAST only where there can be nulls: on other columns it would keep the index from being read backwards.
    last = key.desc().nulls_last() if page.sort_by is SortKey.TITLE else key.desc()
    return last, identity.desc()
