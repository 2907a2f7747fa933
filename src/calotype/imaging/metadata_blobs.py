"""The EXIF, XMP and IPTC data of a picture file, cut out of its container without decoding a pixel."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from calotype.domain.errors import UndecodablePicture
from calotype.imaging import header_jpeg, header_png, header_webp
from calotype.imaging.exif import Exif, read_directories
from calotype.imaging.header_jxl import CONTAINER
from calotype.imaging.header_raw import preview_of_raf, tags_of_cr3
from calotype.imaging.header_source import HeaderSource, ReadAt, SourceAtHand
from calotype.imaging.iptc import iim_of_resources
from calotype.imaging.isobmff import ItemTables, boxes, find, item_tables, whole
from calotype.imaging.tiff import Entry, read_directory, read_layout, write_directories

_BLOCKS = 256
_LARGEST = 1024 * 1024
_APP1, _APP13 = 0xE1, 0xED
_EXIF_MARK, _XMP_MARK = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"
_RESOURCE_MARK = b"Photoshop 3.0\0"
_XMP_TAG, _IPTC_TAG, _RESOURCE_TAG = 0x02BC, 0x83BB, 0x8649
_BLOB_TAGS = frozenset({_XMP_TAG, _IPTC_TAG, _RESOURCE_TAG})
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_PROFILE_KEYWORD = b"Raw profile type "
_XMP_TYPE = "application/rdf+xml"


@dataclass(frozen=True, slots=True)
class MetadataBlobs:
    """The metadata of a file: `exif` is a TIFF stream, `xmp` a packet, `iptc` IIM records, or None."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


def extract_blobs(read_at: ReadAt, size: int, format: str, *, at_hand: bool = False) -> MetadataBlobs:
    """The metadata in a file of this format, of `size` bytes.

    `read_at(offset, length)` gives up to `length` bytes. At most 4 MiB are read, and no part is larger than 1 MiB. Never raises:
    what cannot be read is None. Of files that are a TIFF stream themselves, the EXIF part is a small copy of the tags that
    Calotype uses. Of a file `at_hand`, where reads cost nothing, the heads of many chunks more are read: behind the picture data
    of a large PNG or WebP no other way leads.
    """
    source = (SourceAtHand if at_hand else HeaderSource)(read_at, size, format.upper(), _BLOCKS)
    parts = _Parts()
    # The parts found before a fault are as good as those of a sound file.
    with contextlib.suppress(UndecodablePicture, ArithmeticError, LookupError, ValueError, struct.error, zlib.error):
        _EXTRACTORS.get(format, _nothing)(source, parts)
    return MetadataBlobs(parts.exif or None, parts.xmp or None, parts.iptc or None)


class _Parts:
    """What has been found so far; the first part of each kind counts."""

    def __init__(self) -> None:
        self.exif = b""
        self.xmp = b""
        self.iptc = b""

    def add_exif(self, data: bytes) -> None:
        """EXIF data, with or without the mark that JPEG puts before it."""
        self.exif = self.exif or (data[6:] if data.startswith(_EXIF_MARK) else data)

    def add_xmp(self, data: bytes) -> None:
        """An XMP packet."""
        self.xmp = self.xmp or data


def _nothing(_source: HeaderSource, _parts: _Parts) -> None:
    """Formats without metadata of these kinds."""


def _jpeg(source: HeaderSource, parts: _Parts, start: int = 0) -> None:
    resources = b""
    try:
        for marker, position, length in header_jpeg.segments(source, start):
            if marker == _APP1:
                mark = source.peek(position, len(_XMP_MARK))
                if mark.startswith(_EXIF_MARK) and not parts.exif:
                    parts.add_exif(source.peek(position, length))
                elif mark == _XMP_MARK:
                    parts.add_xmp(source.peek(position + len(mark), length - len(mark)))
            elif marker == _APP13 and source.peek(position, len(_RESOURCE_MARK)) == _RESOURCE_MARK:
                # Resources longer than a segment go on in the next one.
                resources += source.peek(position, length)[len(_RESOURCE_MARK) :]
    finally:
        parts.iptc = iim_of_resources(resources)


def _png(source: HeaderSource, parts: _Parts) -> None:
    for kind, position, length in header_png.chunks(source):
        if length > _LARGEST:
            continue
        if kind == b"eXIf":
            parts.add_exif(source.peek(position, length))
        elif kind in {b"iTXt", b"zTXt", b"tEXt"}:
            _png_text(kind, source.peek(position, length), parts)


def _png_text(kind: bytes, data: bytes, parts: _Parts) -> None:
    """XMP of its own keyword, or a profile that ImageMagick wrote as text."""
    keyword, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and keyword == _XMP_KEYWORD and len(rest) > 2:
        # Behind the two bytes of the compression come a language and a translated keyword.
        text = rest[2:].split(b"\0", 2)[-1]
        parts.add_xmp(_inflate(text) if rest[0] else text)
    elif keyword.startswith(_PROFILE_KEYWORD):
        text = _inflate(rest[1:]) if kind == b"zTXt" else rest
        _profile(keyword.removeprefix(_PROFILE_KEYWORD).lower(), text, parts)


