"""Rows of folders, and which folder files lie in.

Whoever changes the tree holds `lock_tree` from before the first look at it, so that what was found still holds when it is acted
upon. Constraints of the table stand behind that: no two siblings of one name, no cycle, no file in a folder that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Select,
    Text,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.advisory_lock import lock_keys
from calotype.db.scoped import of_tenant, within
from calotype.domain.folder import Breadcrumb, Folder
from calotype.domain.scope import Scope

_A = tables.asset
_F = tables.folder
_COLUMNS = (_F.c.id, _F.c.name, _F.c.parent_id, _F.c.depth, _F.c.created_at, _F.c.updated_at)


async def lock_tree(connection: AsyncConnection, scope: Scope) -> None:
    """Let only one transaction at a time change the tenant's tree; taken before any row is locked."""
    await lock_keys(connection, scope, ["folders"])


# ---------------------------------------------------------------------- reading


async def select_folders(connection: AsyncConnection, scope: Scope) -> list[Folder]:
    """All folders of a tenant, by depth, then name; what lies in them is counted in two passes over indexes."""
    files = (
        select(_A.c.folder_id, func.count().label("count"))
        .where(within(scope), _A.c.folder_id.is_not(None))
        .group_by(_A.c.folder_id)
        .subquery()
    )
    children = (
        select(_F.c.parent_id, func.count().label("count"))
        .where(of_tenant(scope, _F), _F.c.parent_id.is_not(None))
        .group_by(_F.c.parent_id)
        .subquery()
    )
    query = (
        select(*_COLUMNS, func.coalesce(files.c.count, 0), func.coalesce(children.c.count, 0))
        .select_from(
            _F.outerjoin(files, files.c.folder_id == _F.c.id).outerjoin(children, children.c.parent_id == _F.c.id)
        )
        .where(of_tenant(scope, _F))
        .order_by(_F.c.depth, _F.c.name, _F.c.id)
    )
    return [_from_row(row) for row in await connection.execute(query)]


async def select_folder(connection: AsyncConnection, scope: Scope, folder_id: UUID) -> Folder | None:
    """One folder."""
    row = (await connection.execute(_counted(scope).where(_F.c.id == folder_id))).one_or_none()
    return _from_row(row) if row else None


async def select_subfolders(connection: AsyncConnection, scope: Scope, parent_id: UUID) -> list[Folder]:
    """The folders directly inside another, by name."""
    query = _counted(scope).where(_F.c.parent_id == parent_id).order_by(_F.c.name)
    return [_from_row(row) for row in await connection.execute(query)]


async def select_breadcrumbs(connection: AsyncConnection, scope: Scope, folder_id: UUID) -> list[Breadcrumb]:
    """The way from the root to a folder, itself included; empty when there is none of that id."""
    columns = (_F.c.id, _F.c.parent_id, _F.c.name, _F.c.depth)
    way = select(*columns).where(of_tenant(scope, _F), _F.c.id == folder_id).cte("way", recursive=True)
    way = way.union_all(select(*columns).join(way, way.c.parent_id == _F.c.id).where(of_tenant(scope, _F)))
    rows = await connection.execute(select(way.c.id, way.c.name, way.c.depth).order_by(way.c.depth))
    return [Breadcrumb(row.id, row.name, row.depth) for row in rows]


async def select_child(connection: AsyncConnection, scope: Scope, parent_id: UUID | None, name: str) -> UUID | None:
    """The folder of that name directly inside another, or at the root."""
    query = select(_F.c.id).where(of_tenant(scope, _F), _inside(parent_id), _F.c.name == name)
    found: UUID | None = (await connection.execute(query)).scalar_one_or_none()
    return found


async def select_path(connection: AsyncConnection, scope: Scope, names: Sequence[str]) -> list[UUID]:
    """The folders on the way that these names lead from the root down, as far as there are any."""
    given = func.unnest(literal(list(names), ARRAY(Text))).table_valued("name", with_ordinality="place")
    wanted = given.render_derived("wanted")  # places count from 1, depths from 0
    columns = (_F.c.id, _F.c.depth)
    top = select(*columns).join(wanted, wanted.c.name == _F.c.name)
    way = top.where(of_tenant(scope, _F), _inside(None), wanted.c.place == 1).cte("way", recursive=True)
    further = select(*columns).join(wanted, wanted.c.name == _F.c.name).join(way, way.c.id == _F.c.parent_id)
    way = way.union_all(further.where(of_tenant(scope, _F), wanted.c.place == way.c.depth + 2))
    return list((await connection.execute(select(way.c.id).order_by(way.c.depth))).scalars())


async def select_depth(connection: AsyncConnection, scope: Scope, folder_id: UUID) -> int | None:
    """How deep a folder lies; None when there is none of that id."""
    depth: int | None = (
        await connection.execute(select(_F.c.depth).where(of_tenant(scope, _F), _F.c.id == folder_id))
    ).scalar_one_or_none()
    return depth


async def select_clash(
    connection: AsyncConnection, scope: Scope, folder_id: UUID, parent_id: UUID | None
) -> str | None:
    """A name that a folder directly inside another shares with one beside that, both not being the other itself."""
    child = _F.alias("child")
    beside = select(_F.c.id).where(
        of_tenant(scope, _F), _inside(parent_id), _F.c.name == child.c.name, _F.c.id != folder_id
    )
    query = select(child.c.name).where(of_tenant(scope, child), child.c.parent_id == folder_id, beside.exists())
    name: str | None = (await connection.execute(query.limit(1))).scalar_one_or_none()
    return name


