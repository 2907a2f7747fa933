"""Choosing the decoder for a picture: the fastest that understands it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from calotype.imaging.decode_heif import decode_heif
from calotype.imaging.decode_jpeg import decode_jpeg
from calotype.imaging.decode_jxl import decode_jxl
from calotype.imaging.decode_pillow import decode_avif, decode_bmp
from calotype.imaging.decode_raw import decode_raw
from calotype.imaging.decode_vips import decode_with_vips
from calotype.imaging.original import Original
from calotype.imaging.raster import Raster

RAW_FORMATS = frozenset({"arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "rw2", "srw"})
FROM_MEMORY: dict[str, Callable[[Any, int], Raster]] = {
    "avif": decode_avif,
    "bmp": decode_bmp,
    "heic": decode_heif,
    "heif": decode_heif,
    "jxl": decode_jxl,
}


def decode(original: Original, longer_side: int) -> Raster:
    """Return the first frame or page of a picture, once decoded, bounded to `longer_side` pixels, in sRGB.

    Raises UndecodablePicture for corrupt data and Unsupported where an optional decoder is not installed.
    """
    if original.format == "jpeg":
        plain = decode_jpeg(original.data, longer_side)
        return plain or decode_with_vips(original.path, "jpeg", longer_side)
    if original.format in FROM_MEMORY:
        return FROM_MEMORY[original.format](original.data, longer_side)
    if original.format in RAW_FORMATS:
        return decode_raw(original.path, longer_side)
    return decode_with_vips(original.path, original.format, longer_side)
