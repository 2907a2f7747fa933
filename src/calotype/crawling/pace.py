"""How long a transfer may take: longer, the more has arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """So many seconds for everything that is not the body, and, with a least rate (bytes a second), more for what has arrived.

    Without a rate the seconds are all there is, however large the body. With one, a large file has the time it needs, while a
    server that drips ends soon: what it may take grows only as fast as it sends.
    """

    seconds: float
    least_rate: float | None = None

    def allowed(self, received: int) -> float:
        """Seconds that may have passed since the start by the time so many bytes are there."""
        return self.seconds + (received / self.least_rate if self.least_rate else 0)

    @property
    def sentence(self) -> str:
        """What is said to people when it took longer."""
        if self.least_rate:
            return "the download was too slow"
        return f"the download took longer than {self.seconds:g} seconds"
