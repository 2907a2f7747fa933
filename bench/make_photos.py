"""Makes as many different photographs of a wanted size as a benchmark needs, out of a few real ones."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE_ENOUGH = 2000


@dataclass(frozen=True, slots=True)
class Flavour:
    """A kind of photograph: its pixels and the file size that is aimed at."""

    width: int
    height: int
    target_bytes: int


FLAVOURS = {
    "phone": Flavour(4000, 3000, 2_700_000),
    "web": Flavour(1600, 1200, 200_000),
    "small": Flavour(800, 600, 50_000),
}


def make_photos(
    folder: Path,
    count: int,
    *,
    width: int = 4000,
    height: int = 3000,
    target_bytes: int = 2_700_000,
    seed: int = 0,
) -> list[Path]:
    """Return `count` different JPEGs of about `target_bytes`, made in `folder` unless they are there already.

    Each is a random crop of a photograph under CALOTYPE_CORPUS, resized, mirrored by chance and given a
    little sensor noise, so that no two share a checksum or entropy-coded bytes. Without a corpus, clouds of
    noise with a natural spectrum stand in for photographs. The same arguments always give the same pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{width}x{height}_{target_bytes}_{seed}_{number:05d}.jpg" for number in range(count)]
    sources: list[Image.Image] = []
    for number, path in enumerate(paths):
        if path.exists():
            continue
        sources = sources or _sources(seed)
        rng = np.random.default_rng([seed, number])
        picture = _variation(sources[number % len(sources)], width, height, rng)
        partial = path.with_suffix(".partial")
        partial.write_bytes(_encode_near(picture, target_bytes))
        partial.replace(path)
    return paths


def make_flavour(name: str, count: int, *, folder: Path | None = None, seed: int = 0) -> list[Path]:
    """Return `count` photographs of a flavour: "phone" (12 MP, 2.7 MB), "web" (200 kB) or "small" (50 kB)."""
    flavour = FLAVOURS[name]
    return make_photos(
        folder or Path(tempfile.gettempdir()) / "calotype_bench_photos",
        count,
        width=flavour.width,
        height=flavour.height,
        target_bytes=flavour.target_bytes,
        seed=seed,
    )


def _sources(seed: int) -> list[Image.Image]:
    corpus = os.environ.get("CALOTYPE_CORPUS")
    found = []
    for path in sorted(Path(corpus).rglob("*.jpg")) if corpus else []:
        with Image.open(path) as picture:
            if min(picture.size) >= LARGE_ENOUGH:
                found.append(picture.convert("RGB"))
    return found or [_clouds(seed + shade) for shade in range(4)]


def _clouds(seed: int) -> Image.Image:
    """Return a made-up picture whose spectrum falls off like a photograph's, amplitude about 1/f."""
    side = 2048
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    frequency[0, 0] = 1
    planes = []
    for _ in range(3):
        phases = np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency**1.1
        plane = np.fft.irfft2(phases, s=(side, side))
        planes.append((plane - plane.min()) / np.ptp(plane) * 255)
    return Image.fromarray(np.dstack(planes).astype(np.uint8))


def _variation(source: Image.Image, width: int, height: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    largest = min(source.width / width, source.height / height)
    scale = largest * rng.uniform(0.7, 1.0)
    crop_width, crop_height = int(width * scale), int(height * scale)
    left = int(rng.integers(0, source.width - crop_width + 1))
    top = int(rng.integers(0, source.height - crop_height + 1))
    box = (left, top, left + crop_width, top + crop_height)
    pixels: NDArray[Any] = np.asarray(source.resize((width, height), Image.Resampling.BICUBIC, box=box))
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    noise = rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _encode_near(pixels: NDArray[np.uint8], target_bytes: int) -> bytes:
    import simplejpeg

    low, high = 20, 96
    best = b""
    while low <= high:
        quality = (low + high) // 2
        data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="420")
        if abs(len(data) - target_bytes) < abs(len(best) - target_bytes):
            best = data
        if len(data) < target_bytes:
            low = quality + 1
        else:
            high = quality - 1
    return best
