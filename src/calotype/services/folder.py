"""The tree of folders: making, renaming, moving and removing them, and putting files into them.

Every change takes the tenant's tree lock first, then locks folders, then files by id. So no two of them wait for each other in a
circle, and each is judged by the very tree it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from calotype.db.engine import Connection, Database
from calotype.db.folder import (
    delete_folders,
    insert_folder,
    lock_files,
    lock_files_in_folders,
    lock_folders,
    lock_tree,
    select_breadcrumbs,
    select_child,
    select_clash,
    select_depth,
    select_folder,
    select_folders,
    select_path,
    select_subfolders,
    select_subtree,
    update_files_folder,
    update_folder_name,
    update_folder_places,
)
from calotype.db.trash import update_deleted_with_folders
from calotype.domain.errors import Conflict, InvalidInput, NotFound
from calotype.domain.folder import Breadcrumb, Folder, FolderDetail, Removal, RemovalMode, check_depth
from calotype.domain.scope import Scope
from calotype.services.trash import TrashService

_DROPPED_AT_ONCE = 5_000  # files whose jobs one statement takes out of the queue


class FolderService:
    """One tenant's tree at a time; names given to it are clean already."""

    def __init__(self, database: Database, trash: TrashService) -> None:
        self._database = database
        self._trash = trash

    # ------------------------------------------------------------- reading

    async def list(self, scope: Scope) -> Sequence[Folder]:
        """All folders, by depth, then name."""
        async with self._database.read() as connection:
            return await select_folders(connection, scope)

    async def detail(self, scope: Scope, folder_id: UUID) -> FolderDetail:
        """A folder, the way to it, and the folders directly inside, all of one moment. Raises NotFound."""
        async with self._database.snapshot() as connection:
            return FolderDetail(
                await _existing(connection, scope, folder_id),
                tuple(await select_breadcrumbs(connection, scope, folder_id)),
                tuple(await select_subfolders(connection, scope, folder_id)),
            )

    async def breadcrumbs(self, scope: Scope, folder_id: UUID) -> Sequence[Breadcrumb]:
        """The way from the root to a folder, itself included. Raises NotFound."""
        async with self._database.read() as connection:
            found = await select_breadcrumbs(connection, scope, folder_id)
        if not found:
            raise NotFound("Folder not found")
        return found

    # ------------------------------------------------------------ the tree

    async def create(self, scope: Scope, name: str, parent_id: UUID | None) -> Folder:
        """Make an empty folder.

        Raises NotFound for the parent, InvalidInput when it would lie too deep, Conflict when the name is taken there.
        """
        async with self._database.write() as connection:
            await lock_tree(connection, scope)
            depth = await _depth_inside(connection, scope, parent_id)
            check_depth(depth, "parent_id")
            await _check_free(connection, scope, parent_id, name)
            return await _insert(connection, scope, name, parent_id, depth)

    async def ensure(self, scope: Scope, names: Sequence[str]) -> UUID | None:
        """The folder at the end of a path of clean names, made as far as it is missing; None for the empty path."""
        if not names:
            return None
        async with self._database.read() as connection:
            way = await select_path(connection, scope, names)
        if len(way) < len(names):
            async with self._database.write() as connection:
                await lock_tree(connection, scope)
                way = await select_path(connection, scope, names)
                for depth in range(len(way), len(names)):
                    parent_id = way[-1] if way else None
                    way.append((await _insert(connection, scope, names[depth], parent_id, depth)).id)
        return way[-1]

    async def rename(self, scope: Scope, folder_id: UUID, name: str) -> Folder:
        """Give a folder another name; its own changes nothing. Raises NotFound, Conflict when a sibling has it."""
        async with self._database.write() as connection:
            await lock_tree(connection, scope)
            folder = await _existing(connection, scope, folder_id)
            if folder.name == name:
                return folder
            await _check_free(connection, scope, folder.parent_id, name)
            now = datetime.now(UTC)
            await update_folder_name(connection, scope, folder_id, name, now)
            return replace(folder, name=name, updated_at=now)

    async def move(self, scope: Scope, folder_id: UUID, parent_id: UUID | None) -> Folder:
        """Hang a folder with all below it into another one, or to the root; where it is already changes nothing.

        Raises NotFound, InvalidInput when it would lie in itself or anything too deep, Conflict when the name is taken there.
        """
        async with self._database.write() as connection:
            await lock_tree(connection, scope)
            folder = await _existing(connection, scope, folder_id)
            depth = await _depth_inside(connection, scope, parent_id)
            if folder.parent_id == parent_id:
                return folder
            subtree = await select_subtree(connection, scope, folder_id)
            if parent_id in subtree:
                raise InvalidInput("A folder cannot be moved into itself", field="new_parent_id")
            deeper = depth - folder.depth
            check_depth(max(subtree.values()) + deeper, "new_parent_id")
            await _check_free(connection, scope, parent_id, folder.name)
            now = datetime.now(UTC)
            await update_folder_places(connection, scope, [folder_id], subtree, parent_id, deeper, now)
            return replace(folder, parent_id=parent_id, depth=depth, updated_at=now)

    async def remove(self, scope: Scope, folder_id: UUID, mode: RemovalMode) -> Removal:
        """Remove a folder and let its contents go up one level, or to the trash with everything below.

        Raises NotFound, and Conflict when something that goes up finds its name taken there.
        """
        async with self._database.write() as connection:
            await lock_tree(connection, scope)
            folder = await _existing(connection, scope, folder_id)
            if mode is RemovalMode.DELETE_ALL:
                return await self._remove_all(connection, scope, folder_id)
            return await _dissolve(connection, scope, folder)

    async def _remove_all(self, connection: Connection, scope: Scope, folder_id: UUID) -> Removal:
        subtree = await select_subtree(connection, scope, folder_id)
        await _lock_contents(connection, scope, subtree)
        now = datetime.now(UTC)
        gone = await update_deleted_with_folders(connection, scope, subtree, now)
        await delete_folders(connection, scope, subtree)
        for start in range(0, len(gone), _DROPPED_AT_ONCE):
            await self._trash.forget_work(connection, scope, gone[start : start + _DROPPED_AT_ONCE], now)
        return Removal(len(gone), len(subtree) - 1)

    # --------------------------------------------------------------- files

    async def move_files(self, scope: Scope, asset_ids: Sequence[UUID], folder_id: UUID | None) -> int:
        """Put live files into a folder, or to the root; returns how many of them lie there now.

        Unknown and deleted ones are passed over. Raises NotFound for the folder; nothing is moved then.
        """
        async with self._database.write() as connection:
            await lock_tree(connection, scope)
            await _depth_inside(connection, scope, folder_id)
            found = await lock_files(connection, scope, set(asset_ids))
            await update_files_folder(connection, scope, found, folder_id, datetime.now(UTC))
        return len(found)


