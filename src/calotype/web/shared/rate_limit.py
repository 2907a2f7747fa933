"""Rate limiting: a fixed window for each key, or each address where there is no valid key.

The counts live in this process: with several web processes each one grants the limit. That keeps a database write out of
every request, at the price of a limit that is a little too generous.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateState:
    """Where a bucket stands after a request; `resets_at` is Unix time in seconds."""

    allowed: bool
    limit: int
    remaining: int
    resets_at: int
    retry_after: int


def window_headers(rate: RateState) -> dict[str, str]:
    """The limit of the window, what is left of it, and when it ends (Unix seconds)."""
    return {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(rate.remaining),
        "X-RateLimit-Reset": str(rate.resets_at),
    }


class RateLimiter:
    """Counts requests of a bucket within windows of `window` seconds."""

    def __init__(self, limit: int, window: int, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._start = 0.0
        self._counts: dict[str, int] = {}

    def hit(self, bucket: str) -> RateState:
        """Count one request."""
        now = self._clock()
        if not self._start <= now < self._start + self._window:
            # All windows begin together, so that forgetting the old counts costs nothing. A clock that was set back
            # begins one too; else everybody would have to wait until it has caught up.
            self._start = now - now % self._window
            self._counts = {}
        count = self._counts.get(bucket, 0) + 1
        self._counts[bucket] = min(count, self._limit + 1)
        ends = self._start + self._window
        return RateState(
            allowed=count <= self._limit,
            limit=self._limit,
            remaining=max(0, self._limit - count),
            resets_at=math.ceil(ends),
            retry_after=max(1, math.ceil(ends - now)),
        )
