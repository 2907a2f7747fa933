"""How fast photographs become variants: Pillow, libvips, the bare libraries, and `develop`.

    python -m bench.pictures [--count 24] [--flavour phone]

The first three make four variants; `develop` makes five, and hashes, colours, kind and metadata.

Prints milliseconds a photograph in one process and photographs a second in two. Set CALOTYPE_CORPUS to make the
photographs out of real ones.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.make_photos import FLAVOURS, make_flavour
from bench.report import report

SIDES = (1024, 750, 256, 64)
ROUNDS = 3
PROCESSES = 2


def pillow_naive(path: str) -> int:
    """The way of many applications: a whole decode, then a Lanczos copy for each size."""
    from PIL import Image

    total = 0
    with Image.open(path) as picture:
        rgb = picture.convert("RGB")
        for side in SIDES:
            copy = rgb.copy()
            copy.thumbnail((side, side), Image.Resampling.LANCZOS)
            stream = io.BytesIO()
            copy.save(stream, "JPEG", quality=80)
            total += stream.tell()
    return total


def vips_once(path: str) -> int:
    """One decode by libvips, shrunk on load, and each size from the one before."""
    import pyvips

    total = 0
    image = pyvips.Image.thumbnail(path, SIDES[0], height=SIDES[0]).copy_memory()
    for side in SIDES:
        image = image.thumbnail_image(side, height=side, size="down")
        total += len(image.jpegsave_buffer(Q=80, keep="none"))
    return total


def bare_loop(path: str) -> int:
    """libjpeg-turbo scaled decode, OpenCV INTER_AREA one size from another, libjpeg-turbo, and nothing else."""
    import cv2
    import simplejpeg

    cv2.setNumThreads(1)
    data = Path(path).read_bytes()
    pixels = simplejpeg.decode_jpeg(data, "BGR", fastdct=True, fastupsample=True, min_height=1, min_width=SIDES[0])
    total = 0
    for side in SIDES:
        rows, columns = pixels.shape[:2]
        scale = min(1, side / max(rows, columns))
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        total += len(simplejpeg.encode_jpeg(pixels, quality=80, colorspace="BGR", colorsubsampling="420"))
    return total


def ours(path: str) -> int:
    """`develop`: five variants, two hashes, colours, kind and metadata."""
    from calotype.imaging.pipeline import develop

    return sum(len(variant.data) for variant in develop(path).variants)


CONTENDERS: dict[str, Callable[[str], int]] = {
    "Pillow": pillow_naive,
    "libvips": vips_once,
    "bare loop": bare_loop,
    "develop": ours,
}


def milliseconds_each(contender: Callable[[str], int], paths: list[str]) -> float:
    """The median over the photographs of each one's fastest round."""
    contender(paths[0])
    best = [float("inf")] * len(paths)
    for _ in range(ROUNDS):
        for number, path in enumerate(paths):
            start = time.perf_counter()
            contender(path)
            best[number] = min(best[number], time.perf_counter() - start)
    return statistics.median(best) * 1000


def rate_of_two(name: str, paths: list[str]) -> float:
    """Photographs a second in two processes that have already loaded everything."""
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(PROCESSES + 1), context.Barrier(PROCESSES + 1)
    halves = [paths[number::PROCESSES] for number in range(PROCESSES)]
    workers = [context.Process(target=_work, args=(name, half, ready, go)) for half in halves]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    go.wait()
    for worker in workers:
        worker.join()
    return ROUNDS * len(paths) / (time.perf_counter() - start)


def _work(name: str, paths: list[str], ready: object, go: object) -> None:
    contender = CONTENDERS[name]
    contender(paths[0])
    ready.wait()  # type: ignore[attr-defined]  # a barrier of another process, which has no type
    go.wait()  # type: ignore[attr-defined]  # a barrier of another process, which has no type
    for _ in range(ROUNDS):
        for path in paths:
            contender(path)


def in_a_process_of_its_own(name: str, paths: list[str]) -> float:
    """`milliseconds_each` in a fresh process, so that no contender inherits another's memory or settings."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(milliseconds_each, (CONTENDERS[name], paths))


def run(count: int = 24, flavour: str = "phone") -> dict[str, Any]:
    """Measure every contender on the same photographs."""
    for variable in ("VIPS_CONCURRENCY", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    paths = [str(path) for path in make_flavour(flavour, count)]
    figures: dict[str, Any] = {}
    for name in CONTENDERS:
        each, rate = in_a_process_of_its_own(name, paths), rate_of_two(name, paths)
        figures |= {f"{name}, ms each": round(each, 2), f"{name}, a second in two processes": round(rate, 2)}
    ours_rate, bare_rate, naive_rate = (
        figures[f"{name}, a second in two processes"] for name in ("develop", "bare loop", "Pillow")
    )
    return {
        "bench": f"variants of {count} photographs ({flavour})",
        "megabytes_each": round(statistics.mean(Path(path).stat().st_size for path in paths) / 1e6, 2),
        **figures,
        "ratio_to_bare_loop": round(ours_rate / bare_rate, 2),
        "ratio_to_pillow": round(ours_rate / naive_rate, 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--flavour", choices=FLAVOURS, default="phone")
    report([run(**vars(parser.parse_args()))])
