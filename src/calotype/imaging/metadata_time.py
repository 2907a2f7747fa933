"""When a picture was taken, from the best of the dates that its metadata holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from calotype.domain.picture import CaptureTime
from calotype.imaging import exif as tags
from calotype.imaging.exif import Exif, numbers, text_of
from calotype.imaging.iptc import Iptc
from calotype.imaging.xmp import Xmp

# Nicéphore Niépce's view from a window, the oldest photograph that is left, is from 1826 or 1827.
_FIRST_YEAR = 1826
_LAST_YEAR = 9000
_FIRST_GPS_YEAR = 1981
_MOST_MINUTES = 14 * 60
_DATE = re.compile(
    r"\s*(\d{4})(?:[:/.-](\d{1,2})(?:[:/.-](\d{1,2})(?:(?:\s+|T)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?)?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?\s*",
    re.ASCII,
)
_OFFSET = re.compile(r"\s*([+\-\u2212])\s*(\d{1,2})(?::?(\d{2}))?\s*", re.ASCII)
_IPTC_DATE = re.compile(r"\s*(\d{4})-?(\d{2})-?(\d{2})\s*", re.ASCII)
_IPTC_TIME = re.compile(r"\s*(\d{2}):?(\d{2}):?(\d{2})\s*([+-]\d{2}:?\d{2}|Z)?\s*", re.ASCII)
# Where clocks are not a whole number of hours from UTC, in minutes: the zones in use.
_PARTS_OF_HOURS = frozenset({-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825})
_STALE_FIX = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall time, and its offset from UTC in minutes where the same value tells it."""

    wall: datetime
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: str
    moment: Moment | None
    offset_source: str


def parse_offset(text: str) -> int | None:
    """Minutes east of UTC from `-05:30`, `+0530`, `+5` or `Z`; None beyond 14 hours or without sense."""
    if text.strip().upper() == "Z":
        return 0
    match = _OFFSET.fullmatch(text.rstrip("\0"))
    if match is None or int(match[3] or 0) > 59:
        return None
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    if minutes > _MOST_MINUTES:
        return None
    return minutes if match[1] == "+" else -minutes


def parse_moment(text: str, subsecond: str = "") -> Moment | None:
    """A moment as EXIF (`2024:02:29 12:00:00`) or XMP (`2024-02-29T12:00:00.5+01:00`) write it, or None.

    Missing parts are the first of their kind (January, the 1st, midnight); `subsecond` are the digits after
    the point.
    """
    match = _DATE.fullmatch(text[:64])
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    wall = _wall(
        int(year),
        int(month or 1),
        int(day or 1),
        (int(hour or 0), int(minute or 0), int(second or 0)),
        fraction or subsecond,
    )
    return None if wall is None else Moment(wall, parse_offset(zone) if zone else None)


def captured(exif: Exif, xmp: Xmp, iptc: Iptc, now: datetime) -> CaptureTime | None:
    """The best plausible date, between the first photograph and a day after `now`; None without one.

    Every date uses its own offset. A date without one takes the difference to the GPS clock, where that is
    plausible.
    """
    satellite = _satellite_time(exif, xmp)
    latest = now.astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    for candidate in _candidates(exif, xmp, iptc, satellite):
        moment = candidate.moment
        if moment is None or not _is_plausible(moment, latest):
            continue
        offset, offset_source = moment.offset, candidate.offset_source
        if offset is None and satellite is not None:
            offset, offset_source = _offset_from_gps(moment.wall, satellite), "gps"
        return CaptureTime(moment.wall, candidate.source, offset, offset_source if offset is not None else None)
    return None


