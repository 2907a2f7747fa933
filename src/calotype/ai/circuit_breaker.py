"""Leaving a service in peace that is down: after some failures nobody asks it for a while, and then one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from calotype.domain.errors import Unavailable


class CircuitBreaker:
    """Counts the failures of one service within one process; for tasks of one event loop.

    After `failures` calls in a row that raised Unavailable it is open: for `pause` seconds calls are refused, and then exactly
    one is let through, the probe. If that fails, too, the pause begins anew; any answer closes the breaker. Other exceptions are
    answers, for the service is there. A call that is cancelled says nothing.
    """

    def __init__(
        self, reason: str, *, failures: int = 5, pause: float = 30, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reason = reason
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._probe: object | None = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around one call of the service. Raises Unavailable at once while the breaker is open."""
        mine = self._enter()
        try:
            yield
        except Unavailable:
            self._note_failure(mine)
            raise
        except Exception:
            self._note_answer()
            raise
        else:
            self._note_answer()
        finally:
            if self._probe is mine:
                self._probe = None

    def _enter(self) -> object:
        mine = object()
        if self._open_until is not None:
            if self._probe is not None or self._clock() < self._open_until:
                raise Unavailable(self._reason, of="model")
            self._probe = mine
        return mine

    def _note_failure(self, mine: object) -> None:
        if self._open_until is not None and self._probe is not mine:
            return  # begun before it was opened
        self._failures += 1
        if self._failures >= self._most:
            self._open_until = self._clock() + self._pause

    def _note_answer(self) -> None:
        self._failures = 0
        self._open_until = None
