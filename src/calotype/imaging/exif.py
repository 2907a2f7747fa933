"""The EXIF tags that Calotype uses, read from a TIFF stream of hostile origin (CIPA DC-008)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

from calotype.imaging.tiff import (
    EXIF_IFD,
    GPS_IFD,
    Directory,
    Entry,
    Layout,
    Peek,
    read_directory,
    read_layout,
)

DESCRIPTION, MAKE, MODEL, ORIENTATION, DATE_TIME = 0x010E, 0x010F, 0x0110, 0x0112, 0x0132
RATING, RATING_PERCENT, XP_TITLE, XP_KEYWORDS = 0x4746, 0x4749, 0x9C9B, 0x9C9E
EXPOSURE_TIME, F_NUMBER, SHUTTER, APERTURE, FOCAL_LENGTH = 0x829A, 0x829D, 0x9201, 0x9202, 0x920A
ISO, STANDARD_SENSITIVITY, EXPOSURE_INDEX, ISO_SPEED = 0x8827, 0x8831, 0x8832, 0x8833
DATE_ORIGINAL, DATE_DIGITIZED = 0x9003, 0x9004
OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9010, 0x9011, 0x9012
SUBSECOND, SUBSECOND_ORIGINAL, SUBSECOND_DIGITIZED = 0x9290, 0x9291, 0x9292
USER_COMMENT, LENS_MODEL = 0x9286, 0xA434
GPS_LATITUDE_REF, GPS_LATITUDE, GPS_LONGITUDE_REF, GPS_LONGITUDE = 1, 2, 3, 4
GPS_ALTITUDE_REF, GPS_ALTITUDE, GPS_TIME, GPS_DATE = 5, 6, 7, 29

# Scanners and RAW formats after TIFF/EP write tags of the EXIF directory into the main one: both count.
_SHARED = frozenset({
    EXPOSURE_TIME, F_NUMBER, SHUTTER, APERTURE, FOCAL_LENGTH, ISO, STANDARD_SENSITIVITY, EXPOSURE_INDEX, ISO_SPEED,
    DATE_ORIGINAL, DATE_DIGITIZED, OFFSET, OFFSET_ORIGINAL, OFFSET_DIGITIZED,
    SUBSECOND, SUBSECOND_ORIGINAL, SUBSECOND_DIGITIZED, USER_COMMENT, LENS_MODEL,
})  # fmt: skip
MAIN_TAGS = _SHARED | {
    DESCRIPTION, MAKE, MODEL, ORIENTATION, DATE_TIME, RATING, RATING_PERCENT, XP_TITLE, XP_KEYWORDS,
    EXIF_IFD, GPS_IFD,
}  # fmt: skip
EXIF_TAGS = _SHARED
GPS_TAGS = frozenset({*range(1, 8), GPS_DATE})
_LONGEST_VALUE = 64 * 1024
_CHARSETS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp"}


@dataclass(frozen=True, slots=True)
class Exif:
    """The tags of a picture's main, EXIF and GPS directories; a missing directory is empty."""

    main: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)

    def entry(self, tag: int) -> Entry | None:
        """The tag from the EXIF directory, else from the main one."""
        return self.exif.get(tag) or self.main.get(tag)

    def text(self, tag: int) -> str:
        """A tag of text up to its first zero byte, as UTF-8, else Latin-1; empty where it is missing."""
        entry = self.entry(tag)
        return text_of(entry) if entry is not None else ""

    def wide_text(self, tag: int) -> str:
        """One of Windows' own tags, whose bytes are UTF-16 whatever the order of the stream."""
        entry = self.entry(tag)
        return entry.data.decode("utf-16-le", "replace").split("\0")[0] if entry is not None else ""

    def number(self, tag: int) -> float | None:
        """The first value of a tag as a finite number, or None."""
        return next(iter(numbers(self.entry(tag))), None)


def read_exif(data: bytes) -> Exif:
    """The tags in EXIF data, with or without the mark of JPEG; what cannot be read is left out."""
    if data.startswith(b"Exif\0"):
        data = data[6:]
    return read_directories(lambda offset, length: data[offset : offset + length])


def read_directories(peek: Peek) -> Exif:
    """The tags of a TIFF stream that is read through `peek(offset, length)`."""
    layout = read_layout(peek(0, 16))
    if layout is None:
        return Exif()
    main = _directory(peek, layout, layout.first, MAIN_TAGS)
    exif = _pointed(peek, layout, main.get(EXIF_IFD), EXIF_TAGS)
    gps = _pointed(peek, layout, main.get(GPS_IFD), GPS_TAGS)
    return Exif(main, exif, gps)


def text_of(entry: Entry) -> str:
    """The text of a tag up to its first zero byte, as UTF-8, else Latin-1."""
    data = entry.data.split(b"\0", 1)[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def numbers(entry: Entry | None) -> tuple[float | None, ...]:
    """The values of a tag as finite numbers; the ones that are none (a zero denominator) are None."""
    if entry is None:
        return ()
    try:
        values = entry.numbers()
    except struct.error:
        return ()
    return tuple(value if value is not None and math.isfinite(value) else None for value in values)


def comment_of(entry: Entry | None) -> str:
    """A UserComment, decoded by the character code in its first eight bytes (DC-008, table 9).

    Unicode without a byte order mark is read in the order in which more of its bytes make sense: writers
    disagree whether it follows the stream.
    """
    if entry is None or len(entry.data) <= 8:
        return ""
    body = entry.data[8:]
    charset = _CHARSETS.get(entry.data[:8].upper(), "")
    if charset == "utf-16":
        if body[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
            big = body[::2].count(0) > body[1::2].count(0)
            charset = "utf-16-be" if big else "utf-16-le"
        return body.decode(charset, "replace").split("\0")[0]
    if charset == "iso2022_jp":
        return body.decode(charset, "ignore")
    return text_of(Entry(entry.order, entry.kind, entry.count, body))


def _pointed(peek: Peek, layout: Layout, pointer: Entry | None, wanted: frozenset[int]) -> Directory:
    offset = next(iter(pointer.integers()), 0) if pointer is not None else 0
    return _directory(peek, layout, offset, wanted) if offset else {}


def _directory(peek: Peek, layout: Layout, offset: int, wanted: frozenset[int]) -> Directory:
    found = read_directory(peek, layout, offset, wanted, _LONGEST_VALUE)
    return found[0] if found is not None else {}
