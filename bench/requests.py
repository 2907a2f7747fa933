"""Requests a second and latencies of `POST stream` with 200 kB photographs and 16 clients.

Run as `python -m bench.requests [count]`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.running import RunningServer

from bench.make_photos import FLAVOURS, make_photos
from bench.report import report
from bench.uploading import LeanClient

CLIENTS = 16


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def _load(server: RunningServer, key: str, bodies: list[bytes], count: int) -> tuple[float, list[float]]:
    latencies: list[float] = []
    waiting = list(range(count))
    started = time.perf_counter()

    async def send() -> None:
        async with LeanClient(server.url, key) as client:
            while waiting:
                number = waiting.pop()
                begun = time.perf_counter()
                # A few bytes behind the picture make each upload another file.
                await client.upload(f"bench-{number}.jpg", bodies[number % len(bodies)], number.to_bytes(8, "big"))
                latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*(send() for _ in range(CLIENTS)))
    return time.perf_counter() - started, latencies


def run(count: int = 1500, *arguments: str) -> dict[str, Any]:
    """Measure with the worker running beside, as it always does."""
    kind = FLAVOURS["web"]
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / "web"
    photos = make_photos(folder, 32, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    bodies = [path.read_bytes() for path in photos]
    with tempfile.TemporaryDirectory() as data, RunningServer(Path(data), *arguments) as server:
        asyncio.run(_load(server, server.new_key(), bodies, 50))
        seconds, latencies = asyncio.run(_load(server, server.new_key(), bodies, count))
    return {
        "bench": "POST stream 200 kB, 16 clients" + (" (no worker)" if arguments else ""),
        "requests": count,
        "requests_per_s": round(count / seconds, 1),
        "p50_ms": round(percentile(latencies, 0.50) * 1000, 1),
        "p99_ms": round(percentile(latencies, 0.99) * 1000, 1),
    }


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 1500, *sys.argv[2:])])