def _profile(name: bytes, text: bytes, parts: _Parts) -> None:
    """A profile as text: its name, its length, and its bytes in hexadecimal."""
    fields = text.split(maxsplit=2)
    data = bytes.fromhex(fields[2].decode("ascii", "replace")) if len(fields) == 3 else b""
    if name == b"xmp" or data.startswith(_XMP_MARK):
        parts.add_xmp(data.removeprefix(_XMP_MARK))
    elif name in {b"exif", b"app1"} and data.startswith((_EXIF_MARK, b"II", b"MM")):
        parts.add_exif(data)
    elif name in {b"iptc", b"8bim"}:
        parts.iptc = parts.iptc or iim_of_resources(data)


def _inflate(data: bytes) -> bytes:
    """At most 1 MiB of what the data unpacks to, however much there is."""
    return zlib.decompressobj().decompress(data, _LARGEST)


def _webp(source: HeaderSource, parts: _Parts) -> None:
    for kind, position, length in header_webp.chunks(source):
        if length > _LARGEST:
            continue
        if kind == b"EXIF":
            parts.add_exif(source.peek(position, length))
        elif kind == b"XMP ":
            parts.add_xmp(source.peek(position, length))


def _tiff(source: HeaderSource, parts: _Parts) -> None:
    layout = read_layout(source.peek(0, 16))
    if layout is None:
        return
    parts.add_exif(_repack(layout.order, read_directories(source.peek)))
    found = read_directory(source.peek, layout, layout.first, _BLOB_TAGS, _LARGEST)
    blobs: dict[int, Entry] = found[0] if found is not None else {}
    if _XMP_TAG in blobs:
        parts.add_xmp(blobs[_XMP_TAG].data)
    if _IPTC_TAG in blobs:
        parts.iptc = blobs[_IPTC_TAG].data
    elif _RESOURCE_TAG in blobs:
        parts.iptc = iim_of_resources(blobs[_RESOURCE_TAG].data)


def _repack(order: str, exif: Exif) -> bytes:
    return write_directories(order, exif.main, exif.exif, exif.gps) if exif.main or exif.exif or exif.gps else b""


def _heif(source: HeaderSource, parts: _Parts) -> None:
    meta = find(source, whole(source), b"meta")
    if meta is None:
        return
    tables = item_tables(source, meta)
    numbers = [number for number, item in tables.items.items() if item.kind in {b"Exif", b"mime"}]
    # Gain maps and depth pictures have metadata of their own; what describes the primary picture comes first.
    numbers.sort(key=lambda number: tables.describes.get(number) != tables.primary)
    for number in numbers:
        item = tables.items[number]
        if item.kind == b"Exif" and not parts.exif:
            data = _item(source, tables, number)
            # ISO/IEC 23008-12, A.2.1: four bytes tell how far behind them the TIFF stream begins.
            parts.add_exif(data[4 + int.from_bytes(data[:4], "big") :])
        elif item.content_type == _XMP_TYPE and not parts.xmp:
            parts.add_xmp(_item(source, tables, number))


def _item(source: HeaderSource, tables: ItemTables, number: int) -> bytes:
    data = b""
    for offset, length in tables.extents.get(number, ()):
        # Length 0 stands for the rest of the file, which no metadata is.
        if len(data) + length > _LARGEST:
            return b""
        data += source.peek(offset, length)
    return data


def _jxl(source: HeaderSource, parts: _Parts) -> None:
    if source.peek(0, len(CONTAINER)) != CONTAINER:
        return
    for box in boxes(source, 0, source.size):
        length = box.end - box.start
        if length > _LARGEST:
            continue
        if box.kind == b"Exif":
            data = source.peek(box.start, length)
            parts.add_exif(data[4 + int.from_bytes(data[:4], "big") :])
        elif box.kind == b"xml ":
            parts.add_xmp(source.peek(box.start, length))


def _raf(source: HeaderSource, parts: _Parts) -> None:
    _jpeg(source, parts, preview_of_raf(source))


def _cr3(source: HeaderSource, parts: _Parts) -> None:
    """Canon keeps the main, EXIF and GPS directories in streams of their own."""
    streams = tags_of_cr3(source)
    main, exif, gps = (_first_directory(streams.get(kind, b"")) for kind in (b"CMT1", b"CMT2", b"CMT4"))
    order = next((entry.order for part in (main, exif, gps) for entry in part.values()), "<")
    parts.add_exif(_repack(order, Exif(main, exif, gps)))


def _first_directory(stream: bytes) -> dict[int, Entry]:
    layout = read_layout(stream[:16])
    if layout is None:
        return {}
    everything = frozenset(range(65536))
    found = read_directory(lambda offset, length: stream[offset : offset + length], layout, layout.first, everything)
    return found[0] if found is not None else {}


_EXTRACTORS: dict[str, Callable[[HeaderSource, _Parts], None]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "jxl": _jxl,
    "raf": _raf,
    "cr3": _cr3,
    **dict.fromkeys(("avif", "heic", "heif"), _heif),
    **dict.fromkeys(("arw", "cr2", "dng", "nef", "orf", "pef", "rw2", "srw", "tiff"), _tiff),
}
