"""One worker process: the lanes of the queue, and what is done from time to time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from procrastinate.exceptions import ConnectorException

from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError
from calotype.domain.job import Lane
from calotype.worker.lanes import Lanes, notice_cancellation, reason_of
from calotype.worker.tasks import register

_RESCUE_INTERVAL = 5.0  # seconds
_SWEEP_INTERVAL = 3600.0  # seconds
_DELIVERIES = 24  # at once; they only wait for others
_ANALYSES = 64  # at once; how many images they work on together is limited elsewhere
_DOWNLOADS = 4  # at once
_CRAWLS = 32  # at once; most of the time they wait for others
_log = structlog.get_logger(__name__)


async def run_worker(application: Application, stop: asyncio.Event) -> None:
    """Work until `stop` is set; jobs that do not end in time are given back."""
    register(application.queue.app, application)
    asyncio.get_running_loop().set_exception_handler(_hear)
    async with application.queue.app.open_async(), application.presence.running():
        # Prepared beside the first jobs, so that a small queue need not wait for every child.
        warming = asyncio.create_task(application.warm())
        lanes = Lanes(application)
        works = {
            Lane.PICTURES: application.picture_slots + 2,
            Lane.TEXTS: 2,
            Lane.WEBHOOKS: _DELIVERIES,
            Lane.ANALYSES: _ANALYSES,
            Lane.DOWNLOADS: _DOWNLOADS,
            Lane.RENDITIONS: 1,
            Lane.DOCUMENTS: application.picture_slots,
            Lane.LINKS: _CRAWLS,
            Lane.VIDEOS: application.settings.video_processes,
        }
        forever = [
            *(asyncio.create_task(lanes.work(lane, at_once)) for lane, at_once in works.items()),
            asyncio.create_task(lanes.listen()),
            asyncio.create_task(lanes.ring()),
            # Apart, because jobs of the dead must not wait for a store that is away, or a sweep through millions of objects.
            asyncio.create_task(_recover(application)),
            asyncio.create_task(_chores(application)),
            asyncio.create_task(_sweep(application)),
        ]
        stopping = asyncio.create_task(stop.wait())
        _log.info("worker ready")
        done, _ = await asyncio.wait([*forever, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in [*forever, warming, stopping]:
            task.cancel()
        await asyncio.gather(*forever, warming, stopping, return_exceptions=True)
        failed = [task.exception() for task in done if task is not stopping and not task.cancelled()]
        if stopping not in done:
            raise RuntimeError("a part of the worker ended by itself") from next((e for e in failed if e), None)
    _log.info("worker stopped")


def _hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of what nobody waited for. What a worker that stops could not note is done again by others, in no time."""
    error = context.get("exception")
    if isinstance(error, ConnectorException):
        _log.warning("the end of a job was not noted", reason=reason_of(error))
    else:
        loop.default_exception_handler(context)


async def _recover(application: Application) -> None:
    while True:
        await _try(application.upkeep.rescue)
        await _try(application.analysis_recovery.recover)
        await asyncio.sleep(min(_RESCUE_INTERVAL, application.settings.upkeep_interval))


async def _chores(application: Application) -> None:
    upkeep = application.upkeep
    # Each by itself: what one stumbles over must not keep the others from their work.
    chores = (
        upkeep.requeue_missing,
        upkeep.end_sessions,
        upkeep.close_batches,
        upkeep.empty_trash,
        upkeep.reap_uploads,
        upkeep.forget,
    )
    while True:
        begun = time.monotonic()
        for chore in chores:
            await _try(chore)
        await asyncio.sleep(max(0.0, begun + application.settings.upkeep_interval - time.monotonic()))


async def _sweep(application: Application) -> None:
    await _try(application.video_downloads.sweep)
    await _try(application.upkeep.claim_store)
    while True:
        await asyncio.sleep(max(_SWEEP_INTERVAL, application.settings.upkeep_interval))
        await _try(application.upkeep.sweep)


async def _try(chore: Callable[[], Awaitable[object]]) -> None:
    """A chore that fails is tried again next time; it must not take the worker with it."""
    try:
        await chore()
    except CalotypeError as error:
        _log.warning("chore failed", chore=getattr(chore, "__name__", "?"), reason=error.message)
    except Exception:
        _log.exception("chore failed", chore=getattr(chore, "__name__", "?"))
    notice_cancellation()
