"""Uploads that leave nothing behind unless they come to their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar


class Discardable(Protocol):
    """What is being read and may have stored something already."""

    async def discard(self) -> None:
        """Remove what was stored, unless it was handed over to get its rows."""


Upload = TypeVar("Upload", bound=Discardable)


@asynccontextmanager
async def discarding(upload: Upload) -> AsyncIterator[Upload]:
    """An upload while its request is read; if anything is raised meanwhile, what it stored is removed, come what may."""
    try:
        yield upload
    except BaseException:
        await asyncio.shield(upload.discard())
        raise
