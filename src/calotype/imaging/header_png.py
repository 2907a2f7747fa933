"""The header of a PNG and the frame count of an animated one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# PNG specification, table 11.1: which depths each colour type may have.
_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PALETTE = 3
_LARGEST = 2**31 - 1


def chunks(source: HeaderSource) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk as (type, offset of its data, length of its data in bytes), until the file ends."""
    position = len(SIGNATURE)
    while True:
        head = source.peek(position, 8)
        if len(head) < 8:
            return
        length = int.from_bytes(head[:4], "big")
        if length > _LARGEST or not head[4:].isalpha():
            raise source.fault("has a chunk that makes no sense")
        yield head[4:], position + 8, length
        position += 12 + length


def read_png(source: HeaderSource) -> PictureHeader:
    """The header of a PNG; raises UndecodablePicture for a wrong IHDR and where no picture data follows."""
    width, height, depth, color, _ = read_ihdr(source)
    frames = _frames(source)
    # A palette's entries are always of 8 bits, whatever the depth of the indices.
    return PictureHeader("png", width, height, frames, 8 if color == _PALETTE else depth)


def read_ihdr(source: HeaderSource) -> tuple[int, int, int, int, int]:
    """Width, height, depth, colour type and interlacing as the first chunk tells them; a wrong one raises UndecodablePicture."""
    head = source.read(0, 33, "its header is complete")
    if head[:8] != SIGNATURE:
        raise source.fault("does not begin like a PNG")
    if head[8:16] != b"\x00\x00\x00\rIHDR":
        raise source.fault("does not begin with an IHDR chunk of 13 bytes")
    if zlib.crc32(head[12:29]) != int.from_bytes(head[29:33], "big"):
        raise source.fault("has an IHDR chunk whose checksum is wrong")
    width = int.from_bytes(head[16:20], "big")
    height = int.from_bytes(head[20:24], "big")
    depth, color = head[24], head[25]
    if depth not in _DEPTHS.get(color, ()) or max(width, height) > _LARGEST:
        raise source.fault("has an IHDR chunk that makes no sense")
    return width, height, depth, color, head[28]


def _frames(source: HeaderSource) -> int:
    frames = 1
    for kind, position, length in chunks(source):
        if kind == b"IDAT":
            return frames
        if kind == b"acTL" and length == 8:
            frames = max(1, int.from_bytes(source.read(position, 4, "its frame count"), "big"))
    raise source.fault("ends before its picture data")
