"""The threads of a store, in which everything that blocks is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few threads of a store's own, so that nobody else's blocking work delays it; jobs start in order."""

    def __init__(self, count: int = 8) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="calotype-storage")

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start a job without waiting for it."""
        return self._pool.submit(function, *args, **kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a job and return its result; when the caller is cancelled a started job runs on to its end."""
        return await settle(self.submit(function, *args, **kwargs))

    async def aclose(self) -> None:
        """Wait for running jobs and end the threads."""
        await asyncio.to_thread(self._pool.shutdown)


async def settle(job: Future[T]) -> T:
    """Wait for a job; when the waiter is cancelled the job runs on, and its failure is nobody's."""
    return await asyncio.shield(asyncio.wrap_future(job))
