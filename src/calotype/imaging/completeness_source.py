"""A whole file at hand: the bounded reader of headers without its bound, and with searches and checksums."""

from __future__ import annotations

import mmap
import re
import zlib

from calotype.domain.errors import IncompletePicture
from calotype.imaging.header_source import HeaderSource

Buffer = bytes | bytearray | memoryview | mmap.mmap


class WholeFile(HeaderSource):
    """The bytes of a file in memory or mapped, read anywhere at no cost; every refusal is an IncompletePicture.

    No view of the buffer outlives a call, so a mapping can be closed at any time, also while a refusal is handled.
    """

    def __init__(self, data: Buffer, name: str) -> None:
        super().__init__(lambda offset, length: bytes(data[offset : offset + length]), len(data), name)
        self.data = data

    def peek(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, as many as there are."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        return bytes(self.data[offset : offset + length])

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Exactly `length` bytes at `offset`; where there are fewer, IncompletePicture names `what`."""
        data = self.peek(offset, length)
        if len(data) < length:
            raise IncompletePicture(f"the {self.name} ends before {what}")
        return data

    def fault(self, reason: str) -> IncompletePicture:
        """A refusal that begins with the file's name: `fault("has no pages")`."""
        return IncompletePicture(f"the {self.name} {reason}")

    def cut(self) -> IncompletePicture:
        """The refusal of a file whose end is missing."""
        return self.fault("ends in the middle of the picture")

    def damaged(self, reason: str) -> IncompletePicture:
        """The refusal of a file whose bytes were changed: `damaged("a checksum does not fit")`."""
        return self.fault(f"is damaged: {reason}")

    def need(self, offset: int, length: int) -> None:
        """Raise the refusal of a cut file unless it has `length` bytes at `offset`."""
        if offset + length > self.size:
            raise self.cut()

    def search(self, pattern: re.Pattern[bytes], start: int) -> re.Match[bytes] | None:
        """The first match at or after `start`."""
        return pattern.search(self.data, start)

    def match(self, pattern: re.Pattern[bytes], start: int) -> re.Match[bytes] | None:
        """The match that begins at `start`."""
        return pattern.match(self.data, start)

    def crc32(self, start: int, end: int) -> int:
        """The CRC-32 of the bytes between two offsets."""
        return zlib.crc32(memoryview(self.data)[start:end])
