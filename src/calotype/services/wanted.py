"""Long work that ends once nobody wants its result any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from calotype.domain.errors import Unavailable

_LOOK_EVERY = 1.0  # seconds


class NoLongerWantedError(Exception):
    """Nobody wants the result: what it belongs to was deleted, or somebody else has ended the work."""


@asynccontextmanager
async def while_wanted(is_wanted: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Look every second whether the work within the block is still wanted, and break it off when it is not.

    A database that is away tells nothing. Raises NoLongerWantedError.
    """
    worker = asyncio.current_task()
    assert worker is not None
    is_over = False
    ended = asyncio.Event()

    async def watch() -> None:
        nonlocal is_over
        while not ended.is_set():
            is_wanted_still = True
            with contextlib.suppress(Unavailable):  # seen again in a moment
                is_wanted_still = await is_wanted()
            # The driver of the database may lose a cancellation, and the end of the block with it.
            if ended.is_set():
                return
            if not is_wanted_still:
                is_over = True
                worker.cancel()
                return
            await asyncio.sleep(_LOOK_EVERY)

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if is_over and worker.uncancel() == 0:
            raise NoLongerWantedError from None
        raise
    finally:
        ended.set()
        watching.cancel()
        await asyncio.wait([watching])
