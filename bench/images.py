"""100 photographs of 200 kB in one call of the Vision API, all or nothing, against the same in one batch of the Files API.

Run as `python -m bench.images [rounds]`; `--no-worker` behind it leaves the worker out.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.running import RunningServer

from bench.batch import settle
from bench.make_photos import FLAVOURS, make_photos
from bench.report import report
from bench.uploading import LeanClient

COUNT = 100
WAYS = {
    "batch": ("/api/v2/user-files/upload/stream-batch", "files"),
    "images": ("/images/upload", "images"),
}


async def _send(server: RunningServer, key: str, way: str, bodies: list[bytes], salt: bytes) -> float:
    # A few bytes behind the picture make each upload another file.
    files = [
        (f"photo-{number}.jpg", bodies[number % len(bodies)] + salt + number.to_bytes(4, "big"))
        for number in range(COUNT)
    ]
    started = time.perf_counter()
    async with LeanClient(server.url, key) as client:
        answer = await client.upload_batch(files, *WAYS[way])
    seconds = time.perf_counter() - started
    taken = answer["accepted_files"] if way == "batch" else len(answer["results"])
    assert taken == COUNT, answer
    return seconds


def run(rounds: int = 9, *arguments: str) -> dict[str, Any]:
    """Alternate both ways, so that a slower minute of the machine meets both."""
    kind = FLAVOURS["web"]
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / "web"
    photos = make_photos(folder, 32, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    bodies = [path.read_bytes() for path in photos]
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer(Path(data), *arguments, CALOTYPE_OCR_ENABLED="false") as server,
    ):
        key = server.new_key()
        with server.client(key) as client:
            for number in range(rounds + 1):
                for place, way in enumerate(WAYS):
                    seconds = asyncio.run(_send(server, key, way, bodies, bytes([number, place])))
                    if number:  # the first round warms up
                        times[way].append(seconds)
                    if not arguments:
                        settle(client)
    rates = {way: COUNT / statistics.median(seconds) for way, seconds in times.items()}
    return {
        "bench": f"{COUNT} x 200 kB in one images/upload against one stream-batch"
        + (" (no worker)" if arguments else ""),
        "batch_per_s": round(rates["batch"], 1),
        "images_per_s": round(rates["images"], 1),
        "ratio": round(rates["images"] / rates["batch"], 2),
        "aim": ">= 0.9",
    }


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 9, *sys.argv[2:])])
