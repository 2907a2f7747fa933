"""Times within a film as people write them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Whole seconds, rounded down, as `0:42` or `1:02:07`; hours only where there are any."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
