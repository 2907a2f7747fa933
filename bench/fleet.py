"""A fleet: 200 devices that send 20 images each at the same time, some of whose answers are lost on their way.

Run as `python -m bench.fleet [devices] [images]`. What was acknowledged is counted afterwards in the batches, and its bytes are
compared with what lies in the object store.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.running import RunningServer

from bench.make_photos import FLAVOURS, make_photos
from bench.report import report
from bench.requests import percentile
from bench.uploading import LeanClient

LOST = 20  # one answer in so many never arrives
METADATA = json.dumps(
    {
        "model_id": "mdl_123",
        "model_version": "1.0.0",
        "line": 7,
        "annotations": [
            {"class_value": "defect", "type": "bbox", "geometry": [0.52, 0.48, 0.2, 0.1], "confidence": 0.9},
            {"class_value": "edge", "type": "polygon", "geometry": [0.1, 0.1, 0.4, 0.1, 0.4, 0.5, 0.2, 0.6]},
        ],
    }
)


@dataclass
class Run:
    """What a fleet has seen: latencies in seconds, and the checksum of every image that was acknowledged, by its id."""

    latencies: list[float] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    seconds: float = 0


async def _device(url: str, key: str, device: int, bodies: list[bytes], images: int, run: Run) -> None:
    client = await LeanClient(url, key).__aenter__()
    for number in range(images):
        place = device * images + number
        body, mark = bodies[place % len(bodies)], place.to_bytes(8, "big")
        name, once = "image.jpg", f"{device}-{number}"
        if place % LOST == LOST - 1:
            await client.upload_as_device(name, body, mark, metadata=METADATA, idempotency_key=once, loses_answer=True)
            await client.__aexit__(None, None, None)
            client = await LeanClient(url, key).__aenter__()
            run.repeated += 1
        begun = time.perf_counter()
        answer = await client.upload_as_device(name, body, mark, metadata=METADATA, idempotency_key=once)
        run.latencies.append(time.perf_counter() - begun)
        assert answer is not None
        run.taken[answer["image_id"]] = hashlib.sha256(body + mark).hexdigest()
        run.keys[answer["image_id"]] = answer["storage_key"]
    await client.__aexit__(None, None, None)


async def _fleet(url: str, keys: list[str], bodies: list[bytes], images: int) -> Run:
    run = Run()
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for device, key in enumerate(keys):
            group.create_task(_device(url, key, device, bodies, images, run))
    run.seconds = time.perf_counter() - started
    return run


async def _floor(
    url: str, key: str, clients: int, bodies: list[bytes], images: int, salt: int
) -> tuple[float, list[float]]:
    latencies: list[float] = []

    async def send(client_number: int) -> None:
        async with LeanClient(url, key) as client:
            for number in range(images):
                place = client_number * images + number
                begun = time.perf_counter()
                mark = (salt + place).to_bytes(9, "big")
                body = bodies[place % len(bodies)]
                await client.upload(f"bench-{place}.jpg", body, mark, skip_duplicates="true")
                latencies.append(time.perf_counter() - begun)

    started = time.perf_counter()
    await asyncio.gather(*(send(number) for number in range(clients)))
    return time.perf_counter() - started, latencies


def _make_devices(server: RunningServer, key: str, count: int) -> list[str]:
    with server.client(key) as client:
        return [
            client.post("/api/devices", json={"name": f"camera {number}"}).json()["data"]["api_key"]
            for number in range(count)
        ]


def _count(server: RunningServer, key: str, run: Run) -> dict[str, int]:
    """How many acknowledged images are in no batch, or not in the store as they were sent; and how many nobody knows of."""
    found: dict[str, str] = {}
    counted = 0
    with server.client(key) as client:
        for batch in _pages(client, "/api/batches"):
            counted += batch["image_count"]
            for image in _pages(client, f"/api/batches/{batch['id']}/images"):
                stored = (server.data_dir / "objects" / image["storage_key"]).read_bytes()
                found[image["image_id"]] = hashlib.sha256(stored).hexdigest()
    return {
        "lost": sum(found.get(image_id) != checksum for image_id, checksum in run.taken.items()),
        "twice": len(found.keys() - run.taken.keys()) + abs(counted - len(found)),
        "shared_keys": len(run.keys) - len(set(run.keys.values())),
    }


def _pages(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        page = client.get(path, params={"limit": 100, "offset": len(items)}).json()["data"]
        items += page["items"]
        if len(items) >= page["total"]:
            return items


def run(devices: int = 200, images: int = 20) -> list[dict[str, Any]]:
    """Measure with the worker beside, and once without it."""
    kind = FLAVOURS["small"]
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / "small"
    photos = make_photos(folder, 32, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    bodies = [path.read_bytes() for path in photos]
    return [_measure(devices, images, bodies, *arguments) for arguments in ((), ("--no-worker",))]


def _measure(devices: int, images: int, bodies: list[bytes], *arguments: str) -> dict[str, Any]:
    count = devices * images
    limits = {"CALOTYPE_RATE_LIMIT": "1000000"}
    with tempfile.TemporaryDirectory() as data, RunningServer(Path(data), *arguments, **limits) as server:
        key = server.new_key("fleet")
        keys = _make_devices(server, key, devices)
        floor_key = server.new_key("floor")
        asyncio.run(_floor(server.url, floor_key, 16, bodies, 10, 2**64))  # warms the server
        before, _ = asyncio.run(_floor(server.url, floor_key, devices, bodies, images // 4, 0))
        fleet = asyncio.run(_fleet(server.url, keys, bodies, images))
        after, _ = asyncio.run(_floor(server.url, floor_key, devices, bodies, images // 4, count))
        outcome = _count(server, key, fleet)
    floor = 2 * devices * (images // 4) / (before + after)
    rate = (count + fleet.repeated) / fleet.seconds
    return {
        "bench": f"{devices} devices x {images} images of 50 kB" + (" (no worker)" if arguments else ""),
        "images": len(fleet.taken),
        "sent_again": fleet.repeated,
        "requests_per_s": round(rate, 1),
        "stream_uploads_per_s": round(floor, 1),
        "ratio": round(rate / floor, 2),
        "p50_ms": round(percentile(fleet.latencies, 0.50) * 1000),
        "p99_ms": round(percentile(fleet.latencies, 0.99) * 1000),
        **outcome,
    }


if __name__ == "__main__":
    report(run(*map(int, sys.argv[1:])))
