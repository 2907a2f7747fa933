"""What programs that act for people ask a library: one question of one kind of files, answered without any state."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from calotype.domain.video import LibraryVideo
from calotype.domain.video_search import FoundScene

EVERYTHING = "*"
"""The question that finds the newest."""

T = TypeVar("T")


class AgentSearchMode(enum.StrEnum):
    """What answered a question: words, vectors, both, or nothing but the order of time."""

    TEXT = "text"
    VECTOR = "vector"
    HYBRID = "hybrid"
    BROWSE = "browse"


@dataclass(frozen=True, slots=True)
class AgentQuery:
    """A question in words or `*`, 1 to 500 results, among what lies in a folder itself and has one of some ids and formats.

    None means all; no ids or formats match nothing.
    """

    text: str
    limit: int = 50
    folder_id: UUID | None = None
    ids: tuple[UUID, ...] | None = None
    formats: tuple[str, ...] | None = None

    @property
    def is_browsing(self) -> bool:
        """Whether it asks for the newest."""
        return self.text.strip() == EVERYTHING


@dataclass(frozen=True, slots=True)
class FoundVideo:
    """A video, its scenes that fit, best first, and how well the best of them or its name fits: 0-1."""

    video: LibraryVideo
    scenes: tuple[FoundScene, ...]
    score: float


@dataclass(frozen=True, slots=True)
class AgentAnswer(Generic[T]):
    """What was found, best first, and how."""

    mode: AgentSearchMode
    found: tuple[T, ...]
