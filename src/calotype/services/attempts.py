"""Whether work that failed is worth another attempt, and what its owner is told where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from calotype.domain.errors import CalotypeError, NotFound, SandboxFailure, Unavailable

Result = TypeVar("Result")

MAX_ATTEMPTS = 3
"""How often one piece of work may bring its process down before it is given up."""

MOST_BEGINNINGS = 25
"""How often a job may be begun, each time losing its worker, before it is given up as the likely cause.

More than the queue's own attempts after passing faults, which must not count against a picture.
"""

AWAY_PAUSES = (0.2, 1.0, 3.0, 10.0)
"""Seconds until a database or store that is away is tried again."""

UNEXPECTED = "an unexpected fault; the server's log has the reason"
"""What the owner of a file is told where nobody knew that this could happen."""

_log = structlog.get_logger(__name__)


async def try_again(work: Callable[[], Awaitable[Result]], *, is_long: bool = False) -> Result:
    """Do work that runs in a child process, up to three times, because a dead child is replaced by another.

    Raises SandboxFailure: the last one with the number of attempts, or at once when a child could not even start, which tells
    nothing about the work. What `is_long` has a time limit of hours, and is not begun again after it.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return await work()
        except SandboxFailure as error:
            reason = error.context.get("reason")
            if reason == "start" or (is_long and reason == "timeout"):
                raise
            if attempt == MAX_ATTEMPTS:
                raise SandboxFailure(f"{error.message} ({attempt} attempts)", **error.context) from error
    raise AssertionError


def lasting_reason(error: Exception, attempt: int) -> str:
    """Why work on an original that failed will not do better another time, for its owner; what may pass is raised again.

    `attempt` counts how often the job was begun. Passing are a database, store or model that is away, a child that could not
    start, and a machine that is out of disk or memory. What nobody expected is worth as many attempts as a dead child.
    """
    if isinstance(error, Unavailable | OSError | MemoryError):
        raise error
    if isinstance(error, NotFound):
        return "the original is missing from the object store"
    if isinstance(error, CalotypeError):
        if error.context.get("reason") == "start":
            raise error
        return error.message
    if attempt < MAX_ATTEMPTS:
        raise error
    _log.error("unexpected fault", exc_info=error)
    return UNEXPECTED


async def when_back(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do work that needs a database or store which may be away for a moment, as often as it is worth waiting for.

    Raises Unavailable: the last one, or at once that of a describer, which has a patience of its own.
    """
    for pause in (*AWAY_PAUSES, None):
        try:
            return await work()
        except Unavailable as error:
            if pause is None or error.context.get("of") == "model":
                raise
            await asyncio.sleep(pause)
    raise AssertionError
