"""Exports: MB/s of a batch of photographs over loopback, in each format, beside reading the same objects bare.

Run as `python -m bench.exports [images] [held]`: how many photographs of 2.7 MB, and how many of 48 that were not held upright,
which have to be turned.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image
from tests.running import RunningServer

from bench.make_photos import FLAVOURS, make_photos
from bench.report import report

ANNOTATIONS = 20
_ORIENTATION = 274
_PIECE = 1024 * 1024


def _metadata(number: int) -> str:
    seen = [
        {"class_value": f"defect {index % 5}", "type": "bbox", "geometry": [0.5, 0.5, (index + 1) / 40, 0.1]}
        for index in range(ANNOTATIONS)
    ]
    return json.dumps({"model_id": "mdl_123", "part": number, "annotations": seen})


def _fill(client: httpx.Client, photos: Sequence[bytes], count: int) -> tuple[str, list[str]]:
    """A batch of so many images, and where they lie."""
    key = client.post("/api/devices", json={"name": "camera"}).json()["data"]["api_key"]
    sent = []
    for number in range(count):
        data = photos[number % len(photos)] + number.to_bytes(8, "big")
        answer = client.post(
            "/api/device/images/upload",
            headers={"X-Device-Key": key},
            files={"image": ("image.jpg", data)},
            data={"metadata": _metadata(number)},
        )
        sent.append(answer.json()["data"])
    return sent[0]["batch_id"], [image["storage_key"] for image in sent]


def _export(server: RunningServer, key: str, batch_id: str, format_: str) -> tuple[float, int]:
    """Seconds and bytes of one export, by a reader that does nothing else."""
    parts = urlsplit(server.url)
    request = (
        f"GET /api/batches/{batch_id}/export?format={format_} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    )
    size, piece = 0, bytearray(_PIECE)
    begun = time.perf_counter()
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.sendall(request.encode())
        while got := connection.recv_into(piece):
            size += got
    return time.perf_counter() - begun, size


def _read(paths: Sequence[Path]) -> tuple[float, float, int]:
    """Seconds of reading files bare, of reading them with their checksums, and their bytes."""
    begun = time.perf_counter()
    size = sum(len(path.read_bytes()) for path in paths)
    between = time.perf_counter()
    for path in paths:
        zlib.crc32(path.read_bytes())
    return between - begun, time.perf_counter() - between, size


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _held(folder: Path, photos: Sequence[Path], count: int) -> list[bytes]:
    """Photographs with an orientation of 6."""
    tags = Image.Exif()
    tags[_ORIENTATION] = 6
    files = []
    for path in photos[:count]:
        target = folder / path.name
        with Image.open(path) as picture:
            picture.save(target, "JPEG", quality=90, exif=tags)
        files.append(target.read_bytes())
    return files


def run(images: int = 400, held: int = 48) -> list[dict[str, Any]]:
    """Each format three times, the best one counts; then pictures that must be turned, once."""
    kind = FLAVOURS["phone"]
    cached = Path(tempfile.gettempdir()) / "calotype-bench" / "phone"
    photos = make_photos(cached, 16, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    results: list[dict[str, Any]] = []
    limits = {"CALOTYPE_RATE_LIMIT": "1000000", "CALOTYPE_BATCH_MAX_IMAGES": "100000"}
    with tempfile.TemporaryDirectory() as data, RunningServer(Path(data), "--no-worker", **limits) as server:
        key = server.new_key()
        assert server.process is not None
        with server.client(key) as client:
            batch_id, keys = _fill(client, [path.read_bytes() for path in photos], images)
            paths = [server.data_dir / "objects" / one for one in keys]
            for format_ in ("coco", "yolo", "jsonl"):
                _export(server, key, batch_id, format_)
                before = _peak(server.process.pid)
                runs = [_export(server, key, batch_id, format_) for _ in range(3)]
                bare, checked, size = _read(paths)
                best = min(seconds for seconds, _ in runs)
                results.append(
                    {
                        "bench": f"export of {images} photographs as {format_}",
                        "megabytes": round(size / 1e6),
                        "mb_per_s": round(size / 1e6 / best),
                        "images_per_s": round(images / best),
                        "memory_growth_mb": round((_peak(server.process.pid) - before) / 1e6, 1),
                        "floor_read_mb_per_s": round(size / 1e6 / bare),
                        "floor_read_crc_mb_per_s": round(size / 1e6 / checked),
                        "ratio_to_read_crc": round(checked / best, 2),
                    }
                )
            turned_id, _ = _fill(client, _held(Path(data), photos, min(held, len(photos))), held)
        seconds, size = _export(server, key, turned_id, "coco")
        results.append(
            {
                "bench": f"export of {held} photographs that must be turned, as coco",
                "mb_per_s": round(size / 1e6 / seconds, 1),
                "images_per_s": round(held / seconds, 1),
            }
        )
    return results


if __name__ == "__main__":
    report(run(*map(int, sys.argv[1:])))
