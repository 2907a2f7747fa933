"""A ZIP file as it is sent: each part as bytes, in order, without ever going back.

After APPNOTE 6.3.10 of PKWARE. Entries whose bytes are known beforehand tell size and checksum in front of them, so that they
can be read from a pipe as well; those that are made as they are sent are deflated and tell both behind them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_DESCRIPTOR_64 = struct.Struct("<4sIQQ")
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_FOLLOWS = 0x0008  # size and checksum stand behind the bytes
_PLAIN_VERSION, _LARGE_VERSION = 20, 45
_MADE_BY_UNIX = 3 << 8
_READABLE_FILE = 0o100644 << 16
_LEVEL = 6
_AT_ONCE = 1000  # entries of the directory


class ZipWriter:
    """Makes the parts of one ZIP file; whoever uses it sends them in the order made.

    Names are ASCII, relative and given once; times are aware and stand in the file as UTC.
    """

    def __init__(self) -> None:
        self._offset = 0
        self._directory: list[bytes] = []

    def stored(self, name: str, size: int, crc: int, modified: datetime) -> bytes:
        """What comes before the bytes of an entry that is not compressed; exactly `size` bytes must follow."""
        return self._known(name, _STORED, size, size, crc, modified)

    def whole(self, name: str, data: bytes, modified: datetime) -> bytes:
        """A small entry with all its bytes, deflated."""
        packer = _deflate()
        packed = packer.compress(data) + packer.flush()
        return self._known(name, _DEFLATED, len(data), len(packed), zlib.crc32(data), modified) + packed

    def growing(self, name: str, modified: datetime) -> GrowingEntry:
        """An entry that is deflated as it is made; nothing else may be sent before it is finished."""
        return GrowingEntry(self, name, modified)

    def end(self) -> Iterator[bytes]:
        """The directory, which makes the file whole: without it, nobody takes the file for a ZIP."""
        start, count = self._offset, len(self._directory)
        for first in range(0, count, _AT_ONCE):
            part = b"".join(self._directory[first : first + _AT_ONCE])
            self._offset += len(part)
            yield part
        size = self._offset - start
        if count >= _FULL_16 or size >= _FULL_32 or start >= _FULL_32:
            yield _END_64.pack(
                b"PK\x06\x06", 44, _MADE_BY_UNIX | _LARGE_VERSION, _LARGE_VERSION, 0, 0, count, count, size, start
            )
            yield _LOCATOR_64.pack(b"PK\x06\x07", 0, self._offset, 1)
        count, size, start = min(count, _FULL_16), min(size, _FULL_32), min(start, _FULL_32)
        yield _END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, 0)

    def _known(self, name: str, method: int, size: int, packed: int, crc: int, modified: datetime) -> bytes:
        large = max(size, packed) >= _FULL_32
        header = self.begin(name, method, 0, (_FULL_32, _FULL_32) if large else (packed, size), crc, modified)
        extra = _extra(size, packed) if large else b""
        start = self._offset
        self._offset += len(header) + len(extra) + packed
        self.enter(name, method, 0, size, packed, crc, modified, start)
        return header + extra

    def begin(self, name: str, method: int, flags: int, sizes: tuple[int, int], crc: int, modified: datetime) -> bytes:
        """The header in front of an entry, without its extra field; `sizes` are the packed and the plain one."""
        encoded = name.encode("ascii")
        large = sizes == (_FULL_32, _FULL_32)
        version = _LARGE_VERSION if large else _PLAIN_VERSION
        time, date = _dos(modified)
        length = len(_extra(0, 0)) if large else 0
        return (
            _LOCAL.pack(b"PK\x03\x04", version, flags, method, time, date, crc, *sizes, len(encoded), length) + encoded
        )

    def enter(
        self, name: str, method: int, flags: int, size: int, packed: int, crc: int, modified: datetime, start: int
    ) -> None:
        """Put an entry that begins at `start` into the directory."""
        encoded = name.encode("ascii")
        extra = _extra(*(number for number in (size, packed, start) if number >= _FULL_32))
        version = _LARGE_VERSION if extra or flags & _FOLLOWS else _PLAIN_VERSION
        time, date = _dos(modified)
        small = [min(number, _FULL_32) for number in (packed, size, start)]
        record = _CENTRAL.pack(
            b"PK\x01\x02", _MADE_BY_UNIX | version, version, flags, method, time, date, crc, small[0], small[1],
            len(encoded), len(extra), 0, 0, 0, _READABLE_FILE, small[2],
        )  # fmt: skip
        self._directory.append(record + encoded + extra)

    @property
    def offset(self) -> int:
        """How many bytes have been made so far, those of stored entries included."""
        return self._offset

    def advance(self, count: int) -> None:
        """Count bytes of an entry that makes its own."""
        self._offset += count


class GrowingEntry:
    """One entry while it is made."""

    def __init__(self, writer: ZipWriter, name: str, modified: datetime) -> None:
        self._writer = writer
        self._name = name
        self._modified = modified
        self._packer = _deflate()
        self._start = writer.offset
        self._crc = self._size = self._packed = 0

    def begin(self) -> bytes:
        """What comes first; the sizes have 64 bits, since nobody knows yet what they will be."""
        header = self._writer.begin(self._name, _DEFLATED, _FOLLOWS, (_FULL_32, _FULL_32), 0, self._modified)
        header += _extra(0, 0)
        self._writer.advance(len(header))
        return header

    def add(self, data: bytes) -> bytes:
        """The next bytes, packed; often none yet."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        return self._count(self._packer.compress(data))

    def finish(self) -> bytes:
        """The rest, with size and checksum."""
        rest = self._count(self._packer.flush())
        end = _DESCRIPTOR_64.pack(b"PK\x07\x08", self._crc, self._packed, self._size)
        self._writer.advance(len(end))
        self._writer.enter(
            self._name, _DEFLATED, _FOLLOWS, self._size, self._packed, self._crc, self._modified, self._start
        )
        return rest + end

    def _count(self, packed: bytes) -> bytes:
        self._packed += len(packed)
        self._writer.advance(len(packed))
        return packed


def _deflate() -> zlib._Compress:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)


def _extra(*numbers: int) -> bytes:
    """The extra field with those numbers that do not fit into 32 bits (APPNOTE 4.5.3)."""
    return struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def _dos(moment: datetime) -> tuple[int, int]:
    """Time and date of MS-DOS, which know the years 1980 to 2107 and every other second."""
    there = moment.astimezone(UTC)
    if not 1980 <= there.year <= 2107:
        there = datetime(1980 if there.year < 1980 else 2107, 1, 1, tzinfo=UTC)
    time = there.hour << 11 | there.minute << 5 | there.second // 2
    return time, (there.year - 1980) << 9 | there.month << 5 | there.day
