"""How many examples property tests try: as many as `make test` has time for, times `CALOTYPE_EXAMPLES`."""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("CALOTYPE_EXAMPLES", "1"))


def examples(count: int) -> int:
    """So many, or several times as many."""
    return count * _TIMES
