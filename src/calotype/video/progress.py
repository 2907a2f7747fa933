"""How far the work on a film has come, told through a small file."""

from __future__ import annotations

import time
from pathlib import Path

PROGRESS_FILE = "progress"
_SECONDS = 0.5


class Progress:
    """Writes a share between 0 and 1 into `progress` in the folder, at most twice a second."""

    def __init__(self, folder: Path, total: float) -> None:
        self._file = folder / PROGRESS_FILE
        self._total = max(total, 1e-6)
        self._next = 0.0

    def reach(self, done: float) -> None:
        """So much of the total is done."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _SECONDS
        self._write(min(max(done / self._total, 0.0), 0.99))

    def finish(self) -> None:
        """All is done."""
        self._write(1.0)

    def _write(self, share: float) -> None:
        # Whoever reads meanwhile finds the old number or the new one.
        partial = self._file.with_suffix(".part")
        partial.write_text(f"{share:.4f}")
        partial.replace(self._file)
