"""Where a picture was taken, checked for what receivers without a fix and careless programs write."""

from __future__ import annotations

import re

from calotype.domain.picture import GpsPosition
from calotype.imaging import exif as tags
from calotype.imaging.exif import Exif, numbers, text_of
from calotype.imaging.xmp import Xmp

# From the deepest trench to the edge of space, in metres.
_LOWEST, _HIGHEST = -11_000.0, 100_000.0
_XMP_COORDINATE = re.compile(r"\s*(\d{1,3})(?:,(\d{1,2}(?:\.\d+)?))?(?:,(\d{1,2}(?:\.\d+)?))?\s*([NSEW])\s*", re.ASCII)
_FRACTION = re.compile(r"\s*(-?\d{1,12}(?:\.\d{1,12})?)(?:/(\d{1,12}))?\s*", re.ASCII)


def fraction(text: str) -> float | None:
    """A number as XMP writes it, `28/10` or `2.8`; None without sense or with a zero denominator."""
    match = _FRACTION.fullmatch(text)
    if match is None or (match[2] and not int(match[2])):
        return None
    return float(match[1]) / int(match[2] or 1)


def position(exif: Exif, xmp: Xmp) -> GpsPosition | None:
    """The position from EXIF, else from XMP.

    Without a hemisphere, outside the globe, or at exactly 0, 0 (what receivers write without a fix) there is
    none.
    """
    latitude = _exif_coordinate(exif, tags.GPS_LATITUDE, tags.GPS_LATITUDE_REF, "NS", 90)
    longitude = _exif_coordinate(exif, tags.GPS_LONGITUDE, tags.GPS_LONGITUDE_REF, "EW", 180)
    altitude = _exif_altitude(exif)
    if latitude is None or longitude is None:
        latitude = _xmp_coordinate(xmp.first("exif:GPSLatitude"), "NS", 90)
        longitude = _xmp_coordinate(xmp.first("exif:GPSLongitude"), "EW", 180)
        altitude = _xmp_altitude(xmp)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None
    if altitude is not None and not _LOWEST <= altitude <= _HIGHEST:
        altitude = None
    return GpsPosition(latitude, longitude, altitude)


def _exif_coordinate(exif: Exif, value: int, reference: int, letters: str, limit: int) -> float | None:
    parts = numbers(exif.gps.get(value))[:3]
    entry = exif.gps.get(reference)
    letter = text_of(entry).strip()[:1].upper() if entry is not None else ""
    if not parts or parts[0] is None or not letter or letter not in letters:
        return None
    # Minutes and seconds that are missing or 0/0 say that the degrees (or minutes) are all there is.
    return _degrees([part or 0.0 for part in parts], letter, limit)


def _xmp_coordinate(text: str, letters: str, limit: int) -> float | None:
    match = _XMP_COORDINATE.fullmatch(text[:64])
    if match is None or match[4] not in letters:
        return None
    return _degrees([float(match[part] or 0) for part in (1, 2, 3)], match[4], limit)


def _degrees(parts: list[float], letter: str, limit: int) -> float | None:
    degrees = sum(part / 60.0**power for power, part in enumerate(parts))
    if any(part < 0 for part in parts) or any(part > 60 for part in parts[1:]) or degrees > limit:
        return None
    return -degrees if letter in "SW" else degrees


def _exif_altitude(exif: Exif) -> float | None:
    metres = next(iter(numbers(exif.gps.get(tags.GPS_ALTITUDE))), None)
    reference = exif.gps.get(tags.GPS_ALTITUDE_REF)
    # DC-008 makes this a byte; some programs write the digit as text.
    below = reference is not None and reference.data[:1] in {b"\x01", b"1"}
    return -metres if metres is not None and below else metres


def _xmp_altitude(xmp: Xmp) -> float | None:
    metres = fraction(xmp.first("exif:GPSAltitude"))
    return -metres if metres is not None and xmp.first("exif:GPSAltitudeRef").strip() == "1" else metres
