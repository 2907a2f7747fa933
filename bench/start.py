"""Seconds from starting the process until `/health` answers, on a data folder that exists already.

Run as `python -m bench.start [times]`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from tests.running import RunningServer, wait_for

from bench.report import report


def run(times: int = 5) -> dict[str, Any]:
    """One cold start, which makes the database, then warm ones."""
    with tempfile.TemporaryDirectory() as data:
        seconds = [_start(Path(data)) for _ in range(times + 1)]
    return {
        "bench": "process start to healthy",
        "first_start_s": round(seconds[0], 2),
        "warm_median_s": round(statistics.median(seconds[1:]), 2),
        "warm_max_s": round(max(seconds[1:]), 2),
    }


def _start(folder: Path) -> float:
    started = time.perf_counter()
    with RunningServer(folder) as server:

        def is_healthy() -> bool:
            return httpx.get(f"{server.url}/health").status_code == 200

        wait_for(is_healthy, "the server did not become healthy")
        return time.perf_counter() - started


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 5)])
