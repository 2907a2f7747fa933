"""Fetching what URLs lead to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from calotype.domain.errors import DownloadFailed


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL led to."""

    filename: str
    chunks: AsyncIterator[bytes]


class Fetcher:
    """Not there yet."""

    @asynccontextmanager
    async def fetch(self, url: str, *, limit: int) -> AsyncIterator[Fetched]:
        """Fails."""
        raise DownloadFailed(f"nothing is fetched yet ({limit})")
        yield Fetched(url, None)  # type: ignore[unreachable]
