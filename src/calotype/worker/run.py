"""One worker process: the lanes of the queue, and what is done from time to time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError
from calotype.domain.job import Lane
from calotype.worker.tasks import register

_RESCUE_INTERVAL = 5.0
_RING_INTERVAL = 1.0  # seconds; a notification that is missed, or that nobody sends, costs no more than this
_POLLING_INTERVAL = 60.0  # seconds; each lane is rung for
_HEARTBEAT_SHARE = 4  # heartbeats within the time after which a worker counts as dead
_DELIVERIES = 24  # at once; they only wait for others
_ANALYSES = 64  # at once; how many images they work on together is limited elsewhere
_DOWNLOADS = 4  # at once
_CRAWLS = 32  # at once; most of the time they wait for others
_AGAIN = 1.0  # seconds until a lane that ended is begun anew
_GRACE = 5.0  # seconds running jobs get to end before they are given back
_log = structlog.get_logger(__name__)


async def run_worker(application: Application, stop: asyncio.Event) -> None:
    """Work until `stop` is set; jobs that do not end in time are given back."""
    register(application.queue.app, application)
    asyncio.get_running_loop().set_exception_handler(_hear)
    async with application.queue.app.open_async(), application.presence.running():
        # Prepared beside the first jobs, so that a small queue need not wait for every child.
        warming = asyncio.create_task(application.warm())
        lanes = [
            asyncio.create_task(_run_lane(application, Lane.PICTURES, application.picture_slots + 2)),
            asyncio.create_task(_run_lane(application, Lane.TEXTS, 2)),
            asyncio.create_task(_run_lane(application, Lane.WEBHOOKS, _DELIVERIES)),
            asyncio.create_task(_run_lane(application, Lane.ANALYSES, _ANALYSES)),
            asyncio.create_task(_run_lane(application, Lane.DOWNLOADS, _DOWNLOADS)),
            asyncio.create_task(_run_lane(application, Lane.RENDITIONS, 1)),
            asyncio.create_task(_run_lane(application, Lane.DOCUMENTS, application.picture_slots)),
            asyncio.create_task(_run_lane(application, Lane.LINKS, _CRAWLS)),
            asyncio.create_task(_run_lane(application, Lane.VIDEOS, application.settings.video_processes)),
        ]
        ringing = asyncio.create_task(_ring(application))
        chores = asyncio.create_task(_chores(application))
        stopping = asyncio.create_task(stop.wait())
        _log.info("worker ready")
        forever = [*lanes, ringing, chores]
        done, _ = await asyncio.wait([*forever, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in [*forever, warming, stopping]:
            task.cancel()
        await asyncio.gather(*forever, warming, stopping, return_exceptions=True)
        failed = [task.exception() for task in done if task is not stopping and not task.cancelled()]
        if stopping not in done:
            raise RuntimeError("a lane of the worker ended by itself") from next((e for e in failed if e), None)
    _log.info("worker stopped")


def _hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of what nobody waited for. A job whose end could not be noted was given to others, who find its work done."""
    error = context.get("exception")
    if isinstance(error, ConnectorException):
        _log.warning("the end of a job was not noted", reason=_reason(error))
    else:
        loop.default_exception_handler(context)


def _reason(error: ConnectorException) -> str:
    return str(error.__cause__ or error).strip().partition("\n")[0]


async def _run_lane(application: Application, lane: Lane, concurrency: int) -> None:
    """Work on the jobs of one lane for ever.

    What ends the library's worker passes: the database was away, others have taken us for dead while we stood still, two workers
    that started at once were in each other's way. Another one then takes its place, under a number of its own.
    """
    while True:
        worker = _lane_worker(application, lane, concurrency)
        running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # the library's own gap
        try:
            await asyncio.shield(running)
            reason = "it ended by itself"
        except asyncio.CancelledError:
            # Told rather than cancelled: the driver loses a cancellation that comes just as it gets a connection, and the lane
            # would go on for ever.
            worker.stop()  # type: ignore[no-untyped-call]  # the library's own gap
            await running
            raise
        except ConnectorException as error:
            reason = _reason(error)
        _log.warning("lane begun anew", lane=lane.value, reason=reason)
        await asyncio.sleep(_AGAIN)


def _lane_worker(application: Application, lane: Lane, concurrency: int) -> Worker:
    stalled_after = application.settings.stalled_after
    return Worker(
        application.queue.app,
        queues=[lane.value],
        name=lane.value,
        concurrency=concurrency,
        fetch_job_polling_interval=_POLLING_INTERVAL,
        shutdown_graceful_timeout=_GRACE,
        delete_jobs="successful",
        install_signal_handlers=False,
        update_heartbeat_interval=stalled_after / _HEARTBEAT_SHARE,
        stalled_worker_timeout=stalled_after,
    )


async def _ring(application: Application) -> None:
    """Wake the lanes for jobs that have begun to be due, for ever; without a database there is nobody to wake."""
    while True:
        try:
            await application.queue.ring()
        except ConnectorException as error:
            _log.warning("lanes not rung", reason=_reason(error))
        _notice_cancellation()
        await asyncio.sleep(_RING_INTERVAL)


async def _chores(application: Application) -> None:
    upkeep = application.upkeep
    interval = application.settings.upkeep_interval
    last = -interval
    last_sweep = time.monotonic()
    await _try(application.video_downloads.sweep)
    while True:
        await _try(upkeep.rescue)
        await _try(application.analysis_recovery.recover)
        if time.monotonic() - last >= interval:
            last = time.monotonic()
            await _try(upkeep.requeue_missing)
            await _try(upkeep.end_sessions)
            await _try(upkeep.close_batches)
            # Each by itself: what one stumbles over must not keep the others from their work.
            for chore in (upkeep.empty_trash, upkeep.reap_uploads, upkeep.forget):
                await _try(chore)
        if time.monotonic() - last_sweep >= max(3600.0, interval):
            last_sweep = time.monotonic()
            await _try(upkeep.sweep)
        await asyncio.sleep(min(_RESCUE_INTERVAL, interval))


async def _try(chore: Callable[[], Awaitable[object]]) -> None:
    """A chore that fails is tried again next time; it must not take the worker with it."""
    try:
        await chore()
    except CalotypeError as error:
        _log.warning("chore failed", chore=getattr(chore, "__name__", "?"), reason=error.message)
    except Exception:
        _log.exception("chore failed", chore=getattr(chore, "__name__", "?"))
    _notice_cancellation()


def _notice_cancellation() -> None:
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError  # lost on the way, in the driver
