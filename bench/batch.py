"""A batch of 200 photographs of 200 kB against the same photographs uploaded one by one by 4 clients.

Run as `python -m bench.batch [rounds]`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from tests.running import RunningServer, wait_for

from bench.make_photos import FLAVOURS, make_photos
from bench.report import report
from bench.uploading import LeanClient

COUNT = 200
CLIENTS = 4


async def _singly(server: RunningServer, key: str, bodies: list[bytes], salt: bytes) -> float:
    waiting = list(range(COUNT))
    started = time.perf_counter()

    async def send() -> None:
        async with LeanClient(server.url, key) as client:
            while waiting:
                number = waiting.pop()
                # A few bytes behind the picture make each upload another file.
                await client.upload(
                    f"single-{number}.jpg", bodies[number % len(bodies)], salt + number.to_bytes(4, "big")
                )

    await asyncio.gather(*(send() for _ in range(CLIENTS)))
    return time.perf_counter() - started


async def _together(server: RunningServer, key: str, bodies: list[bytes], salt: bytes) -> float:
    files = [
        (f"batch-{number}.jpg", bodies[number % len(bodies)] + salt + number.to_bytes(4, "big"))
        for number in range(COUNT)
    ]
    started = time.perf_counter()
    async with LeanClient(server.url, key) as client:
        answer = await client.upload_batch(files)
    seconds = time.perf_counter() - started
    assert answer["accepted_files"] == COUNT, answer["rejections"]
    return seconds


def settle(client: httpx.Client) -> None:
    """Wait until the worker has nothing left to do, so that no round pays for the one before it."""

    def is_idle() -> bool:
        text = client.get("/metrics").text
        return not any(line.startswith("calotype_jobs{") and not line.endswith(" 0.0") for line in text.splitlines())

    wait_for(is_idle, "the worker did not finish", patience=300)


def run(rounds: int = 5, *arguments: str) -> dict[str, Any]:
    """Alternate both ways, so that a slower minute of the machine meets both."""
    kind = FLAVOURS["web"]
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / "web"
    photos = make_photos(folder, 32, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    bodies = [path.read_bytes() for path in photos]
    singly: list[float] = []
    together: list[float] = []
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer(
            Path(data), *arguments, CALOTYPE_MAX_BATCH_FILES=str(COUNT), CALOTYPE_OCR_ENABLED="false"
        ) as server,
    ):
        key = server.new_key()
        with server.client(key) as client:
            for number in range(rounds + 1):
                for way, times in ((_singly, singly), (_together, together)):
                    seconds = asyncio.run(way(server, key, bodies, bytes([number, way is _together])))
                    if number:  # the first round warms up
                        times.append(seconds)
                    if not arguments:
                        settle(client)
    rates = [COUNT / statistics.median(times) for times in (singly, together)]
    return {
        "bench": f"batch of {COUNT} x 200 kB against {CLIENTS} clients" + (" (no worker)" if arguments else ""),
        "singly_per_s": round(rates[0], 1),
        "batch_per_s": round(rates[1], 1),
        "ratio": round(rates[1] / rates[0], 2),
        "aim": ">= 1.5",
    }


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 5, *sys.argv[2:])])
