"""When a film was recorded, by what its container says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from calotype.domain.picture import CaptureTime

_ISO = re.compile(
    r"\s*(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?\s*", re.ASCII
)
_MOST_MINUTES = 14 * 60
# The first films, and the zeros of QuickTime's and of Unix' clock, which stand for a clock that was never set.
_FIRST_YEAR = 1888
_ZEROS = ((1904, 1, 1), (1970, 1, 1))
# Apple writes the wall time with its offset; the others write UTC, so the wall time there is not known.
_WITH_OFFSET = "com.apple.quicktime.creationdate"
_IN_UTC = ("creation_time", "date_utc", "date")


def recorded(tags: Mapping[str, str], now: datetime) -> CaptureTime | None:
    """The best plausible time, until a day after `now`; None without one. Names of tags are FFmpeg's."""
    lowered = {name.lower(): value for name, value in tags.items()}
    latest = now.astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    for name in (_WITH_OFFSET, *_IN_UTC):
        wall, offset = _parse(lowered.get(name, ""))
        if wall is None or wall - timedelta(minutes=offset or 0) > latest:
            continue
        if name == _WITH_OFFSET and offset is not None:
            return CaptureTime(wall, f"quicktime:{name}", offset, "exif")
        return CaptureTime(wall - timedelta(minutes=offset or 0), f"container:{name}")
    return None


def _parse(text: str) -> tuple[datetime | None, int | None]:
    """Naive wall time and offset in minutes (None without one)."""
    match = _ISO.fullmatch(text[:64])
    if match is None:
        return None, None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if year < _FIRST_YEAR or (year, month, day) in _ZEROS:
        return None, None
    offset = _offset(match[8])
    try:
        wall = datetime(
            year, month, day, hour, minute, min(second, 59), int((match[7] or "0")[:6].ljust(6, "0")), tzinfo=UTC
        ).replace(tzinfo=None)
        # Times at the ends of the calendar cannot be moved to UTC.
        _ = wall - timedelta(days=1), wall + timedelta(days=1)
    except (ValueError, OverflowError):
        return None, None
    return wall, offset


def _offset(text: str | None) -> int | None:
    if text is None or text == "Z":
        return 0 if text else None
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    if minutes > _MOST_MINUTES:
        return None
    return minutes if text[0] == "+" else -minutes
