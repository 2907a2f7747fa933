"""Directories of tags as TIFF, EXIF and most camera RAW files hold them (TIFF 6.0, BigTIFF, DC-008)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Peek = Callable[[int, int], bytes]
Directory = Mapping[int, "Entry"]

SUB_IFDS, EXIF_IFD, GPS_IFD = 0x014A, 0x8769, 0x8825
_WIDTHS = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_CODES = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    8: "h",
    9: "i",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_RATIONAL, _SIGNED_RATIONAL = 5, 10
_MOST_ENTRIES = 1000
_MOST_NUMBERS = 64
# 42 is TIFF and 43 BigTIFF; the others are the marks of Olympus ("RO", "RS") and Panasonic RAW files.
_MAGIC = frozenset({42, 43, 0x4F52, 0x5352, 0x55})


@dataclass(frozen=True, slots=True)
class Layout:
    """How a TIFF stream is written: `order` is "<" or ">", `first` the offset of its first directory."""

    order: str
    big: bool
    first: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag's value as stored, in the byte order of its stream; `count` is the number of values."""

    order: str
    kind: int
    count: int
    data: bytes

    def numbers(self) -> tuple[float | None, ...]:
        """Up to 64 values as numbers; rationals without a denominator are None, text has no numbers."""
        count = min(self.count, _MOST_NUMBERS)
        if self.kind in {_RATIONAL, _SIGNED_RATIONAL}:
            code = "I" if self.kind == _RATIONAL else "i"
            parts = struct.unpack_from(f"{self.order}{2 * count}{code}", self.data)
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return tuple(over / under if under else None for over, under in pairs)
        code = _CODES.get(self.kind, "")
        return struct.unpack_from(f"{self.order}{count}{code}", self.data) if code else ()

    def integers(self, most: int = _MOST_NUMBERS) -> tuple[int, ...]:
        """Up to `most` values of a whole-numbered type; other types have none."""
        if self.kind in {2, 5, 7, 10, 11, 12} or self.kind not in _CODES:
            return ()
        count = min(self.count, most)
        return struct.unpack_from(f"{self.order}{count}{_CODES[self.kind]}", self.data)


def read_layout(head: bytes) -> Layout | None:
    """How the stream that begins with these 16 bytes is written, or None where it is no TIFF."""
    if len(head) < 8 or head[:2] not in {b"II", b"MM"}:
        return None
    order = "<" if head[:2] == b"II" else ">"
    magic, first = struct.unpack_from(order + "HI", head, 2)
    if magic not in _MAGIC:
        return None
    if magic != 43:
        return Layout(order, False, first)
    width, zero, first = struct.unpack_from(order + "HHQ", head.ljust(16, b"\0"), 4)
    return Layout(order, True, first) if (width, zero) == (8, 0) else None


def read_directory(
    peek: Peek, layout: Layout, offset: int, wanted: frozenset[int], largest: int = 4096
) -> tuple[dict[int, Entry], int] | None:
    """The wanted tags of the directory at `offset`, and the offset of the next one (0: none).

    None stands for a directory that is cut off or makes no sense. Values of an unknown type, longer than `largest` bytes, or
    outside the stream are left out. Of a tag that is written twice the first counts, as in most readers.
    """
    read = _records(peek, layout, offset)
    if read is None:
        return None
    records, after = read
    found: dict[int, Entry] = {}
    for tag, kind, number, inline in records:
        if tag in wanted and tag not in found:
            entry = _entry(peek, layout, kind, number, inline, largest)
            if entry is not None:
                found[tag] = entry
    return found, after


def value_places(peek: Peek, layout: Layout, offset: int, wanted: frozenset[int]) -> list[tuple[int, int]]:
    """Where the wanted values lie that the directory at `offset` does not hold itself, as (offset, length in bytes).

    Those outside the stream are among them; a directory that makes no sense has none.
    """
    read = _records(peek, layout, offset)
    if read is None:
        return []
    places = []
    for tag, kind, number, inline in read[0]:
        size = _WIDTHS.get(kind, 0) * number
        if tag in wanted and size > len(inline):
            places.append((_number(layout, inline), size))
    return places


def directory_size(peek: Peek, layout: Layout, offset: int) -> int:
    """How many bytes the directory at `offset` takes, without the offset of the next; 2 where it makes no sense."""
    head_size, entry_size = _sizes(layout)
    count = _number(layout, peek(offset, head_size))
    return head_size + count * entry_size if count <= _MOST_ENTRIES else 2


def write_directories(order: str, main: Directory, exif: Directory, gps: Directory) -> bytes:
    """A small TIFF stream of the three directories, for files whose tags are spread over many megabytes."""
    main = {tag: entry for tag, entry in main.items() if tag not in {EXIF_IFD, GPS_IFD}}
    pointers = [(tag, part) for tag, part in ((EXIF_IFD, exif), (GPS_IFD, gps)) if part]
    mark = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    body, links = _write(order, main, 8, [tag for tag, _ in pointers])
    out = bytearray(mark + body)
    for tag, part in pointers:
        struct.pack_into(order + "I", out, links[tag], len(out))
        out += _write(order, part, len(out), [])[0]
    return bytes(out)


def _records(peek: Peek, layout: Layout, offset: int) -> tuple[Iterable[tuple[int, int, int, bytes]], int] | None:
    """The rows (tag, type, number of values, value or its offset) of a directory and the offset of the next one."""
    head_size, entry_size = _sizes(layout)
    head = peek(offset, head_size)
    if len(head) < head_size:
        return None
    count = _number(layout, head)
    if not 1 <= count <= _MOST_ENTRIES:
        return None
    table = peek(offset + head_size, count * entry_size + (8 if layout.big else 4))
    size = count * entry_size
    if len(table) < size:
        return None
    record = struct.Struct(layout.order + ("HHQ8s" if layout.big else "HHI4s"))
    # Some writers leave the offset of the next directory out at the end of the stream.
    return record.iter_unpack(table[:size]), _number(layout, table[size:])


def _sizes(layout: Layout) -> tuple[int, int]:
    """The bytes of a directory's count and of each of its rows."""
    return (8, 20) if layout.big else (2, 12)


def _number(layout: Layout, data: bytes) -> int:
    return int.from_bytes(data, "little" if layout.order == "<" else "big")


def _entry(peek: Peek, layout: Layout, kind: int, count: int, inline: bytes, largest: int) -> Entry | None:
    width = _WIDTHS.get(kind)
    if width is None or not count or count * width > largest:
        return None
    size = count * width
    if size > len(inline):
        inline = peek(_number(layout, inline), size)
        if len(inline) < size:
            return None
    return Entry(layout.order, kind, count, inline[:size])


def _write(order: str, tags: Directory, offset: int, links: Iterable[int]) -> tuple[bytes, dict[int, int]]:
    """One directory at `offset` with an empty pointer for each link, and where those pointers lie."""
    rows = {**tags, **{tag: Entry(order, 4, 1, b"\0\0\0\0") for tag in links}}
    table = bytearray(struct.pack(order + "H", len(rows)))
    values = bytearray()
    places: dict[int, int] = {}
    behind = offset + 2 + 12 * len(rows) + 4
    for tag in sorted(rows):
        entry = rows[tag]
        table += struct.pack(order + "HHI", tag, entry.kind, entry.count)
        if tag in links:
            places[tag] = offset + len(table)
        if len(entry.data) <= 4:
            table += entry.data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", behind + len(values))
            values += entry.data + b"\0" * (len(entry.data) & 1)
    return bytes(table) + b"\0\0\0\0" + bytes(values), places
