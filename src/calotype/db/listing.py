"""Finding assets: filters, full text, order and exact counts, all served by indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, any_, bindparam, cast, false, func, select
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from calotype.db import tables
from calotype.db.asset import from_row, select_scoped
from calotype.db.scoped import within
from calotype.domain.asset import Asset
from calotype.domain.listing import AssetFilter, PageRequest, SearchMode, SortKey
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_tsquery

_A = tables.asset

_WEIGHTS = {SearchMode.ALL: "", SearchMode.METADATA: "ABC", SearchMode.VISIBLE_TEXT: "D"}


def conditions(scope: Scope, wanted: AssetFilter) -> ColumnElement[bool]:
    """All conditions of a listing as one."""
    parts: list[ColumnElement[bool]] = [within(scope)]
    if wanted.search and (query := to_tsquery(wanted.search, _WEIGHTS[wanted.search_mode])):
        parts.append(_A.c.search.bool_op("@@")(cast(query, TSQUERY)))
    if wanted.tags:
        parts.append(_A.c.tags.contains(cast(list(wanted.tags), ARRAY(Text))))
    if wanted.media_types:
        parts.append(_A.c.media_type.in_(wanted.media_types))
    if wanted.folder_id is not None:
        parts.append(_A.c.folder_id == wanted.folder_id)
    if wanted.has_description is not None:
        parts.append(_A.c.has_description.is_(wanted.has_description))
    if wanted.ids is not None:
        parts.append(_A.c.id == any_(bindparam(None, list(wanted.ids), ARRAY(_A.c.id.type))) if wanted.ids else false())
    if wanted.created_from is not None:
        parts.append(_A.c.created_at >= wanted.created_from)
    if wanted.created_to is not None:
        parts.append(_A.c.created_at <= wanted.created_to)
    return and_(*parts)


def order(page: PageRequest) -> Sequence[ColumnElement[Any]]:
    """The order of a listing; the id breaks ties in the same direction, so that one index serves both ways."""
    column = {
        SortKey.CREATED_AT: _A.c.created_at,
        SortKey.CONTENT_CREATED_AT: _A.c.sort_at,
        SortKey.TITLE: _A.c.sort_title,
        SortKey.SIZE_BYTES: _A.c.size_bytes,
    }[page.sort_by]
    if not page.descending:
        return column.asc(), _A.c.id.asc()
    # NULLS LAST only where there can be nulls: on other columns it would keep the index from being read backwards.
    last = column.desc().nulls_last() if page.sort_by is SortKey.TITLE else column.desc()
    return last, _A.c.id.desc()


async def select_page(connection: AsyncConnection, scope: Scope, wanted: AssetFilter, page: PageRequest) -> list[Asset]:
    """One window of a listing."""
    query = (
        select_scoped(scope)
        .where(conditions(scope, wanted))
        .order_by(*order(page))
        .limit(page.limit)
        .offset(page.offset)
    )
    return [from_row(row) for row in await connection.execute(query)]


async def select_count(connection: AsyncConnection, scope: Scope, wanted: AssetFilter) -> int:
    """The exact number of matches."""
    counted = await connection.execute(select(func.count()).select_from(_A).where(conditions(scope, wanted)))
    return int(counted.scalar_one())
