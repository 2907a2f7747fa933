"""Making a form of a video that browsers play, for those they do not."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import structlog

from calotype.db.asset import select_asset
from calotype.db.engine import Database
from calotype.db.video import select_video, update_video
from calotype.domain.asset import OPEN_STATES, Asset, State
from calotype.domain.errors import NotFound, SandboxFailure
from calotype.domain.object_keys import rendition_key
from calotype.domain.scope import Scope
from calotype.domain.video import Video
from calotype.sandbox.pool import Sandbox
from calotype.services import leftovers
from calotype.services.attempts import MOST_BEGINNINGS, lasting_reason, try_again, when_back
from calotype.services.wanted import NoLongerWantedError, while_wanted
from calotype.storage.store import ObjectStore
from calotype.video.rendition import render

_LEAST_TIME = 300.0  # seconds encoding may take
_TIME_FACTOR = 20.0  # seconds a second of video may take
_MOST_TIME = 86_400.0
_PIECE = 1024 * 1024
_log = structlog.get_logger(__name__)


class RenditionService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(self, database: Database, store: ObjectStore, videos: Sandbox) -> None:
        self._database = database
        self._store = store
        self._videos = videos

    async def make(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Make the MP4 of one video. Raises what may pass (`lasting_reason`).

        `attempt` counts how often the job was begun.
        """
        found = await self._begin(scope, asset_id)
        if found is None:
            return
        asset, video = found
        key = rendition_key(asset.tenant_id, asset.id)
        try:
            if attempt > MOST_BEGINNINGS:
                raise SandboxFailure(f"it was interrupted {attempt - 1} times", reason="crashed")
            await self._make(asset, video, key)
            await when_back(lambda: self._end(asset, State.COMPLETED, key=key))
        except NoLongerWantedError:
            _log.info("rendition broken off", asset_id=str(asset.id))
        except Exception as error:
            await self._end(asset, State.FAILED, error=lasting_reason(error, attempt))

    async def _is_wanted(self, asset: Asset) -> bool:
        async with self._database.read() as connection:
            video = await select_video(connection, Scope(asset.tenant_id), asset.id)
        return video is not None and video.rendition.status in OPEN_STATES

    async def _begin(self, scope: Scope, asset_id: UUID) -> tuple[Asset, Video] | None:
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            video = await select_video(connection, scope, asset_id) if asset else None
            if asset is None or video is None or video.rendition.status not in OPEN_STATES:
                return None
            await update_video(connection, scope, asset_id, {"rendition_status": State.PROCESSING.value})
        return asset, video

    async def _make(self, asset: Asset, video: Video, key: str) -> None:
        """Encode while anybody wants it, then store what was made."""
        if video.probe is None:
            raise NotFound("the video is not here")
        timeout = min(_MOST_TIME, _LEAST_TIME + _TIME_FACTOR * video.probe.duration)
        with tempfile.TemporaryDirectory(prefix="calotype-video-") as folder:
            target = Path(folder) / "rendition.mp4"
            async with self._store.local_path(asset.object_key) as path, while_wanted(lambda: self._is_wanted(asset)):
                await try_again(
                    lambda: self._videos.run(render, str(path), asset.format, str(target), timeout=timeout),
                    is_long=True,
                )
            async with self._store.writer(key, target.stat().st_size) as writer:
                async for piece in _pieces(target):
                    await writer.write(piece)
                await writer.commit()

    async def _end(self, asset: Asset, status: State, *, key: str | None = None, error: str | None = None) -> None:
        if error is not None:
            _log.warning("no rendition", asset_id=str(asset.id), format=asset.format, reason=error)
        scope = Scope(asset.tenant_id).any()
        kept = key is None
        async with self._database.write() as connection:
            current = await select_asset(connection, scope, asset.id, lock=True)
            video = await select_video(connection, scope, asset.id) if current else None
            if video is not None and video.rendition.status in OPEN_STATES:
                values = {"rendition_status": status.value, "rendition_key": key, "rendition_error": error}
                await update_video(connection, scope, asset.id, values)
                kept = True
            # Whether this very end was stored, though its answer was lost.
            kept = kept or (video is not None and video.rendition.object_key == key)
        if key is not None and not kept:
            await leftovers.remove(self._store, [key])


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