async def select_subtree(connection: AsyncConnection, scope: Scope, folder_id: UUID) -> dict[UUID, int]:
    """The depths of a folder and of all folders below it, by id."""
    tree = _subtree(scope, folder_id)
    return {row.id: row.depth for row in await connection.execute(select(tree.c.id, tree.c.depth))}


async def lock_folders(connection: AsyncConnection, scope: Scope, folder_ids: Collection[UUID]) -> None:
    """Wait for uploads into some folders and let no further ones begin until the transaction ends."""
    query = select(_F.c.id).where(of_tenant(scope, _F), _one_of(_F.c.id, folder_ids))
    await connection.execute(query.order_by(_F.c.id).with_for_update())


def _counted(scope: Scope) -> Select[Any]:
    """Folders with what lies in each of them, counted folder by folder: for few of many."""
    children = _F.alias("child")
    files = select(func.count()).where(within(scope), _A.c.folder_id == _F.c.id).correlate(_F)
    subfolders = select(func.count()).where(of_tenant(scope, children), children.c.parent_id == _F.c.id).correlate(_F)
    return select(*_COLUMNS, files.scalar_subquery(), subfolders.scalar_subquery()).where(of_tenant(scope, _F))


def _from_row(row: Sequence[Any]) -> Folder:
    identity, name, parent_id, depth, created_at, updated_at, files, subfolders = row
    return Folder(identity, name, parent_id, depth, files, subfolders, created_at, updated_at)


def _subtree(scope: Scope, folder_id: UUID) -> CTE:
    columns = (_F.c.id, _F.c.depth)
    tree = select(*columns).where(of_tenant(scope, _F), _F.c.id == folder_id).cte("subtree", recursive=True)
    return tree.union_all(select(*columns).join(tree, tree.c.id == _F.c.parent_id).where(of_tenant(scope, _F)))


def _inside(parent_id: UUID | None) -> ColumnElement[bool]:
    return _F.c.parent_id.is_(None) if parent_id is None else _F.c.parent_id == parent_id


def _one_of(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    # An array is one parameter, however many there are.
    return column == any_(bindparam(None, list(ids), ARRAY(column.type)))


# ---------------------------------------------------------------- changing the tree


async def insert_folder(connection: AsyncConnection, scope: Scope, folder: Folder) -> None:
    """Store a new, empty folder."""
    await connection.execute(
        _F.insert().values(
            id=folder.id,
            tenant_id=scope.tenant_id,
            parent_id=folder.parent_id,
            name=folder.name,
            depth=folder.depth,
            created_at=folder.created_at,
            updated_at=folder.updated_at,
        )
    )


async def update_folder_name(
    connection: AsyncConnection, scope: Scope, folder_id: UUID, name: str, now: datetime
) -> None:
    """Give a folder another name."""
    await connection.execute(
        update(_F).where(of_tenant(scope, _F), _F.c.id == folder_id).values(name=name, updated_at=now)
    )


async def update_folder_places(
    connection: AsyncConnection,
    scope: Scope,
    roots: Collection[UUID],
    subtree: Collection[UUID],
    parent_id: UUID | None,
    deeper: int,
    now: datetime,
) -> None:
    """Hang the folders `roots` below another parent; all of `subtree`, which holds them, come to lie `deeper` levels deeper."""
    is_root = _one_of(_F.c.id, roots)
    await connection.execute(
        update(_F)
        .where(of_tenant(scope, _F), _one_of(_F.c.id, subtree))
        .values(
            parent_id=case((is_root, literal(parent_id, _F.c.parent_id.type)), else_=_F.c.parent_id),
            updated_at=case((is_root, now), else_=_F.c.updated_at),
            depth=_F.c.depth + deeper,
        )
    )


async def delete_folders(connection: AsyncConnection, scope: Scope, folder_ids: Collection[UUID]) -> None:
    """Remove folders for good; files still in them, which are those in the trash, come to lie at the root."""
    await connection.execute(delete(_F).where(of_tenant(scope, _F), _one_of(_F.c.id, folder_ids)))


# --------------------------------------------------------------------------- files


async def lock_files(connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID]) -> list[UUID]:
    """Those of the given files that are in the scope; they cannot change until the transaction ends."""
    query = select(_A.c.id).where(within(scope), _one_of(_A.c.id, asset_ids))
    return list((await connection.execute(query.order_by(_A.c.id).with_for_update())).scalars())


async def lock_files_in_folders(connection: AsyncConnection, scope: Scope, folder_ids: Collection[UUID]) -> list[UUID]:
    """The files of the scope directly inside some folders; they cannot change until the transaction ends."""
    query = select(_A.c.id).where(within(scope), _one_of(_A.c.folder_id, folder_ids))
    return list((await connection.execute(query.order_by(_A.c.id).with_for_update())).scalars())


async def update_files_folder(
    connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID], folder_id: UUID | None, now: datetime
) -> None:
    """Put files into a folder, or at the root; those that lie there already are left alone."""
    await connection.execute(
        update(_A)
        .where(within(scope), _one_of(_A.c.id, asset_ids), _A.c.folder_id.is_distinct_from(folder_id))
        .values(folder_id=folder_id, updated_at=now)
    )
