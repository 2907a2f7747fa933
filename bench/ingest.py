"""How fast photographs come in over HTTP until every variant of each one can be fetched, against a bare library loop.

Run as `python -m bench.ingest [phone|small] [count]`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from tests.running import RunningServer

from bench.make_photos import FLAVOURS, make_photos
from bench.report import report
from bench.uploading import LeanClient

CLIENTS = 4
SIZES = (1024, 750, 256, 64)


def bare_loop(path: Path) -> int:
    """Make the four variants with nothing around it: the fastest library calls there are."""
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    data = path.read_bytes()
    picture = simplejpeg.decode_jpeg(
        data, "BGR", fastdct=True, fastupsample=True, min_width=1024, min_height=768, min_factor=1
    )
    total = 0
    for size in SIZES:
        height, width = picture.shape[:2]
        scale = min(1.0, size / max(height, width))
        if scale < 1:
            picture = cv2.resize(
                picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
            )
        total += len(
            simplejpeg.encode_jpeg(picture, quality=80, colorspace="BGR", colorsubsampling="420", fastdct=True)
        )
    return total


def measure_floor(photos: Sequence[Path]) -> float:
    """Photos a second of the bare loop on all cores."""
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(bare_loop, photos[:4])
        started = time.perf_counter()
        pool.map(bare_loop, photos, chunksize=4)
        return len(photos) / (time.perf_counter() - started)


async def _ingest(server: RunningServer, key: str, photos: Sequence[Path]) -> tuple[float, float]:
    """Seconds until all uploads were answered, and until all photos were complete."""
    bodies = [path.read_bytes() for path in photos]
    waiting = list(range(len(photos)))
    ids: list[str] = []
    started = time.perf_counter()

    async def send() -> None:
        async with LeanClient(server.url, key) as client:
            while waiting:
                number = waiting.pop()
                ids.append((await client.upload(f"bench-{number}.jpg", bodies[number]))["image_id"])

    await asyncio.gather(*(send() for _ in range(CLIENTS)))
    uploaded = time.perf_counter() - started
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        # Photos are worked on about in the order they came, so asking for the last ones costs the server least ...
        for file_id in ids[-8:]:
            while not await _is_complete(client, file_id):  # noqa: ASYNC110 - the server tells nobody; it has to be asked
                await asyncio.sleep(0.02)
        completed = time.perf_counter() - started
        # ... and outside the clock all are checked; one that comes later than the last ones puts the clock on.
        for file_id in ids:
            while not await _is_complete(client, file_id):
                await asyncio.sleep(0.02)
                completed = time.perf_counter() - started
        await asyncio.gather(*(_check_variants(client, file_id) for file_id in ids))
    return uploaded, completed


async def _is_complete(client: httpx.AsyncClient, file_id: str) -> bool:
    answer = await client.get(f"/api/v2/user-files/{file_id}/variant/tiny_64")
    if answer.status_code == 404 and "retry-after" not in answer.headers:
        raise AssertionError(f"{file_id} failed: {answer.text}")
    return answer.status_code == 302


async def _check_variants(client: httpx.AsyncClient, file_id: str) -> None:
    """Every variant really answers 200, and blur hash and dimensions are there."""
    file = (await client.get(f"/api/v2/user-files/{file_id}")).json()
    assert file["blur_hash"], file
    assert file["dimensions"], file
    for name in ("tiny_64", "small_256", "medium_750", "large_1024"):
        answer = await client.get(f"/api/v2/user-files/{file_id}/variant/{name}", follow_redirects=True)
        assert answer.status_code == 200, answer.text


def run(flavour: str = "phone", count: int = 100) -> dict[str, Any]:
    """Measure floor and server in the same run, the floor before and after because these machines are shared."""
    kind = FLAVOURS[flavour]
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / flavour
    photos = make_photos(folder, count, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    before = measure_floor(photos)
    with tempfile.TemporaryDirectory() as data, RunningServer(Path(data)) as server:
        key = server.new_key()
        with server.client(key) as client:
            # One photo first, so that child processes are warm, as they are on a server that runs.
            warm = make_photos(folder, 1, width=kind.width, height=kind.height, target_bytes=kind.target_bytes, seed=9)[
                0
            ]
            answer = client.post("/api/v2/user-files/upload/stream", files={"file": ("warm.jpg", warm.read_bytes())})
            assert answer.status_code == 200, answer.text
            time.sleep(3)
        uploaded, completed = asyncio.run(_ingest(server, server.new_key(), photos))
    after = measure_floor(photos)
    floor = (before + after) / 2
    rate = count / completed
    return {
        "bench": f"ingest {flavour}",
        "photos": count,
        "average_bytes": sum(path.stat().st_size for path in photos) // count,
        "upload_photos_per_s": round(count / uploaded, 1),
        "complete_photos_per_s": round(rate, 1),
        "floor_photos_per_s": round(floor, 1),
        "ratio_to_floor": round(rate / floor, 3),
    }


if __name__ == "__main__":
    flavour = sys.argv[1] if len(sys.argv) > 1 else "phone"
    report([run(flavour, int(sys.argv[2]) if len(sys.argv) > 2 else 100 if flavour == "phone" else 500)])
