"""Files that are there more than once: the same bytes, or pictures that look alike."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

DEFAULT_GROUP_DISTANCE = 4
"""The greatest Hamming distance within a group unless asked otherwise: copies that were scaled or encoded again."""


class Likeness(enum.StrEnum):
    """How the files of a group belong together."""

    IDENTICAL = "identical"
    ALIKE = "alike"


@dataclass(frozen=True, slots=True)
class DuplicateFile:
    """One file of a group; `distance` is the number of hash bits in which it differs from the group's first."""

    id: UUID
    filename: str
    object_key: str
    width: int | None
    height: int | None
    size_bytes: int
    created_at: datetime
    likeness: Likeness
    distance: int


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same; the first is the one to keep: most pixels, then most bytes, then oldest."""

    files: tuple[DuplicateFile, ...]

    @property
    def likeness(self) -> Likeness:
        """Identical when all files have the same bytes."""
        return max((file.likeness for file in self.files), key=list(Likeness).index)

    @property
    def distance(self) -> int:
        """How far the farthest file is from the first, in bits."""
        return max(file.distance for file in self.files)

    @property
    def spare_bytes(self) -> int:
        """Bytes of all files but the first."""
        return sum(file.size_bytes for file in self.files[1:])
