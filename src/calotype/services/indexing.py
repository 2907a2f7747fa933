"""Runs of indexing as they are asked for and read; `indexing_queue.py` writes them, `video_indexing.py` does the work."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from calotype.db.asset import select_asset
from calotype.db.engine import Database
from calotype.db.indexing import select_newest_runs, select_run
from calotype.db.video import select_video
from calotype.domain.asset import State
from calotype.domain.errors import Conflict, NotFound
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.scope import Scope
from calotype.domain.video import OPEN_INDEXING, IndexingRun, IndexingStatus
from calotype.jobs.queue import JobQueue
from calotype.services.indexing_queue import begin_again, queue_run
from calotype.services.video import video_not_found

MAX_RETRIES = 3
_ENDED_BADLY = frozenset({IndexingStatus.FAILED, IndexingStatus.CANCELLED})


class IndexingService:
    """Asking for the scenes of a video to be found, and how far that is."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def run(self, scope: Scope, run_id: UUID) -> IndexingRun:
        """One run of indexing. Raises NotFound."""
        async with self._database.read() as connection:
            run = await select_run(connection, scope, run_id)
        if run is None:
            raise _run_not_found()
        return run

    async def newest(self, scope: Scope, video_id: UUID) -> IndexingRun:
        """The newest run of a video. Raises NotFound, also where there is none."""
        async with self._database.read() as connection:
            if await select_video(connection, scope, video_id) is None:
                raise video_not_found()
            run = (await select_newest_runs(connection, scope, [video_id])).get(video_id)
        if run is None:
            raise _run_not_found()
        return run

    async def queue(self, scope: Scope, video_id: UUID, kind: str, urgency: Urgency) -> tuple[IndexingRun, int]:
        """Have a video indexed, or find the run that has not ended; with how many jobs wait before it.

        One that is still downloaded waits for its bytes. Raises NotFound, and Conflict where those will never come.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, video_id, lock=True)
            video = await select_video(connection, scope, video_id) if asset else None
            if video is None:
                raise video_not_found()
            run = (await select_newest_runs(connection, scope, [video_id])).get(video_id)
            if video.download is State.FAILED:
                raise Conflict(f"This video could not be downloaded: {video.download_error}")
            if run is None or run.status not in OPEN_INDEXING:
                run = await queue_run(
                    connection,
                    self._queue,
                    scope,
                    video_id,
                    now,
                    kind=kind,
                    urgency=urgency,
                    is_here=video.is_here,
                    before=run,
                )
            job = Job(Task.INDEX_VIDEO, scope.tenant_id, video_id)
            await self._queue.hasten(connection, [job], urgency)
            ahead = await self._queue.count_ahead(connection, job)
        return run, ahead

    async def retry(self, scope: Scope, run_id: UUID, video_id: UUID) -> IndexingRun:
        """Begin a run again that failed or was cancelled.

        Raises NotFound, also where it is another video's, and Conflict for one in another state, for one that is not the video's
        newest, and after three times.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, video_id, lock=True)
            run = await select_run(connection, scope, run_id) if asset else None
            if run is None or run.asset_id != video_id:
                raise _run_not_found()
            newest = (await select_newest_runs(connection, scope, [video_id]))[video_id]
            video = await select_video(connection, scope, video_id)
            if run.status not in _ENDED_BADLY or newest.id != run.id or video is None or not video.is_here:
                raise Conflict("Only a failed or cancelled job can be tried again")
            if run.retries >= MAX_RETRIES:
                raise Conflict(f"This job was tried again {MAX_RETRIES} times already")
            await begin_again(connection, self._queue, scope, run, now)
            again = await select_run(connection, scope, run_id)
        assert again is not None
        return again


def _run_not_found() -> NotFound:
    return NotFound("Analysis job not found")
