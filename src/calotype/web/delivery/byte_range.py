"""The `Range` header, as far as it is useful: one range of bytes (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` up to, not including, `end`."""

    start: int
    end: int


class UnsatisfiableRange(Exception):
    """The range begins behind the end of the object."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range asked for; None when the whole object should be sent, as for several ranges or a malformed header.

    Raises UnsatisfiableRange.
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        if _number(last) == 0 or size == 0:
            raise UnsatisfiableRange
        return ByteRange(max(0, size - _number(last)), size)
    start = _number(first)
    if last and _number(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableRange
    return ByteRange(start, min(size, _number(last) + 1) if last else size)


def _number(digits: str) -> int:
    # Twenty digits are more than any size; turning thousands of them into a number would only take time.
    return int(digits.lstrip("0")[:20] or "0")
