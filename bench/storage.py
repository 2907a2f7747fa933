"""Measures the local store against floors of the same run: `python -m bench.storage [folder]`.

The floors are plain `os.write` and `os.fsync` of the same bytes, one after the other, and SHA-256 alone.
Every figure is the best of its rounds, because a shared machine only ever makes things slower.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.report import report
from calotype.storage.local import LocalStore

MIB = 1024 * 1024
STREAM = 1024 * MIB
CHUNK = 64 * 1024  # what a web server hands over at a time
SMALL = 1_000
SMALL_BYTES = 20_000
TOGETHER = 5  # the variants of one picture
AT_ONCE = 8
ROUNDS = 3


def peak_memory() -> int:
    """The largest resident size of this process since `forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget_peak() -> None:
    """Let the peak of memory begin anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def raw_stream(folder: Path, block: bytes) -> float:
    """Seconds for plain writes of 1 MiB and one flush at the end."""
    path = folder / "raw"
    start = time.perf_counter()
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for _ in range(STREAM // len(block)):
        os.write(descriptor, block)
    os.fsync(descriptor)
    os.close(descriptor)
    seconds = time.perf_counter() - start
    path.unlink()
    return seconds


def hash_stream(block: bytes) -> float:
    """Seconds for SHA-256 alone."""
    start = time.perf_counter()
    digest = hashlib.sha256()
    for _ in range(STREAM // len(block)):
        digest.update(block)
    return time.perf_counter() - start


def raw_small(folder: Path, data: bytes) -> float:
    """Seconds for small files one after the other: write, flush, rename, flush of the folder."""
    directory = os.open(folder, os.O_RDONLY)
    start = time.perf_counter()
    for number in range(SMALL):
        descriptor = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.write(descriptor, data)
        os.fsync(descriptor)
        os.close(descriptor)
        (folder / "raw").rename(folder / f"raw{number}")
        os.fsync(directory)
    seconds = time.perf_counter() - start
    os.close(directory)
    for number in range(SMALL):
        (folder / f"raw{number}").unlink()
    return seconds


async def write_stream(store: LocalStore, block: bytes) -> tuple[float, int]:
    """Seconds, and bytes of memory, for one large object arriving in chunks of 64 KiB."""
    view = memoryview(block)
    forget_peak()
    before = peak_memory()
    start = time.perf_counter()
    async with store.writer("large") as writer:
        for offset in range(0, STREAM, CHUNK):
            position = offset % len(block)
            await writer.write(view[position : position + CHUNK])
        await writer.commit()
    seconds = time.perf_counter() - start
    grown = peak_memory() - before
    await store.delete("large")
    return seconds, grown


async def put_small(store: LocalStore, data: bytes, at_once: int) -> float:
    """Seconds for small durable objects, `at_once` of them under way at any time."""
    numbers = iter(range(SMALL))

    async def client() -> None:
        for number in numbers:
            await store.put(f"small/{number % 10}/{number}", data)

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(at_once)))
    seconds = time.perf_counter() - start
    await store.delete_many([f"small/{number % 10}/{number}" for number in range(SMALL)])
    return seconds


async def put_together(store: LocalStore, data: bytes) -> float:
    """Seconds for small durable objects, five in a call as for the variants of a picture."""
    start = time.perf_counter()
    for number in range(SMALL // TOGETHER):
        await store.put_many([(f"many/{number}/{variant}", data) for variant in range(TOGETHER)])
    seconds = time.perf_counter() - start
    await store.delete_many([f"many/{n}/{v}" for n in range(SMALL // TOGETHER) for v in range(TOGETHER)])
    return seconds


async def best(measure: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of several runs of a synchronous or asynchronous measurement, in seconds."""
    found = []
    for _ in range(rounds):
        outcome = measure()
        found.append(await outcome if asyncio.iscoroutine(outcome) else outcome)
    return min(found)


async def measure(folder: Path) -> dict[str, float]:
    """All figures by name: MB/s, objects a second, and MiB of memory."""
    block, data = secrets.token_bytes(MIB), secrets.token_bytes(SMALL_BYTES)
    store = LocalStore(folder / "objects")
    await store.put("warm", data)
    streams = [await write_stream(store, block) for _ in range(ROUNDS)]
    figures = {
        "stream_mb_s": STREAM / min(seconds for seconds, _ in streams) / 1e6,
        "stream_memory_growth_mib": max(grown for _, grown in streams) / MIB,
        "floor_raw_stream_mb_s": STREAM / await best(lambda: raw_stream(folder, block)) / 1e6,
        "floor_sha256_mb_s": STREAM / await best(lambda: hash_stream(block)) / 1e6,
        "puts_one_by_one_s": SMALL / await best(lambda: put_small(store, data, 1)),
        "puts_eight_at_once_s": SMALL / await best(lambda: put_small(store, data, AT_ONCE)),
        "puts_five_together_s": SMALL / await best(lambda: put_together(store, data)),
        "floor_raw_small_s": SMALL / await best(lambda: raw_small(folder, data)),
    }
    await store.aclose()
    return {name: round(figure, 1) for name, figure in figures.items()}


def run(below: str | None = None) -> dict[str, Any]:
    """Measure in a new folder below the one named, or below the system's temporary one."""
    folder = Path(tempfile.mkdtemp(prefix="calotype-bench-", dir=below))
    try:
        return {"bench": "local object store", **asyncio.run(measure(folder))}
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    report([run(*sys.argv[1:])])
