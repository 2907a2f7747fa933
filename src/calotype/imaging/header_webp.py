"""The canvas and the frame count of a WebP."""

from __future__ import annotations

from collections.abc import Iterator

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource

_ANIMATED = 0x02


def chunks(source: HeaderSource, position: int = 12) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk from `position` on as (name, offset of its data, length of its data in bytes), until the file ends."""
    while len(head := source.peek(position, 8)) == 8:
        length = int.from_bytes(head[4:], "little")
        yield head[:4], position + 8, length
        position += 8 + length + (length & 1)


def read_webp(source: HeaderSource) -> PictureHeader:
    """The header of a lossy, lossless or extended WebP; raises UndecodablePicture for an unsound one."""
    head = source.read(0, 30 if source.peek(12, 4) != b"VP8L" else 25, "its first chunk is complete")
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        raise source.fault("does not begin like a WebP")
    kind = head[12:16]
    if kind == b"VP8X":
        return _extended(source, head)
    if kind == b"VP8 ":
        if head[20] & 1 or head[23:26] != b"\x9d\x01\x2a":
            raise source.fault("does not begin with a key frame")
        width = int.from_bytes(head[26:28], "little") & 0x3FFF
        height = int.from_bytes(head[28:30], "little") & 0x3FFF
        return PictureHeader("webp", width, height)
    if kind == b"VP8L" and head[20] == 0x2F:
        packed = int.from_bytes(head[21:25], "little")
        return PictureHeader("webp", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    raise source.fault("has no picture in its first chunk")


def _extended(source: HeaderSource, head: bytes) -> PictureHeader:
    width = int.from_bytes(head[24:27], "little") + 1
    height = int.from_bytes(head[27:30], "little") + 1
    frames = _frames(source) if head[20] & _ANIMATED else 1
    return PictureHeader("webp", width, height, frames)


def _frames(source: HeaderSource) -> int:
    """The number of frames; behind the bound as many for each byte as before it, rounded up."""
    frames = 0
    position = 12
    try:
        for kind, start, length in chunks(source):
            frames += kind == b"ANMF"
            position = start + length
    except UndecodablePicture:
        frames = -(-frames * source.size // position)
    if not frames:
        raise source.fault("is animated but has no frames")
    return frames
