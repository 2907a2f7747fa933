"""The one place that turns a scope into SQL: whose rows, and live or trashed."""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import ColumnElement, Dialect, FromClause, and_, bindparam, cast
from sqlalchemy.dialects.postgresql import ARRAY, UUID, array
from sqlalchemy.dialects.postgresql.base import PGDialect

from calotype.db import tables
from calotype.domain.scope import Scope, Visibility

_NAMED: Dialect = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy's own gap


def within(scope: Scope, table: FromClause = tables.asset) -> ColumnElement[bool]:
    """The condition that a row of `asset` belongs to the scope's tenant and has its visibility."""
    return _visible(scope.visibility, table, table.c.tenant_id == scope.tenant_id)


def within_parameter(visibility: Visibility) -> ColumnElement[bool]:
    """The same condition on `asset` for statements built once; the tenant is their parameter `tenant_id`."""
    return _visible(visibility, tables.asset, tables.asset.c.tenant_id == bindparam("tenant_id"))


def _visible(visibility: Visibility, table: FromClause, mine: ColumnElement[bool]) -> ColumnElement[bool]:
    deleted: ColumnElement[Any] = table.c.deleted_at
    match visibility:
        case Visibility.LIVE:
            return and_(mine, deleted.is_(None))
        case Visibility.TRASHED:
            return and_(mine, deleted.is_not(None))
        case Visibility.ANY:
            return mine


def within_words(scope: Scope) -> ColumnElement[bool]:
    """The same condition on `asset` as `within`, in the form that the index of words and tags holds."""
    if scope.visibility is not Visibility.LIVE:
        return within(scope)  # the index holds no trash
    mine = array([tables.asset.c.tenant_id]).contains(cast([scope.tenant_id], ARRAY(UUID)))
    return and_(mine, tables.asset.c.deleted_at.is_(None))


@functools.cache
def within_sql(visibility: Visibility) -> str:
    """The condition of `within_parameter` for statements that are written as text."""
    # A parameter with a cast behind it is not seen as one in a statement's text.
    return str(within_parameter(visibility).compile(dialect=_NAMED)).replace(
        ":tenant_id::UUID", "CAST(:tenant_id AS uuid)"
    )


@functools.cache
def within_words_sql(visibility: Visibility) -> str:
    """The condition of `within_words` for statements that are written as text; their parameter is `tenant_id`."""
    if visibility is not Visibility.LIVE:
        return within_sql(visibility)
    live = str(tables.asset.c.deleted_at.is_(None).compile(dialect=_NAMED))
    return f"ARRAY[asset.tenant_id] @> ARRAY[CAST(:tenant_id AS uuid)] AND {live}"


def of_tenant(scope: Scope, table: FromClause) -> ColumnElement[bool]:
    """The condition that a row of any other table belongs to the scope's tenant."""
    condition: ColumnElement[bool] = table.c.tenant_id == scope.tenant_id
    return condition
