"""Whether a HEIC, HEIF or AVIF picture is whole: the bytes of each of its items, and the units within them."""

from __future__ import annotations

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_heif import read_heif
from calotype.imaging.isobmff import ItemTables, boxes, content, find, item_tables, whole

UNCLIPPED = 1 << 63
"""An end for `boxes` beyond any file, so that each keeps the end that it claims."""
_MOST_UNITS = 10_000
_HEVC, _AV1 = b"hvc1", b"av01"


def check_heif(source: WholeFile) -> None:
    """Raise IncompletePicture unless every item of a HEIF or AVIF file, its tiles, thumbnails and metadata too, is within it.

    Proves that no item and no `mdat` box is cut, and that HEVC and AV1 data consist of units of sound lengths, which random
    bytes do not. Of a sequence without a still picture only the boxes are looked at. Does not prove that the content of a
    unit is right: there are no checksums. Everything behind the boxes (motion photos) is passed over.
    """
    read_heif(source, "heif")
    check_media_boxes(source)
    meta = find(source, whole(source), b"meta")
    if meta is None:
        return
    tables = item_tables(source, meta)
    for extents in tables.extents.values():
        for offset, length in extents:
            # No length stands for all the rest.
            source.need(offset, length or 1)
    primary = tables.items.get(tables.primary or 0)
    if primary is not None and primary.kind in {_HEVC, _AV1} and not tables.extents.get(tables.primary or 0):
        raise source.damaged("its primary picture holds no data")
    _check_units(source, tables)


def check_media_boxes(source: WholeFile) -> None:
    """Raise IncompletePicture where a box of media data (`mdat`) or of what describes it reaches past the end of the file."""
    for box in boxes(source, 0, UNCLIPPED):
        if box.kind in {b"mdat", b"meta", b"moov"} and source.size < box.end < UNCLIPPED:
            raise source.cut()


def _check_units(source: WholeFile, tables: ItemTables) -> None:
    left = _MOST_UNITS
    for number, item in tables.items.items():
        extents = tables.extents.get(number, [])
        if item.kind not in {_HEVC, _AV1} or len(extents) != 1 or not extents[0][1]:
            continue
        start, length = extents[0]
        if item.kind == _HEVC:
            left = _check_hevc(source, start, start + length, _length_size(source, tables, number), left)
        else:
            left = _check_av1(source, start, start + length, left)


def _length_size(source: WholeFile, tables: ItemTables, number: int) -> int:
    """How many bytes tell the length of an HEVC unit (ISO/IEC 14496-15, 8.3.3.1.2: lengthSizeMinusOne); 0 if not told."""
    for index in tables.associations.get(number, ()):
        box = tables.properties[index - 1] if 1 <= index <= len(tables.properties) else None
        if box is not None and box.kind == b"hvcC":
            data = content(source, box)
            return (data[21] & 3) + 1 if len(data) > 21 else 0
    return 0


def _check_hevc(source: WholeFile, start: int, end: int, size: int, left: int) -> int:
    """Step over units with their lengths before them; how many more may be looked at."""
    while size and left > 0 and start + size <= end:
        length = int.from_bytes(source.peek(start, size), "big")
        # No unit is shorter than its header of two bytes, and zeros are what a broken download leaves.
        sound = length >= 2 and start + size + length <= end
        start += size + length
        left -= 1
        if not sound:
            raise source.damaged("its picture data do not consist of units")
    return left


def _check_av1(source: WholeFile, start: int, end: int, left: int) -> int:
    """Step over open bitstream units (AV1, 5.3); how many more may be looked at."""
    while left > 0 and start < end:
        head = source.peek(start, 10)
        # The highest bit is forbidden and the type 0 reserved; bit 2 tells of one more byte, and bit 1 of a length, without
        # which the unit is the last.
        if head[0] & 0x80 or not head[0] & 0x78:
            raise source.damaged("its picture data do not consist of units")
        position = 2 if head[0] & 4 else 1
        if not head[0] & 2:
            return left
        length, used = _leb128(head[position:])
        start += position + used + length
        left -= 1
        if start > end:
            raise source.damaged("its picture data do not consist of units")
    return left


def _leb128(data: bytes) -> tuple[int, int]:
    """A number of seven bits a byte, least significant first (AV1, 4.10.5), and how many bytes it takes."""
    number = 0
    for used, byte in enumerate(data[:8], start=1):
        number |= (byte & 0x7F) << 7 * (used - 1)
        if byte < 0x80:
            return number, used
    return number, len(data[:8])
