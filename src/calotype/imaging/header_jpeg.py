"""The frame header of a JPEG, found by stepping from segment to segment."""

from __future__ import annotations

from collections.abc import Iterator

from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource

# ITU-T T.81, table B.1: C4, C8 and CC share the range of the frame headers but define tables or are reserved.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
START, END, SCAN = 0xD8, 0xD9, 0xDA
_MOST_SEGMENTS = 4096


def segments(source: HeaderSource, start: int = 0) -> Iterator[tuple[int, int, int]]:
    """Each segment before the first scan as (marker, offset of its content, length of its content in bytes).

    The scan itself (DA) or the end (D9) comes last, with length 0. `start` is where the JPEG begins in the
    file.
    """
    if source.read(start, 2, "its first marker") != b"\xff\xd8":
        raise source.fault("does not begin like a JPEG")
    position = start + 2
    for _ in range(_MOST_SEGMENTS):
        marker, position = _next_marker(source, position)
        if marker in WITHOUT_LENGTH or marker == START:
            continue
        if marker in {SCAN, END}:
            yield marker, position, 0
            return
        length = int.from_bytes(source.read(position, 2, "its frame header"), "big")
        if length < 2:
            raise source.fault("has a segment of impossible length before its frame header")
        yield marker, position + 2, length - 2
        position += length
    raise source.fault("has too many segments before its frame header")


def read_jpeg(source: HeaderSource, start: int = 0) -> PictureHeader:
    """The header of the JPEG that begins at `start`; raises UndecodablePicture without a sound one."""
    for marker, position, length in segments(source, start):
        if marker in FRAMES:
            return _frame(source, position, length)
        if marker in {SCAN, END}:
            break
    raise source.fault("has no frame header before its picture data")


def _frame(source: HeaderSource, position: int, length: int) -> PictureHeader:
    content = source.read(position, 6, "its frame header")
    bits, components = content[0], content[5]
    height = int.from_bytes(content[1:3], "big")
    width = int.from_bytes(content[3:5], "big")
    if not 1 <= components <= 4 or length != 6 + 3 * components or not 2 <= bits <= 16:
        raise source.fault("has a frame header that makes no sense")
    return PictureHeader("jpeg", width, height, 1, bits)


def _next_marker(source: HeaderSource, position: int) -> tuple[int, int]:
    """The marker at or after `position`, and the offset behind it; stray bytes are passed over."""
    for _ in range(_MOST_SEGMENTS):
        pair = source.read(position, 2, "its frame header")
        if pair[0] == 0xFF and pair[1] not in {0x00, 0xFF}:
            return pair[1], position + 2
        chunk = source.peek(position + 1, 1024)
        found = chunk.find(b"\xff")
        position += 1 + (found if found >= 0 else len(chunk))
    raise source.fault("has too many stray bytes before its frame header")
