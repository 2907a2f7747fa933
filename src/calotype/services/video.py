"""Videos with what is known of them: reading, listing, deleting, indexing anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.db.indexing import select_newest_runs
from calotype.db.video import select_all_videos, select_videos, update_video
from calotype.domain.asset import State
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.job import Urgency
from calotype.domain.scope import Scope
from calotype.domain.video import OPEN_INDEXING, VIDEO, LibraryVideo, Video
from calotype.jobs.queue import JobQueue
from calotype.services.indexing_queue import queue_run
from calotype.services.library_video import library_videos, with_runs
from calotype.services.trash import TrashService
from calotype.storage.store import ObjectStore


class VideoService:
    """The videos of the library, whichever way they came in."""

    def __init__(self, database: Database, store: ObjectStore, queue: JobQueue, trash: TrashService) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._trash = trash

    async def get(self, scope: Scope, video_ids: Sequence[UUID]) -> list[LibraryVideo]:
        """Those of the given videos that exist, in the order asked for, each once."""
        if not video_ids:
            return []
        async with self._database.read() as connection:
            assets = await select_assets(connection, scope, video_ids)
            videos = await library_videos(connection, scope, list(assets.values()))
        return [videos[found] for found in dict.fromkeys(video_ids) if found in videos]

    async def one(self, scope: Scope, video_id: UUID) -> LibraryVideo:
        """One video. Raises NotFound."""
        found = await self.get(scope, [video_id])
        if not found:
            raise video_not_found()
        return found[0]

    async def every(self, scope: Scope) -> list[LibraryVideo]:
        """All videos, newest first."""
        async with self._database.snapshot() as connection:
            return await with_runs(connection, scope, await select_all_videos(connection, scope))

    async def delete(self, scope: Scope, video_ids: Sequence[UUID]) -> set[UUID]:
        """Move videos to the trash, whatever is being done with them; returns those that were there."""
        return await self._trash.delete_kind(scope, video_ids, VIDEO)

    async def reprocess(self, scope: Scope, video_ids: Sequence[UUID]) -> int:
        """Have videos indexed anew, all or none; returns how many. One whose indexing is under way is not begun again.

        A form for browsers that could not be made may be asked for again. Raises NotFound for an unknown one, and Conflict for
        one whose bytes are not here.
        """
        now = datetime.now(UTC)
        known = await self.get(scope, video_ids)
        if len(known) < len(set(video_ids)):
            raise video_not_found()
        await self._check_bytes(known)
        async with self._database.write() as connection:
            assets = await select_assets(connection, scope, video_ids, lock=True)
            videos = await select_videos(connection, scope, list(assets))
            if len(videos) < len(set(video_ids)):
                raise video_not_found()
            runs = await select_newest_runs(connection, scope, list(videos))
            for video in videos.values():
                if not video.is_here:
                    raise _not_ready(video, "has not been downloaded")
            for video in videos.values():
                if video.rendition.status is State.FAILED:
                    await update_video(
                        connection, scope, video.asset_id, {"rendition_status": None, "rendition_error": None}
                    )
                if video.indexing not in OPEN_INDEXING:
                    before = runs.get(video.asset_id)
                    urgency = Urgency.INTERACTIVE
                    await queue_run(connection, self._queue, scope, video.asset_id, now, urgency=urgency, before=before)
        return len(videos)

    async def _check_bytes(self, videos: Sequence[LibraryVideo]) -> None:
        for found in videos:
            if found.video.is_here:
                try:
                    await self._store.head(found.asset.object_key)
                except NotFound as error:
                    raise _not_ready(found.video, "has lost its bytes") from error


def _not_ready(video: Video, why: str) -> Conflict:
    return Conflict(f"Video {video.asset_id} {why}", reason="video_not_ready", field="video_ids")


def video_not_found() -> NotFound:
    """The refusal for a video that is unknown, deleted or somebody else's."""
    return NotFound("There is no such video", field="video_id", kind=VIDEO)