def _candidates(exif: Exif, xmp: Xmp, iptc: Iptc, satellite: datetime | None) -> Iterator[_Candidate]:
    """All dates, the best first."""
    for name, date, subsecond, offset in (
        ("exif:DateTimeOriginal", tags.DATE_ORIGINAL, tags.SUBSECOND_ORIGINAL, tags.OFFSET_ORIGINAL),
        ("exif:DateTimeDigitized", tags.DATE_DIGITIZED, tags.SUBSECOND_DIGITIZED, tags.OFFSET_DIGITIZED),
    ):
        yield _Candidate(name, _exif_moment(exif, date, subsecond, offset), "exif")
    for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"):
        yield _Candidate("xmp:" + name.split(":")[1], parse_moment(xmp.first(name)), "xmp")
    yield _Candidate("iptc:DateCreated", _iptc_moment(iptc), "iptc")
    yield _Candidate("exif:DateTime", _exif_moment(exif, tags.DATE_TIME, tags.SUBSECOND, tags.OFFSET), "exif")
    yield _Candidate("gps:DateStamp", Moment(satellite, 0) if satellite else None, "gps")


def _exif_moment(exif: Exif, date: int, subsecond: int, offset: int) -> Moment | None:
    moment = parse_moment(exif.text(date), exif.text(subsecond).strip())
    if moment is None or moment.offset is not None:
        return moment
    return Moment(moment.wall, parse_offset(exif.text(offset)))


def _iptc_moment(iptc: Iptc) -> Moment | None:
    date = _IPTC_DATE.fullmatch(iptc.date)
    if date is None:
        return None
    time = _IPTC_TIME.fullmatch(iptc.time)
    clock = (int(time[1]), int(time[2]), int(time[3])) if time else (0, 0, 0)
    wall = _wall(int(date[1]), int(date[2]), int(date[3]), clock, "")
    offset = parse_offset(time[4]) if time and time[4] else None
    return None if wall is None else Moment(wall, offset)


def _satellite_time(exif: Exif, xmp: Xmp) -> datetime | None:
    """The time of the GPS clock, in UTC and naive, from EXIF or else from XMP."""
    wall = _exif_satellite_time(exif)
    if wall is None:
        moment = parse_moment(xmp.first("exif:GPSTimeStamp"))
        wall = moment.wall - timedelta(minutes=moment.offset or 0) if moment else None
    return wall if wall is not None and wall.year >= _FIRST_GPS_YEAR else None


def _exif_satellite_time(exif: Exif) -> datetime | None:
    date = exif.gps.get(tags.GPS_DATE)
    moment = parse_moment(text_of(date)) if date is not None else None
    clock = numbers(exif.gps.get(tags.GPS_TIME))
    if moment is None or len(clock) < 3:
        return None
    hour, minute, second = clock[:3]
    if hour is None or minute is None or second is None:
        return None
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 61):
        return None
    day = moment.wall.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(hours=hour, minutes=minute, seconds=second)


def _offset_from_gps(wall: datetime, satellite: datetime) -> int | None:
    """The zone that explains the difference between both clocks, or None where none in use does."""
    difference = wall - satellite
    minutes = round(difference / timedelta(minutes=15)) * 15
    # A fix may be older than the picture, but one that is much older tells nothing about the zone.
    if abs(difference - timedelta(minutes=minutes)) > _STALE_FIX or abs(minutes) > _MOST_MINUTES:
        return None
    in_use = minutes in _PARTS_OF_HOURS or (minutes % 60 == 0 and minutes >= -12 * 60)
    return minutes if in_use else None


def _is_plausible(moment: Moment, latest: datetime) -> bool:
    return moment.wall - timedelta(minutes=moment.offset or 0) <= latest


def _wall(year: int, month: int, day: int, clock: tuple[int, int, int], fraction: str) -> datetime | None:
    digits = fraction if fraction.isascii() and fraction.isdigit() else ""
    hour, minute, second = clock
    # A leap second has no place in a datetime.
    second = 59 if second == 60 else second
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        wall = datetime(year, month, day, hour, minute, second, int(digits[:6].ljust(6, "0")), tzinfo=UTC)
    except ValueError:
        return None
    return wall.replace(tzinfo=None)