async def _existing(connection: Connection, scope: Scope, folder_id: UUID) -> Folder:
    folder = await select_folder(connection, scope, folder_id)
    if folder is None:
        raise NotFound("Folder not found")
    return folder


async def _depth_inside(connection: Connection, scope: Scope, parent_id: UUID | None) -> int:
    if parent_id is None:
        return 0
    depth = await select_depth(connection, scope, parent_id)
    if depth is None:
        raise NotFound("Folder not found")
    return depth + 1


async def _check_free(connection: Connection, scope: Scope, parent_id: UUID | None, name: str) -> None:
    if await select_child(connection, scope, parent_id, name) is not None:
        raise Conflict("A folder of this name is already there")


async def _insert(connection: Connection, scope: Scope, name: str, parent_id: UUID | None, depth: int) -> Folder:
    now = datetime.now(UTC)
    folder = Folder(uuid4(), name, parent_id, depth, 0, 0, now, now)
    await insert_folder(connection, scope, folder)
    return folder


async def _lock_contents(connection: Connection, scope: Scope, folder_ids: Collection[UUID]) -> None:
    """Wait for uploads into the folders, then for whoever holds a file in them, in the trash or not.

    What is looked for afterwards is all there will be: nobody puts a file in, takes one out, or restores one.
    """
    await lock_folders(connection, scope, folder_ids)
    await lock_files_in_folders(connection, scope.any(), folder_ids)


async def _dissolve(connection: Connection, scope: Scope, folder: Folder) -> Removal:
    clash = await select_clash(connection, scope, folder.id, folder.parent_id)
    if clash is not None:
        raise Conflict(f"A folder named {clash} is already there")
    subtree = await select_subtree(connection, scope, folder.id)
    await _lock_contents(connection, scope, [folder.id])
    files = await lock_files_in_folders(connection, scope, [folder.id])
    now = datetime.now(UTC)
    await update_files_folder(connection, scope, files, folder.parent_id, now)
    await delete_folders(connection, scope, [folder.id])
    # Only now, because a subfolder may have the name that became free.
    below = subtree.keys() - {folder.id}
    children = [inner for inner in below if subtree[inner] == folder.depth + 1]
    await update_folder_places(connection, scope, children, below, folder.parent_id, -1, now)
    return Removal(len(files), len(children))
