"""The lanes of one worker process: each works on its jobs for ever, and is woken when one can begin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from procrastinate import jobs
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.job_context import JobContext, JobResult
from procrastinate.retry import RetryDecision
from procrastinate.worker import Worker

from calotype.bootstrap import Application
from calotype.domain.job import Lane

_RING_INTERVAL = 1.0  # seconds; a notification that is missed, or that nobody sends, costs no more than this
_POLLING_INTERVAL = 60.0  # seconds; each lane is woken for what can begin
_HEARTBEAT_SHARE = 4  # heartbeats within the time after which a worker counts as dead
_AGAIN = 1.0  # seconds until what ended is begun anew
_GRACE = 5.0  # seconds running jobs get to end before they are given back
_log = structlog.get_logger(__name__)


class LaneWorker(Worker):
    """The library's worker, which is woken from outside and whose heart beats on after the database was away.

    What the library does beside the jobs ends for good with the first fault of the database, and nobody takes notice, since a
    part without anything to do (that of periodic tasks) has ended before, which ends the watch over them.
    """

    def __init__(self, application: Application, **options: Any) -> None:
        super().__init__(application.queue.app, **options)
        self._queue = application.queue
        self._is_ending = False

    def wake(self) -> None:
        """Have it look for jobs now."""
        self._new_job_event.set()

    async def _persist_job_status(
        self,
        job: jobs.Job,
        status: jobs.Status,
        retry_decision: RetryDecision | None,
        context: JobContext,
        job_result: JobResult | None,
    ) -> None:
        """Note how a job ended, however long the database is away, since nobody looks after the jobs of one who lives.

        A job that is to be begun again gives way to the same one where that waits already, with its own count of attempts.
        """
        while True:
            try:
                await self._note_end(job, status, retry_decision, context, job_result)
            except ConnectorException as error:
                if self._queue.was_refused(error):
                    _log.info("a job was given to others, or had ended already", job_id=job.id, reason=reason_of(error))
                    return
                if self._is_ending or self._stop_event.is_set():
                    raise
                _log.warning("the end of a job is not noted yet", job_id=job.id, reason=reason_of(error))
                await asyncio.sleep(_AGAIN)
                continue
            return

    async def _note_end(self, job: jobs.Job, status: jobs.Status, *further: Any) -> None:
        try:
            await super()._persist_job_status(job, status, *further)
        except UniqueViolation:
            await self.app.job_manager.finish_job(job=job, status=status, delete_job=True)

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        # It waits for its jobs without an end, also where the database let the lane down: another takes its place after that.
        self._is_ending = True
        await _end(side_tasks)
        await super()._shutdown(side_tasks)

    async def _update_heartbeat(self) -> None:
        while True:
            try:
                await super()._update_heartbeat()  # type: ignore[no-untyped-call]  # the library's own gap
            except ConnectorException as error:
                _log.warning("no heartbeat", lane=self.worker_name, reason=reason_of(error))


class Lanes:
    """Works on the jobs of an application's queue."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._queue = application.queue
        self._workers: dict[Lane, LaneWorker] = {}

    async def work(self, lane: Lane, concurrency: int) -> None:
        """Work on the jobs of one lane for ever, so many at once.

        What ends the library's worker passes: the database was away, others have taken us for dead while we stood still, two
        workers that started at once were in each other's way. Another one then takes its place, under a number of its own.
        """
        while True:
            worker = self._workers[lane] = self._worker(lane, concurrency)
            running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # the library's own gap
            try:
                await asyncio.shield(running)
                reason = "it ended by itself"
            except asyncio.CancelledError:
                # Told rather than cancelled: the driver loses a cancellation that comes just as it gets a connection, and the
                # lane would go on for ever.
                worker.stop()  # type: ignore[no-untyped-call]  # the library's own gap
                await running
                raise
            except ConnectorException as error:
                reason = reason_of(error)
            _log.warning("lane begun anew", lane=lane.value, reason=reason)
            await asyncio.sleep(_AGAIN)

    def _worker(self, lane: Lane, concurrency: int) -> LaneWorker:
        stalled_after = self._application.settings.stalled_after
        return LaneWorker(
            self._application,
            queues=[lane.value],
            name=lane.value,
            concurrency=concurrency,
            fetch_job_polling_interval=_POLLING_INTERVAL,
            # One connection hears for all lanes.
            listen_notify=False,
            shutdown_graceful_timeout=_GRACE,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=stalled_after / _HEARTBEAT_SHARE,
            stalled_worker_timeout=stalled_after,
        )

    async def listen(self) -> None:
        """Wake the lane of each job as it is queued, for ever."""
        while True:
            listening = asyncio.create_task(self._queue.listen(self._wake))
            try:
                await asyncio.shield(listening)
            except asyncio.CancelledError:
                await _end([listening])
                raise
            except ConnectorException as error:
                _log.warning("not told of new jobs", reason=reason_of(error))
            await asyncio.sleep(_AGAIN)

    async def ring(self) -> None:
        """Wake the lanes of jobs that nobody is told of, for ever: their time has come, or they were given back."""
        while True:
            try:
                for lane in await self._queue.due_lanes():
                    self._wake(lane)
            except ConnectorException as error:
                _log.warning("not told of waiting jobs", reason=reason_of(error))
            notice_cancellation()
            await asyncio.sleep(_RING_INTERVAL)

    def _wake(self, lane: Lane) -> None:
        if worker := self._workers.get(lane):
            worker.wake()


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks of the library until they end: the driver loses a cancellation that comes just as it gets a connection."""
    while unended := [task for task in tasks if not task.done()]:
        for task in unended:
            task.cancel()
        await asyncio.wait(unended, timeout=_AGAIN)


def reason_of(error: ConnectorException) -> str:
    """What the driver said, in a line."""
    return str(error.__cause__ or error).strip().partition("\n")[0]


def notice_cancellation() -> None:
    """Raise the cancellation of this task that was lost on the way, in the driver."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
