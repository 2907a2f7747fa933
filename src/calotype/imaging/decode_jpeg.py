"""JPEG decoding at a fraction of the size, by libjpeg-turbo."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.color_profile import to_srgb
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit, shrink

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels

# The fractions of full size that the decoder makes with vector instructions. Those between cost more than the next
# larger one: 5/8 of a picture takes longer than all of it.
EIGHTHS = (1, 2, 4, 8)
# Decoding this much larger than the largest variant leaves the resizer something to average.
MARGIN = 1.45
# Of a scan without data the decoder still makes up the first few blocks.
MOSTLY = 0.98
PLAIN = frozenset({"YCbCr", "RGB", "Gray"})


def decode_jpeg(data: Any, longer_side: int) -> Raster | None:
    """Return a plain JPEG (grey, YCbCr or RGB) bounded to `longer_side`, in sRGB; None if it is not plain.

    `data` is any buffer. A file cut off or damaged within its scan still gives what could be decoded, the
    rest being grey, as browsers show it: people have such files, and the part that is left is all they have.
    A file in which nothing at all could be decoded raises UndecodablePicture.
    """
    import simplejpeg

    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):
        # A damaged or unusual header: libvips says more about what is wrong with it.
        return None
    if space not in PLAIN:
        return None
    pixels = _decode_scaled(data, width, height, longer_side)
    small = shrink(pixels, *fit(width, height, longer_side))
    return Raster(to_srgb(small, read_icc(data)), width, height)


def choose_eighths(longest: int, longer_side: int) -> int:
    """Return at how many eighths of full size to decode, so that `longer_side` can be made well and fast."""
    enough = min(longest, math.ceil(longer_side * MARGIN))
    return next(eighths for eighths in EIGHTHS if math.ceil(longest * eighths / 8) >= enough)


def _decode_scaled(data: Any, width: int, height: int, longer_side: int) -> Pixels:
    import numpy as np
    import simplejpeg

    eighths = choose_eighths(max(width, height), longer_side)
    columns, rows = math.ceil(width * eighths / 8), math.ceil(height * eighths / 8)
    # The decoder leaves alone what it finds no data for, and fresh memory may hold somebody else's picture.
    pixels: Pixels = np.zeros((rows, columns, 3), np.uint8)
    scale = {"min_width": columns, "min_height": rows, "min_factor": 1, "buffer": pixels}
    try:
        simplejpeg.decode_jpeg(data, "RGB", strict=False, **scale)
        if _looks_empty(pixels):
            # It may truly be a flat picture; only a file that is damaged as well is refused.
            simplejpeg.decode_jpeg(data, "RGB", strict=True, **scale)
    except ValueError as error:
        raise UndecodablePicture(f"the JPEG cannot be decoded: {error}") from error
    return pixels


def _looks_empty(pixels: Pixels) -> bool:
    """Whether all but a trace is the one colour that the decoder leaves where there is no data."""
    step = max(1, min(pixels.shape[:2]) // 32)
    sample = pixels[::step, ::step]
    return bool((sample == sample[-1, -1]).all(axis=2).mean() > MOSTLY)


def read_icc(data: Any) -> bytes | None:
    """Return the ICC profile of a JPEG, joined from its APP2 segments (ICC.1:2022, annex B.4), or None."""
    chunks: dict[int, bytes] = {}
    position, size = 2, len(data)
    while position + 4 <= size and data[position] == 0xFF:
        marker, length = struct.unpack_from(">xBH", data, position)
        # The scan begins, or this is no segment: whatever follows is picture data.
        if marker in {0xD9, 0xDA} or length < 2:
            break
        if marker == 0xE2 and data[position + 4 : position + 16] == b"ICC_PROFILE\0":
            chunks[data[position + 16]] = bytes(data[position + 18 : position + 2 + length])
        position += 2 + length
    return b"".join(chunks[number] for number in sorted(chunks)) or None
