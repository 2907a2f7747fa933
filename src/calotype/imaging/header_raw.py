"""The size of pictures in camera RAW files that are not built like a TIFF: Fujifilm RAF and Canon CR3."""

from __future__ import annotations

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header_jpeg import read_jpeg
from calotype.imaging.header_source import HeaderSource
from calotype.imaging.isobmff import boxes, content, find, whole

_FULL_SIZE, _CROPPED_SIZE = 0x0100, 0x0111
_MOST_RECORDS = 255
_MOST_TRACKS = 16


def preview_of_raf(source: HeaderSource) -> int:
    """Where in a RAF file its JPEG preview begins, in bytes."""
    return int.from_bytes(source.read(84, 4, "its preview"), "big")


def read_raf(source: HeaderSource) -> PictureHeader:
    """The cropped size of the sensor's picture, else its full size, else the size of the preview."""
    records = _records(source, int.from_bytes(source.read(92, 4, "its list of sizes"), "big"))
    for tag in (_CROPPED_SIZE, _FULL_SIZE):
        data = records.get(tag, b"")
        height, width = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        if width and height:
            return PictureHeader("raf", width, height, 1, 14)
    preview = read_jpeg(source, preview_of_raf(source))
    return PictureHeader("raf", preview.width, preview.height)


def read_cr3(source: HeaderSource) -> PictureHeader:
    """The size of the largest picture track of a CR3 file, as its sample description tells it."""
    moov = find(source, whole(source), b"moov")
    best = (0, 0)
    if moov is not None:
        for trak in list(boxes(source, moov.start, moov.end))[:_MOST_TRACKS]:
            table = find(source, trak, b"mdia", b"minf", b"stbl", b"stsd") if trak.kind == b"trak" else None
            if table is None:
                continue
            for entry in boxes(source, table.start + 8, table.end):
                # ISO/IEC 14496-12, 12.1.3: 24 bytes of a visual sample entry come before its width and
                # height.
                data = source.peek(entry.start + 24, 4) if entry.kind == b"CRAW" else b""
                size = (int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big"))
                best = max(best, size, key=lambda sides: sides[0] * sides[1])
    if not all(best):
        raise source.fault("does not tell the size of its picture")
    return PictureHeader("cr3", *best, 1, 14)


def tags_of_cr3(source: HeaderSource) -> dict[bytes, bytes]:
    """The TIFF streams that a CR3 file has, by box: CMT1 (main tags), CMT2 (EXIF) and CMT4 (GPS)."""
    found: dict[bytes, bytes] = {}
    moov = find(source, whole(source), b"moov")
    if moov is None:
        return found
    for box in boxes(source, moov.start, moov.end):
        # Canon's own box begins with the 16 bytes of its identifier.
        if box.kind == b"uuid":
            for part in boxes(source, box.start + 16, box.end):
                if part.kind in {b"CMT1", b"CMT2", b"CMT4"} and part.end - part.start <= 64 * 1024:
                    found[part.kind] = content(source, part)
    return found


def _records(source: HeaderSource, start: int) -> dict[int, bytes]:
    """The records of a RAF file's list (tag, length, data); an unreadable list has none."""
    records: dict[int, bytes] = {}
    try:
        count = int.from_bytes(source.read(start, 4, "its list of sizes"), "big") if start else 0
        position = start + 4
        for _ in range(min(count, _MOST_RECORDS)):
            head = source.read(position, 4, "its list of sizes")
            length = int.from_bytes(head[2:], "big")
            records.setdefault(int.from_bytes(head[:2], "big"), source.peek(position + 4, min(length, 16)))
            position += 4 + length
    except UndecodablePicture:
        if source.exhausted:
            raise
    return records
