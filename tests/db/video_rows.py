"""Rows for tests: videos, their runs of indexing and their scenes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from calotype.db.embedding import upsert_embeddings
from calotype.db.engine import Connection, Database
from calotype.db.indexing import insert_run
from calotype.db.scene import insert_scenes
from calotype.db.video import insert_video, update_video
from calotype.db.video_group import insert_group
from calotype.domain.embedding import Embedding, EmbeddingSource
from calotype.domain.scene import Scene
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_scene
from calotype.domain.video import IndexingRun, IndexingStatus, NewVideo, VideoGroup, VideoProbe
from tests.db.rows import NOW, add, new_asset

PROBE = VideoProbe(
    container="mkv",
    width=480,
    height=640,
    rotation=90,
    duration=42.48,
    frame_rate=29.97,
    video_codec="hevc",
    pixel_format="yuv420p10le",
    audio_codec="aac",
    bitrate_kbps=1234,
)


def new_video(**values: Any) -> NewVideo:
    """What is said of an uploaded video; any value may be given."""
    return replace(NewVideo("loading dock", PROBE), **values)


async def add_video(
    connection: Connection, scope: Scope, new: NewVideo | None = None, now: datetime = NOW, **later: Any
) -> UUID:
    """Insert a video with its asset, then set columns of its row."""
    said = new or new_video()
    width, height = (said.probe.width, said.probe.height) if said.probe else (None, None)
    asset = new_asset(scope.tenant_id, media_type="video", content_type="video/mp4", width=width, height=height)
    await add(connection, asset, now)
    await insert_video(connection, scope, asset.id, said)
    if later:
        await update_video(connection, scope, asset.id, later)
    return asset.id


async def add_one_video(database: Database, scope: Scope, new: NewVideo | None = None, **later: Any) -> UUID:
    """The same in a transaction of its own."""
    async with database.write() as connection:
        return await add_video(connection, scope, new, **later)


async def add_group(connection: Connection, scope: Scope, name: str = "", now: datetime = NOW) -> VideoGroup:
    """Insert a group."""
    group = VideoGroup(uuid4(), name or f"group {uuid4()}", {"b": "2", "a": "1"}, now, now)
    await insert_group(connection, scope, group)
    return group


def run_of(
    asset_id: UUID, created_at: datetime = NOW, status: IndexingStatus = IndexingStatus.PENDING, **values: Any
) -> IndexingRun:
    """One run of indexing."""
    plain = IndexingRun(uuid4(), asset_id, "full_vlm", status, 0, None, 0, None, None, created_at, None, None)
    return replace(plain, **values)


async def add_run(connection: Connection, scope: Scope, run: IndexingRun) -> UUID:
    """Insert a run; returns its id."""
    await insert_run(connection, scope, run)
    return run.id


def scene_of(asset_id: UUID, place: int = 0, **values: Any) -> Scene:
    """One scene of ten seconds; any value may be given."""
    plain = Scene(
        id=uuid4(),
        asset_id=asset_id,
        index=place,
        start=10.0 * place,
        end=10.0 * (place + 1),
        keyframe_key=f"variants/{asset_id}/scene_{place}.jpg",
        description="A forklift backs out of a trailer.",
        visible_text=None,
        transcript=None,
        tags=("dock", 'ä,"b'),
        confidence=0.5,
        is_embedded=False,
        created_at=NOW + timedelta(minutes=5),
    )
    return replace(plain, **values)


async def add_scenes(
    connection: Connection, scope: Scope, scenes: list[Scene], name: str = "loading dock", model: str | None = None
) -> None:
    """Insert the scenes of one video, with `model` each with a vector of three numbers: 1, its number, 0."""
    await insert_scenes(connection, scope, [(scene, searchable_scene(name, scene)) for scene in scenes])
    if model is not None:
        vectors = [
            Embedding(scene.asset_id, EmbeddingSource.SCENE, model, (1.0, float(scene.index), 0.0), scene.index)
            for scene in scenes
        ]
        await upsert_embeddings(connection, scope, vectors, NOW)
