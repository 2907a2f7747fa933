"""Folders of the domain as they stand on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from calotype.domain.folder import Breadcrumb, Folder, FolderDetail, Removal
from calotype.web.apis.files.wire import folder as wire


def folder_to_wire(folder: Folder) -> wire.FolderItem:
    """One folder."""
    return wire.FolderItem(
        id=folder.id,
        name=folder.name,
        parent_id=folder.parent_id,
        depth=folder.depth,
        file_count=folder.file_count,
        subfolder_count=folder.subfolder_count,
        created_at=folder.created_at,
        updated_at=folder.updated_at,
    )


def folders_to_wire(folders: Iterable[Folder]) -> wire.FolderList:
    """Several folders in their order."""
    return wire.FolderList(folders=[folder_to_wire(folder) for folder in folders])


def breadcrumbs_to_wire(breadcrumbs: Iterable[Breadcrumb]) -> wire.BreadcrumbList:
    """The way to a folder."""
    return wire.BreadcrumbList(breadcrumbs=_steps(breadcrumbs))


def detail_to_wire(detail: FolderDetail, query: wire.FolderQuery) -> wire.FolderContents:
    """A folder and what lies inside; whether files follow depends on the window asked about."""
    total = detail.folder.file_count
    return wire.FolderContents(
        folder=folder_to_wire(detail.folder),
        breadcrumbs=_steps(detail.breadcrumbs),
        subfolders=[folder_to_wire(folder) for folder in detail.subfolders],
        total_files=total,
        has_more_files=query.offset + query.limit < total,
    )


def removal_to_wire(folder_id: UUID, removal: Removal, query: wire.RemoveFolderQuery) -> wire.RemoveFolderAnswer:
    """What went with a folder."""
    return wire.RemoveFolderAnswer(
        id=folder_id, files_affected=removal.files, subfolders_affected=removal.subfolders, mode=query.mode
    )


def _steps(breadcrumbs: Iterable[Breadcrumb]) -> list[wire.BreadcrumbItem]:
    return [wire.BreadcrumbItem(id=step.id, name=step.name, depth=step.depth) for step in breadcrumbs]
