"""Finding scenes of videos: the question, and what fits it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.ranking import DEPTH
from calotype.domain.scene import Scene
from calotype.domain.video import LibraryVideo


@dataclass(frozen=True, slots=True)
class SceneFilter:
    """Which scenes are looked at; None means all. An empty tuple of ids matches nothing.

    `in_no_group` adds the videos without a group to those of `group_ids`; `folder_id` leaves those that lie in the folder itself.
    Times are compared with the scene's place in real time (`from_time`, `to_time`) and in its video (`from_seconds`,
    `to_seconds`): it counts when both overlap, ends included.
    """

    video_ids: tuple[UUID, ...] | None = None
    group_ids: tuple[UUID, ...] | None = None
    in_no_group: bool = False
    folder_id: UUID | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    from_seconds: float | None = None
    to_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SceneQuery:
    """A question in words, 1 to `depth` results, those of at least `threshold` (0-1), among what fits the filter.

    Words and vectors contribute `depth` scenes each, so that a longer answer begins like a shorter one.
    """

    text: str
    limit: int = 10
    threshold: float | None = None
    wanted: SceneFilter = SceneFilter()
    depth: int = DEPTH


@dataclass(frozen=True, slots=True)
class FoundScene:
    """A scene, its video, and how well it fits: 0-1, where 1 is first in every list."""

    scene: Scene
    video: LibraryVideo
    score: float
