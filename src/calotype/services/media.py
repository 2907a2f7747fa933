"""What the links of live assets lead to: the original, a picture of it, a storyboard, a form that browsers play."""

from __future__ import annotations

from uuid import UUID

from calotype.db.asset import select_asset
from calotype.db.engine import Database
from calotype.db.video import select_video, update_video
from calotype.domain.asset import Asset, State
from calotype.domain.errors import NotFound, NotReady
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.picture import VariantName
from calotype.domain.scope import Scope
from calotype.domain.storyboard import to_webvtt
from calotype.domain.video import VIDEO, Storyboard, Video
from calotype.jobs.queue import JobQueue
from calotype.services.delivery import DeliveryService, SignedObject
from calotype.services.image import image_not_found
from calotype.services.video import video_not_found

_MP4 = "video/mp4"
_JPEG = "image/jpeg"


class MediaService:
    """Looks again, with every request, whether the asset is there."""

    def __init__(self, database: Database, queue: JobQueue, delivery: DeliveryService) -> None:
        self._database = database
        self._queue = queue
        self._delivery = delivery

    async def original(self, scope: Scope, asset_id: UUID) -> SignedObject:
        """The bytes as they came in. Raises NotFound, also while they are being downloaded."""
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
            if asset is None:
                gone = await select_asset(connection, scope.any(), asset_id)
                raise video_not_found() if gone is not None and gone.media_type == VIDEO else image_not_found()
            video = await select_video(connection, scope, asset_id) if asset.media_type == VIDEO else None
        if video is not None and not video.is_here:
            raise video_not_found()
        return self._delivery.original(asset)

    async def thumbnail(self, scope: Scope, asset_id: UUID) -> SignedObject:
        """One frame of a video. Raises NotFound, also while it is not made."""
        asset, _ = await self._video(scope, asset_id)
        found = self._delivery.variant(asset, VariantName.MEDIUM_512)
        if found is None:
            raise video_not_found()
        return found

    async def storyboard(self, scope: Scope, asset_id: UUID, sheet: str) -> str:
        """The WebVTT of a video's storyboard; `sheet` is the URL of its pictures. Raises NotFound."""
        _, video = await self._video(scope, asset_id)
        if video.probe is None:
            raise video_not_found()
        return to_webvtt(_storyboard(video), video.probe.duration, sheet)

    async def storyboard_sheet(self, scope: Scope, asset_id: UUID) -> SignedObject:
        """The pictures of a video's storyboard. Raises NotFound."""
        _, video = await self._video(scope, asset_id)
        return SignedObject(_storyboard(video).object_key, _JPEG, None)

    async def playback(self, scope: Scope, asset_id: UUID) -> SignedObject:
        """A form of a video that browsers play: the original where they do, else an MP4 that is made when first asked for.

        Raises NotReady while that is being made, and NotFound with the reason when it cannot be.
        """
        asset, video = await self._video(scope, asset_id)
        if video.probe is None:
            raise video_not_found()
        if video.probe.plays_in_browsers:
            return self._delivery.original(asset)
        rendition = video.rendition
        if rendition.status is State.COMPLETED and rendition.object_key:
            return SignedObject(rendition.object_key, _MP4, None)
        if rendition.status is State.FAILED:
            raise NotFound(f"No form that browsers play could be made: {rendition.error}", kind="video")
        if rendition.status is None:
            await self._ask(scope, asset_id)
        raise NotReady("A form that browsers play is being made; ask again in a moment", kind="video")

    async def _ask(self, scope: Scope, asset_id: UUID) -> None:
        async with self._database.write() as connection:
            if await select_asset(connection, scope, asset_id, lock=True) is None:
                raise video_not_found()
            video = await select_video(connection, scope, asset_id)
            if video is not None and video.rendition.status is None:
                await update_video(connection, scope, asset_id, {"rendition_status": State.PENDING.value})
                job = Job(Task.MAKE_RENDITION, scope.tenant_id, asset_id)
                await self._queue.enqueue(connection, job, Urgency.INTERACTIVE)

    async def _video(self, scope: Scope, asset_id: UUID) -> tuple[Asset, Video]:
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
            video = await select_video(connection, scope, asset_id) if asset else None
        if asset is None or video is None:
            raise video_not_found()
        return asset, video


def _storyboard(video: Video) -> Storyboard:
    if video.storyboard is None:
        raise video_not_found()
    return video.storyboard
