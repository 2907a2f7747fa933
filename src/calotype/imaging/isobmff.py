"""Boxes of the ISO base media file format (ISO/IEC 14496-12) and the items of HEIF (ISO/IEC 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from calotype.imaging.header_source import HeaderSource

_MOST_BOXES = 512
_MOST_ITEMS = 4096
_LARGEST_TABLE = 512 * 1024


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type, and where its content begins and ends in the file, in bytes."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """One HEIF item: its type and, for type `mime`, its content type."""

    kind: bytes
    content_type: str = ""


@dataclass(slots=True)
class ItemTables:
    """What the `meta` box of a HEIF file tells of its items.

    An extent is (offset in the file, length in bytes). `describes` tells of which item another one is the
    metadata.
    """

    primary: int | None = None
    items: dict[int, Item] = field(default_factory=dict)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    properties: list[Box] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    describes: dict[int, int] = field(default_factory=dict)


class Fields:
    """Reads big-endian numbers one after the other from a box; past its end raises ValueError."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def number(self, size: int) -> int:
        """The next unsigned number of `size` bytes; no bytes make 0."""
        end = self.position + size
        if end > len(self.data):
            raise ValueError("the box is too short")
        value = int.from_bytes(self.data[self.position : end], "big")
        self.position = end
        return value

    def word(self) -> str:
        """The next zero-terminated string."""
        end = self.data.find(b"\0", self.position)
        end = len(self.data) if end < 0 else end
        value = self.data[self.position : end].decode("utf-8", "replace")
        self.position = end + 1
        return value


def boxes(source: HeaderSource, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets, at most 512; stops quietly where a size makes no sense."""
    for _ in range(_MOST_BOXES):
        head = source.peek(start, 16) if start + 8 <= end else b""
        if len(head) < 8:
            return
        size = int.from_bytes(head[:4], "big")
        kind, body = head[4:8], start + 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), start + 16
        stop = end if size == 0 else start + size
        if stop < body:
            return
        yield Box(kind, body, min(stop, end))
        start = stop


def find(source: HeaderSource, within: Box, *path: bytes) -> Box | None:
    """The first box at the path below `within`, or None."""
    box: Box | None = within
    for kind in path:
        if box is None:
            return None
        box = next((child for child in boxes(source, box.start, box.end) if child.kind == kind), None)
    return box


def whole(source: HeaderSource) -> Box:
    """The file itself as a box."""
    return Box(b"file", 0, source.size)


def content(source: HeaderSource, box: Box) -> bytes:
    """All bytes of a box that holds a table; larger ones than 512 KiB raise ValueError."""
    if box.end - box.start > _LARGEST_TABLE:
        raise ValueError("the box is too large")
    return source.peek(box.start, box.end - box.start)


def item_tables(source: HeaderSource, meta: Box) -> ItemTables:
    """The tables in a `meta` box; a malformed one raises ValueError."""
    tables = ItemTables()
    idat = 0
    locations: Fields | None = None
    for box in boxes(source, meta.start + 4, meta.end):
        if box.kind == b"pitm":
            fields = Fields(content(source, box))
            tables.primary = fields.number(2 if fields.number(4) >> 24 == 0 else 4)
        elif box.kind == b"iinf":
            _item_infos(source, box, tables)
        elif box.kind == b"iloc":
            locations = Fields(content(source, box))
        elif box.kind == b"idat":
            idat = box.start
        elif box.kind == b"iref":
            _references(source, box, tables)
        elif box.kind == b"iprp":
            _properties(source, box, tables)
    if locations is not None:
        _locations(locations, idat, tables)
    return tables


def _item_infos(source: HeaderSource, box: Box, tables: ItemTables) -> None:
    data = content(source, box)
    version = data[0] if data else 0
    position = 6 if version == 0 else 8
    # Items are many (a tile each), so they are stepped through in memory.
    while position + 8 <= len(data) and len(tables.items) < _MOST_ITEMS:
        size = int.from_bytes(data[position : position + 4], "big")
        if size < 8:
            return
        if data[position + 4 : position + 8] == b"infe":
            fields = Fields(data[position + 8 : position + size])
            version = fields.number(4) >> 24
            if version >= 2:
                number = fields.number(2 if version == 2 else 4)
                fields.number(2)
                kind = fields.number(4).to_bytes(4, "big")
                fields.word()
                tables.items[number] = Item(kind, fields.word() if kind == b"mime" else "")
        position += size


def _locations(fields: Fields, idat: int, tables: ItemTables) -> None:
    """ISO/IEC 14496-12, 8.11.3: where each item's bytes are; those relative to other items are left out."""
    version = fields.number(4) >> 24
    sizes = fields.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in {1, 2} else 0
    number_size = 4 if version == 2 else 2
    left = _MOST_ITEMS
    for _ in range(min(fields.number(number_size), _MOST_ITEMS)):
        number = fields.number(number_size)
        method = fields.number(2) & 15 if version in {1, 2} else 0
        fields.number(2)
        base = fields.number(base_size) + (idat if method == 1 else 0)
        extents = []
        # Extents may take no bytes at all in this table, so its length does not bound their number.
        count = min(fields.number(2), left)
        left -= count
        for _ in range(count):
            fields.number(index_size)
            offset = fields.number(offset_size)
            extents.append((base + offset, fields.number(length_size)))
        if method == 0 or (method == 1 and idat):
            tables.extents[number] = extents


def _references(source: HeaderSource, iref: Box, tables: ItemTables) -> None:
    size = 2 if source.peek(iref.start, 1) == b"\0" else 4
    for box in boxes(source, iref.start + 4, iref.end):
        if box.kind == b"cdsc":
            fields = Fields(content(source, box))
            number = fields.number(size)
            if fields.number(2):
                tables.describes.setdefault(number, fields.number(size))


def _properties(source: HeaderSource, iprp: Box, tables: ItemTables) -> None:
    for box in boxes(source, iprp.start, iprp.end):
        if box.kind == b"ipco":
            tables.properties = list(boxes(source, box.start, box.end))
        elif box.kind == b"ipma":
            _associations(Fields(content(source, box)), tables)


def _associations(fields: Fields, tables: ItemTables) -> None:
    flags = fields.number(4)
    number_size = 2 if flags >> 24 == 0 else 4
    wide = bool(flags & 1)
    for _ in range(min(fields.number(4), _MOST_ITEMS)):
        number = fields.number(number_size)
        indices = [fields.number(2) & 0x7FFF if wide else fields.number(1) & 0x7F for _ in range(fields.number(1))]
        tables.associations.setdefault(number, indices)
