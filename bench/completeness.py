"""What it costs to tell whether a picture file is whole, beside its SHA-256, which is taken of every upload anyway.

    python -m bench.completeness

JPEGs of the two sizes that the other benchmarks use, and PNGs: each figure is the median over different photographs of each
one's fastest round, in microseconds.
"""

from __future__ import annotations

import hashlib
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

from PIL import Image

from bench.make_photos import make_flavour
from bench.report import report
from calotype.imaging.completeness import check_complete

ROUNDS = 15
COUNT = 8


def run() -> list[dict[str, Any]]:
    """Check photographs of each kind."""
    web = [path.read_bytes() for path in make_flavour("web", COUNT)]
    phone = [path.read_bytes() for path in make_flavour("phone", COUNT)]
    return [
        _measure("JPEG of 200 kB", "jpeg", web),
        _measure("JPEG of 2.7 MB", "jpeg", phone),
        _measure("PNG of a photograph, small", "png", [_png(data, 300) for data in web]),
        _measure("PNG of a photograph, large", "png", [_png(data, 1200) for data in web]),
    ]


def _png(data: bytes, width: int) -> bytes:
    """The photograph as a PNG of this width."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.resize((width, width * picture.height // picture.width)).save(stream, "PNG")
    return stream.getvalue()


def _measure(name: str, format_: str, files: list[bytes]) -> dict[str, Any]:
    checks = [_fastest(lambda data=data: check_complete(data, format_)) for data in files]
    sums = [_fastest(lambda data=data: hashlib.sha256(data).digest()) for data in files]
    return {
        "bench": f"check_complete, {name}",
        "bytes": round(statistics.median(map(len, files))),
        "microseconds": round(statistics.median(checks), 1),
        "sha256_microseconds": round(statistics.median(sums), 1),
        "ratio_to_sha256": round(
            statistics.median(check / floor for check, floor in zip(checks, sums, strict=True)), 2
        ),
    }


def _fastest(function: Callable[[], object]) -> float:
    """The fewest microseconds of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best * 1e6


if __name__ == "__main__":
    report(run())
