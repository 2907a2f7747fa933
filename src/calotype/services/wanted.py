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
    is_over = has_ended = False

    async def watch() -> None:
        nonlocal is_over
        while not has_ended:
            is_wanted_still = True
            with contextlib.suppress(Unavailable):  # seen again in a moment
                is_wanted_still = await is_wanted()
            # The driver of the database may lose a cancellation, and the end of the block with it.
            if has_ended:
                return  # type: ignore[unreachable]  # the block below sets it meanwhile
            if not is_wanted_still:
                is_over = True
                worker.cancel()
                return
            await asyncio.sleep(_LOOK_EVERY)

    watching = asyncio.create_task(watch())
    try:
        yield
    except BaseException:
        # What was broken off may end in another way than by being cancelled, such as a group of tasks with a fault.
        if is_over and worker.uncancel() == 0:
            raise NoLongerWantedError from None
        raise
    finally:
        has_ended = True
        watching.cancel()
        await asyncio.wait([watching])
