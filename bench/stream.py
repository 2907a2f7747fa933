"""One upload of a gigabyte: rate on loopback, and by how much the server's memory grows.

Run as `python -m bench.stream [megabytes]`. The file is a valid small TIFF with a long tail; what is measured does not depend
on the kind of content.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from tests.running import RunningServer

from bench.report import report
from bench.uploading import LeanClient

MIB = 1024 * 1024


def resident(pid: int) -> int:
    """Peak resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def disk_rate(folder: Path, megabytes: int) -> float:
    """MB/s of writing and flushing a file of that size to the same disk."""
    block = os.urandom(MIB)
    started = time.perf_counter()
    with (folder / "floor").open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    (folder / "floor").unlink()
    return megabytes * MIB / 1e6 / seconds


def hash_rate() -> float:
    """MB/s of SHA-256 alone."""
    block = os.urandom(64 * MIB)
    started = time.perf_counter()
    hashlib.sha256(block).digest()
    return len(block) / 1e6 / (time.perf_counter() - started)


def picture() -> bytes:
    """A small TIFF, whose header lies at its beginning."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "TIFF")
    return buffer.getvalue()


async def _send(server: RunningServer, key: str, megabytes: int) -> float:
    block = os.urandom(MIB)
    async with LeanClient(server.url, key) as client:
        started = time.perf_counter()
        await client.upload("long.tif", picture(), block, repeat=megabytes)
        return time.perf_counter() - started


def run(megabytes: int = 1024) -> dict[str, Any]:
    """Three uploads; the best rate, because the disk is shared, and the largest growth."""
    with tempfile.TemporaryDirectory() as data:
        settings = {"CALOTYPE_MAX_IMAGE_BYTES": str(8 * 1024 * MIB), "CALOTYPE_OCR_ENABLED": "false"}
        disk = disk_rate(Path(data), megabytes)
        with RunningServer(Path(data), "--no-worker", **settings) as server:
            key = server.new_key()
            assert server.process is not None
            asyncio.run(_send(server, key, 8))
            before = resident(server.process.pid)
            seconds = [asyncio.run(_send(server, key, megabytes)) for _ in range(3)]
            growth = resident(server.process.pid) - before
    rates = [megabytes * MIB / 1e6 / one for one in seconds]
    return {
        "bench": f"one {megabytes} MB stream upload",
        "best_mb_per_s": round(max(rates)),
        "all_mb_per_s": [round(rate) for rate in rates],
        "memory_growth_mb": round(growth / 1e6, 1),
        "floor_disk_mb_per_s": round(disk),
        "floor_sha256_mb_per_s": round(hash_rate()),
    }


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)])
