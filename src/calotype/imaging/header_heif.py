"""The size of HEIC, HEIF and AVIF pictures and the frame count of their sequences."""

from __future__ import annotations

from dataclasses import replace

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource
from calotype.imaging.isobmff import Box, Fields, ItemTables, boxes, content, find, item_tables, whole

_MOST_TRACKS = 16
_SEQUENCE_BRANDS = frozenset({b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"})


def read_heif(source: HeaderSource, format_: str) -> PictureHeader:
    """The header of the primary item, before rotation and cropping; for sequences with their frames."""
    meta = find(source, whole(source), b"meta")
    header = _primary(source, meta, format_) if meta is not None else None
    # Tracks may lie at the end of the file, so they are only looked for where there should be some.
    if header is not None and not _brands(source) & _SEQUENCE_BRANDS:
        return header
    tracks = _tracks(source)
    frames = max((track.frames for track in tracks), default=1)
    if header is not None:
        return replace(header, frames=max(1, frames))
    if not tracks:
        raise source.fault("does not tell the size of its primary picture")
    largest = max(tracks, key=lambda track: track.width * track.height)
    return PictureHeader(format_, largest.width, largest.height, max(1, frames))


def _brands(source: HeaderSource) -> set[bytes]:
    ftyp = find(source, whole(source), b"ftyp")
    data = source.peek(ftyp.start, min(ftyp.end - ftyp.start, 512)) if ftyp is not None else b""
    return {data[at : at + 4] for at in range(0, len(data), 4)}


def _primary(source: HeaderSource, meta: Box, format_: str) -> PictureHeader | None:
    tables = _tables(source, meta)
    if tables.primary is None:
        return None
    width = height = 0
    bits = 8
    for index in tables.associations.get(tables.primary, ()):
        if not 1 <= index <= len(tables.properties):
            continue
        box = tables.properties[index - 1]
        if box.kind == b"ispe":
            fields = Fields(source.read(box.start, 12, "the size of its primary picture"))
            fields.number(4)
            width, height = fields.number(4), fields.number(4)
        elif box.kind in {b"pixi", b"av1C", b"hvcC"}:
            bits = max(bits, _bits(source, box))
    return PictureHeader(format_, width, height, 1, bits) if width or height else None


def _tables(source: HeaderSource, meta: Box) -> ItemTables:
    try:
        return item_tables(source, meta)
    except ValueError as error:
        raise source.fault("has a meta box that makes no sense") from error


def _bits(source: HeaderSource, box: Box) -> int:
    """The depth of a channel as the property tells it: `pixi`, or the configuration of AV1 or HEVC."""
    data = source.peek(box.start, 24)
    bits = 8
    if box.kind == b"pixi" and len(data) > 5:
        bits = data[5]
    elif box.kind == b"hvcC" and len(data) > 17:
        # ISO/IEC 14496-15, 8.3.3.1.2: bit_depth_luma_minus8 in the low three bits.
        bits = 8 + (data[17] & 7)
    elif box.kind == b"av1C" and len(data) > 2 and data[2] & 0x40:
        # AV1 in ISOBMFF, 2.3.3: high_bitdepth, then twelve_bit.
        bits = 12 if data[2] & 0x20 else 10
    return bits if bits <= 16 else 8


def _tracks(source: HeaderSource) -> list[PictureHeader]:
    """The picture tracks of a sequence, each as a header; tracks of sound and video are left out."""
    moov = find(source, whole(source), b"moov")
    if moov is None:
        return []
    found = []
    for box in list(boxes(source, moov.start, moov.end))[:_MOST_TRACKS]:
        if box.kind != b"trak":
            continue
        try:
            track = _track(source, box)
        except UndecodablePicture:
            if source.exhausted:
                raise
            continue
        if track is not None:
            found.append(track)
    return found


def _track(source: HeaderSource, trak: Box) -> PictureHeader | None:
    handler = find(source, trak, b"mdia", b"hdlr")
    sizes = find(source, trak, b"mdia", b"minf", b"stbl", b"stsz")
    head = find(source, trak, b"tkhd")
    if handler is None or head is None or source.peek(handler.start + 8, 4) != b"pict":
        return None
    count = 1
    if sizes is not None:
        count = int.from_bytes(source.read(sizes.start + 8, 4, "its frame count"), "big")
    # The last two fields of tkhd, as 16.16 fixed point.
    data = content(source, Box(head.kind, head.start, min(head.end, head.start + 96)))
    return PictureHeader("", int.from_bytes(data[-8:-6], "big"), int.from_bytes(data[-4:-2], "big"), count)
