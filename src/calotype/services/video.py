"""Videos with what is known of them: reading, listing, deleting, indexing anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.db.video import select_all_videos, select_videos
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.job import Urgency
from calotype.domain.scope import Scope
from calotype.domain.video import VIDEO, IndexingStatus, LibraryVideo
from calotype.jobs.queue import JobQueue
from calotype.services.indexing_queue import queue_run
from calotype.services.library_video import library_videos, with_runs
from calotype.services.trash import TrashService

_OPEN = frozenset({IndexingStatus.PENDING, IndexingStatus.PROCESSING})


class VideoService:
    """The videos of the library, whichever way they came in."""

    def __init__(self, database: Database, queue: JobQueue, trash: TrashService) -> None:
        self._database = database
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
        async with self._database.write() as connection:
            found = await select_assets(connection, scope, video_ids, lock=True)
            videos = [asset.id for asset in found.values() if asset.media_type == VIDEO]
            return await self._trash.put_in(connection, scope, videos, datetime.now(UTC))

    async def reprocess(self, scope: Scope, video_ids: Sequence[UUID]) -> int:
        """Have videos indexed anew, all or none; returns how many. One whose indexing is under way is not begun again.

        Raises NotFound for an unknown one, and Conflict for one whose bytes are not here.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            assets = await select_assets(connection, scope, video_ids, lock=True)
            videos = await select_videos(connection, scope, list(assets))
            if len(videos) < len(set(video_ids)):
                raise video_not_found()
            for video in videos.values():
                if not video.is_here:
                    raise Conflict(
                        f"Video {video.asset_id} has not been downloaded", reason="video_not_ready", field="video_ids"
                    )
            for video in videos.values():
                if video.indexing not in _OPEN:
                    await queue_run(connection, self._queue, scope, video.asset_id, now, urgency=Urgency.INTERACTIVE)
        return len(videos)


def video_not_found() -> NotFound:
    """The refusal for a video that is unknown, deleted or somebody else's."""
    return NotFound("There is no such video", field="video_id", kind=VIDEO)
