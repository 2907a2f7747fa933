"""Folders: a tree of names in which files lie, and the rules for names and depth."""

from __future__ import annotations

import enum
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.errors import InvalidInput
from calotype.domain.values import clean_text

MAX_DEPTH = 10
"""Depth of the deepest folder; folders at the root have depth 0."""

MAX_NAME_LENGTH = 255


class RemovalMode(enum.StrEnum):
    """What becomes of a removed folder's contents."""

    MOVE_TO_PARENT = "move_to_parent"
    DELETE_ALL = "delete_all"


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder; the counts are of live files and of folders directly inside."""

    id: UUID
    name: str
    parent_id: UUID | None
    depth: int
    file_count: int
    subfolder_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Breadcrumb:
    """One step on the way from the root to a folder."""

    id: UUID
    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class FolderDetail:
    """A folder, the way to it from the root (itself included), and the folders directly inside by name."""

    folder: Folder
    breadcrumbs: tuple[Breadcrumb, ...]
    subfolders: tuple[Folder, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """How many live files and how many folders below a removed folder were moved up or deleted with it."""

    files: int
    subfolders: int


def clean_folder_name(value: str, field: str = "name") -> str:
    """Trim a folder's name and compose it (NFC).

    Raises InvalidInput unless 1 to 255 characters are left, none of them a slash, a backslash or a control character.
    """
    name = unicodedata.normalize("NFC", clean_text(value, field)).strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidInput(f"a folder's name must have 1 to {MAX_NAME_LENGTH} characters", field=field)
    if any(character in "/\\" or unicodedata.category(character) == "Cc" for character in name):
        raise InvalidInput("a folder's name must not contain /, \\ or control characters", field=field)
    return name


def clean_folder_path(names: Sequence[str], field: str = "folder") -> tuple[str, ...]:
    """The clean names from the root down to a folder. Raises InvalidInput for a bad name and for too many of them."""
    check_depth(len(names) - 1, field)
    return tuple(clean_folder_name(name, field) for name in names)


def check_depth(depth: int, field: str) -> None:
    """Refuse what would lie too deep. Raises InvalidInput."""
    if depth > MAX_DEPTH:
        raise InvalidInput(f"folders can be nested {MAX_DEPTH + 1} deep at most", field=field)
