"""The IPTC fields that Calotype uses (IPTC-NAA Information Interchange Model, version 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_MARK = 0x1C
_ENVELOPE, _APPLICATION = 1, 2
_CHARSET, _TITLE, _KEYWORD, _DATE, _TIME, _CAPTION = 90, 5, 25, 55, 60, 120
_UTF8 = b"\x1b%G"
_IIM_RESOURCE = 0x0404
_MOST_RECORDS = 2000


@dataclass(frozen=True, slots=True)
class Iptc:
    """Fields as text: `date` is CCYYMMDD and `time` HHMMSS±HHMM, as stored; what is missing is empty."""

    title: str = ""
    caption: str = ""
    date: str = ""
    time: str = ""
    keywords: tuple[str, ...] = ()


def iim_of_resources(data: bytes) -> bytes:
    """The IPTC records in a block of Photoshop resources (`8BIM`, number 0404); empty without any."""
    position = max(data.find(b"8BIM"), 0)
    for _ in range(_MOST_RECORDS):
        if data[position : position + 4] != b"8BIM" or position + 12 > len(data):
            return b""
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        # The name is a counted string, padded to an even length together with its count.
        name = (data[position + 6] + 2) & ~1
        start = position + 6 + name + 4
        size = int.from_bytes(data[start - 4 : start], "big")
        if number == _IIM_RESOURCE:
            return data[start : start + size]
        position = start + size + (size & 1)
    return b""


def read_iptc(data: bytes) -> Iptc:
    """The fields in IPTC records, bare or among Photoshop's resources; a malformed one ends the reading."""
    if data.startswith((b"8BIM", b"Photoshop 3.0\0")):
        data = iim_of_resources(data)
    fields: dict[int, bytes] = {}
    keywords: list[bytes] = []
    encoding = ""
    for record, number, value in _records(data):
        if (record, number) == (_ENVELOPE, _CHARSET):
            encoding = "utf-8" if value.startswith(_UTF8) else ""
        elif record == _APPLICATION and number == _KEYWORD:
            keywords.append(value)
        elif record == _APPLICATION:
            fields.setdefault(number, value)
    return Iptc(
        title=_text(fields.get(_TITLE, b""), encoding),
        caption=_text(fields.get(_CAPTION, b""), encoding),
        date=_text(fields.get(_DATE, b""), encoding),
        time=_text(fields.get(_TIME, b""), encoding),
        keywords=tuple(_text(keyword, encoding) for keyword in keywords),
    )


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    for _ in range(_MOST_RECORDS):
        if position + 5 > len(data) or data[position] != _MARK:
            return
        length = int.from_bytes(data[position + 3 : position + 5], "big")
        start = position + 5
        # With the highest bit set, the length is itself the length of a longer length.
        if length & 0x8000:
            wide = length & 0x7FFF
            if wide > 4:
                return
            length = int.from_bytes(data[start : start + wide], "big")
            start += wide
        yield data[position + 1], data[position + 2], data[start : start + length]
        position = start + length


def _text(value: bytes, encoding: str) -> str:
    """The text of a record; many writers use UTF-8 without saying so, and little else is valid UTF-8."""
    if encoding:
        return value.decode(encoding, "replace")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
