"""A file seen through a bounded number of reads, so that a hostile header costs no more than others."""

from __future__ import annotations

from collections.abc import Callable

from calotype.domain.errors import UndecodablePicture

ReadAt = Callable[[int, int], bytes]
BLOCK = 16 * 1024
_STEP = 8
_STEPS = 200_000


class HeaderSource:
    """Reads through `read_at(offset, length)` in cached blocks of 16 KiB, up to `blocks` of them.

    `size` is the length of the file in bytes, `name` what the file is called in reasons ("the JPEG ends
    before ..."); `exhausted` tells whether the bound was hit.
    """

    def __init__(self, read_at: ReadAt, size: int, name: str, blocks: int = 64) -> None:
        self.size = size
        self.name = name
        self.exhausted = False
        self._left = blocks
        self._read_at = read_at
        self._cache: dict[int, bytes] = {}

    def peek(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, as many as there are; past the bound UndecodablePicture."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        end = min(offset + length, self.size)
        first = offset // BLOCK
        last = (end - 1) // BLOCK
        if first == last:
            start = first * BLOCK
            return self._block(first)[offset - start : end - start]
        if last - first >= self._left + len(self._cache):
            raise self._too_far()
        joined = b"".join(self._block(number) for number in range(first, last + 1))
        return joined[offset - first * BLOCK : end - first * BLOCK]

    def read(self, offset: int, length: int, what: str) -> bytes:
        """Exactly `length` bytes at `offset`; where there are fewer, UndecodablePicture names `what`."""
        data = self.peek(offset, length)
        if len(data) < length:
            raise UndecodablePicture(f"the {self.name} ends before {what}")
        return data

    def fault(self, reason: str) -> UndecodablePicture:
        """A refusal that begins with the file's name: `fault("has no pages")`."""
        return UndecodablePicture(f"the {self.name} {reason}")

    def _too_far(self) -> UndecodablePicture:
        self.exhausted = True
        return self.fault("spreads its header over more of the file than is searched")

    def _block(self, number: int) -> bytes:
        block = self._cache.get(number)
        if block is None:
            if self._left <= 0:
                raise self._too_far()
            self._left -= 1
            start = number * BLOCK
            block = self._read_at(start, min(BLOCK, self.size - start))
            self._cache[number] = block
        return block


class SourceAtHand(HeaderSource):
    """A file in memory or mapped, where a read of a few bytes is no block: chunks are walked along however long the file is.

    After `_STEPS` such reads, more than there are chunks in real files, they count as others do.
    """

    _left_steps = _STEPS

    def peek(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, as many as there are; past the bound UndecodablePicture."""
        if not 0 < length <= _STEP or not 0 <= offset < self.size or self._left_steps <= 0:
            return super().peek(offset, length)
        self._left_steps -= 1
        return self._read_at(offset, min(length, self.size - offset))
