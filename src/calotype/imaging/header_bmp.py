"""The header of a Windows or OS/2 bitmap."""

from __future__ import annotations

import struct

from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource

# The sizes that tell the versions of the second header apart, from OS/2 1.x (12) to version 5 (124).
HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_DEPTHS = frozenset({0, 1, 2, 4, 8, 16, 24, 32, 64})


def read_bmp(source: HeaderSource) -> PictureHeader:
    """The header of a bitmap, top-down ones too; raises UndecodablePicture where a field makes no sense."""
    head = source.read(0, 26, "its header is complete")
    size = int.from_bytes(head[14:18], "little")
    if head[:2] != b"BM" or size not in HEADER_SIZES:
        raise source.fault("does not begin like a bitmap")
    if size == 12:
        width, height, planes, depth = struct.unpack_from("<4H", head, 18)
    else:
        width, height, planes, depth = struct.unpack("<iiHH", source.read(18, 12, "its header is complete"))
    if planes != 1 or depth not in _DEPTHS or width < 0:
        raise source.fault("has a header that makes no sense")
    return PictureHeader("bmp", width, abs(height))
