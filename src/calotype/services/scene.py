"""Scenes of videos as they are read."""

from __future__ import annotations

from uuid import UUID

from calotype.db.engine import Database
from calotype.db.scene import select_scene, select_scenes
from calotype.db.video import select_video
from calotype.domain.errors import NotFound
from calotype.domain.scene import Scene
from calotype.domain.scope import Scope
from calotype.services.video import video_not_found
from calotype.storage.store import ObjectStore


class SceneService:
    """What is known of the scenes of videos."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store

    async def scenes(self, scope: Scope, video_id: UUID) -> list[Scene]:
        """The scenes of a video in their order; none before it was indexed. Raises NotFound."""
        async with self._database.snapshot() as connection:
            if await select_video(connection, scope, video_id) is None:
                raise video_not_found()
            return await select_scenes(connection, scope, video_id)

    async def keyframe(self, scope: Scope, scene_id: UUID) -> bytes:
        """The picture of a scene, a JPEG file. Raises NotFound, also for one without a picture."""
        async with self._database.read() as connection:
            scene = await select_scene(connection, scope, scene_id)
        if scene is None or scene.keyframe_key is None:
            raise NotFound("Scene not found")
        return await self._store.get(scene.keyframe_key)
