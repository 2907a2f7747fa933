"""Folders: making, reading, renaming, moving and removing them, and moving files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import FolderName, WireInt, WireUuid

MAX_MOVED = 100


class FolderItem(Wire):
    """One folder."""

    id: UUID
    name: str
    parent_id: UUID | None
    depth: int
    file_count: int
    subfolder_count: int
    created_at: datetime
    updated_at: datetime


class FolderList(Wire):
    """All folders, flat."""

    folders: list[FolderItem]


class BreadcrumbItem(Wire):
    """One step on the way to a folder."""

    id: UUID
    name: str
    depth: int


class BreadcrumbList(Wire):
    """The way from the root to a folder, itself included."""

    breadcrumbs: list[BreadcrumbItem]


class FolderQuery(Wire):
    """Query of a single folder: the window of its files that is asked about."""

    limit: Annotated[WireInt, Field(ge=1, le=100)] = 50
    offset: Annotated[WireInt, Field(ge=0)] = 0


class FolderContents(Wire):
    """A folder and what lies directly inside."""

    folder: FolderItem
    breadcrumbs: list[BreadcrumbItem]
    subfolders: list[FolderItem]
    total_files: int
    has_more_files: bool


class CreateFolderRequest(Wire):
    """Body of `POST /folders`; without a parent the folder lies at the root."""

    name: FolderName
    parent_id: WireUuid | None = None


class RenameFolderRequest(Wire):
    """Body of PATCH."""

    name: FolderName


class MoveFolderRequest(Wire):
    """Body of `move`; null or absent is the root."""

    new_parent_id: WireUuid | None = None


class RemoveFolderQuery(Wire):
    """Query of DELETE."""

    mode: Literal["move_to_parent", "delete_all"] = "move_to_parent"


class RemoveFolderAnswer(Wire):
    """What was moved up or deleted with a folder."""

    id: UUID
    files_affected: int
    subfolders_affected: int
    mode: Literal["move_to_parent", "delete_all"]


class MoveFilesRequest(Wire):
    """Body of `move-files`; null or absent is the root."""

    file_ids: Annotated[list[WireUuid], Field(min_length=1, max_length=MAX_MOVED)]
    folder_id: WireUuid | None = None


class MoveFilesAnswer(Wire):
    """How many of the files lie in the target now."""

    moved: int
    total_requested: int
