"""Ranked lists of scenes for one question, by words and by nearest vectors, each within what a filter leaves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.part_search import PartFilter, PartKind, select_nearest_parts, select_parts_by_words
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.ranking import DEPTH, Hit
from calotype.domain.scope import Scope
from calotype.domain.video_search import SceneFilter

_SCENES = PartKind(
    table="scene",
    source=EmbeddingSource.SCENE,
    owner="video",
    ready="video.indexing_status = 'completed'",
    # Of visible text, descriptions and what is said, names of videos, nothing.
    weights="'{0.4, 0.8, 0.5, 1}'",
)
_REAL_START = "coalesce(video.starts_at, asset.created_at)"


async def select_by_words(
    connection: AsyncConnection, scope: Scope, lexemes: Sequence[str], wanted: SceneFilter, depth: int = DEPTH
) -> list[Hit]:
    """The best scenes for some words, at most `depth`: those with all of them first."""
    return await select_parts_by_words(connection, scope, _SCENES, lexemes, _filter(wanted), depth)


async def select_nearest_scenes(
    connection: AsyncConnection,
    scope: Scope,
    model: str,
    vector: Sequence[float],
    wanted: SceneFilter,
    depth: int = DEPTH,
) -> list[Hit]:
    """The scenes nearest to a vector, nearest first, at most `depth`; merit is the cosine similarity, never below the floor."""
    return await select_nearest_parts(connection, scope, _SCENES, model, vector, _filter(wanted), depth)


def _filter(wanted: SceneFilter) -> PartFilter:
    of_video, of_scene = [], []
    if wanted.folder_id is not None:
        of_video.append("asset.folder_id = :folder_id")
    if wanted.group_ids is not None:
        none = " OR video.group_id IS NULL" if wanted.in_no_group else ""
        of_video.append(f"(video.group_id = ANY(CAST(:group_ids AS uuid[])){none})")
    if wanted.from_time is not None:
        of_scene.append(f"{_REAL_START} + make_interval(secs => scene.end_time) >= :from_time")
    if wanted.to_time is not None:
        of_scene.append(f"{_REAL_START} + make_interval(secs => scene.start_time) <= :to_time")
    if wanted.from_seconds is not None:
        of_scene.append("scene.end_time >= :from_seconds")
    if wanted.to_seconds is not None:
        of_scene.append("scene.start_time <= :to_seconds")
    values = {
        "folder_id": wanted.folder_id,
        "group_ids": None if wanted.group_ids is None else list(wanted.group_ids),
        "from_time": wanted.from_time,
        "to_time": wanted.to_time,
        "from_seconds": wanted.from_seconds,
        "to_seconds": wanted.to_seconds,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return PartFilter(wanted.video_ids, of_video, of_scene, given)
