"""When a picture was taken, and how far from UTC its clock was."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.picture import CaptureTime
from calotype.imaging.metadata import read_metadata
from calotype.imaging.metadata_time import parse_moment, parse_offset
from tests.imaging.containers import clock, iim, text, told, xmp

ORIGINAL, DIGITIZED, MODIFIED = 0x9003, 0x9004, 0x0132


def wall(found):
    """The wall time as ISO text."""
    return found.captured.wall.isoformat() if found.captured else None


def test_a_date_uses_its_own_offset():
    """Each of the three EXIF dates has an offset tag of its own, and no other one counts."""
    offsets = {0x9010: text("+01:00"), 0x9011: text("-05:30"), 0x9012: text("+09:00")}
    dates = {ORIGINAL: text("2024:02:29 12:30:45"), DIGITIZED: text("2024:03:01 00:00:00")}
    found = told({MODIFIED: text("2024:04:01 00:00:00")}, {**dates, **offsets, 0x9291: text("25")})
    assert found.captured == CaptureTime(
        datetime.fromisoformat("2024-02-29T12:30:45.250"), "exif:DateTimeOriginal", -330, "exif"
    )
    del dates[ORIGINAL]
    assert told(exif={**dates, **offsets}).captured.offset_minutes == 540
    assert told({MODIFIED: text("2024:04:01 00:00:00")}, offsets).captured.offset_minutes == 60
    del offsets[0x9012]
    assert told(exif={**dates, **offsets}).captured.offset_minutes is None


def test_the_best_date_wins():
    """Dates are tried in order: original, digitised, XMP, IPTC, modified, and the GPS clock last."""
    main = {MODIFIED: text("2007:01:01 00:00:00")}
    exif = {ORIGINAL: text("2001:01:01 00:00:00"), DIGITIZED: text("2002:01:01 00:00:00")}
    attributes = {
        "exif:DateTimeOriginal": "2003-01-01T00:00:00",
        "photoshop:DateCreated": "2004-01-01T00:00:00",
        "xmp:CreateDate": "2005-01-01T00:00:00",
    }
    iptc = iim(2, 55, b"20060101") + iim(2, 60, b"000000")
    gps = clock("2008:01:01", 0, 0, 0)
    sources = []
    for _ in range(8):
        packet = xmp(attributes=" ".join(f'{name}="{date}"' for name, date in attributes.items()))
        found = told(main, exif, gps, packet=packet, iptc=iptc).captured
        sources.append((found.source, found.wall.year))
        if exif:
            exif.pop(min(exif))
        elif attributes:
            attributes.pop(next(iter(attributes)))
        elif iptc:
            iptc = b""
        else:
            main = None
    assert sources == [
        ("exif:DateTimeOriginal", 2001),
        ("exif:DateTimeDigitized", 2002),
        ("xmp:DateTimeOriginal", 2003),
        ("xmp:DateCreated", 2004),
        ("xmp:CreateDate", 2005),
        ("iptc:DateCreated", 2006),
        ("exif:DateTime", 2007),
        ("gps:DateStamp", 2008),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2024:13:01 00:00:00",
        "2024:02:30 00:00:00",
        "2024:01:01 25:00:00",
        "1825:12:31 00:00:00",
        "2025:06:03 00:00:00",
        "2107:01:01 00:00:00",
        "yesterday",
        "",
    ],
)
def test_a_wrong_date_gives_way_to_the_next_one(wrong):
    """Dates that do not exist, lie before photography or in the future are passed over."""
    exif = {ORIGINAL: text(wrong), DIGITIZED: text("2020:05:06 07:08:09")}
    assert wall(told(exif=exif)) == "2020-05-06T07:08:09"
    assert told(exif={ORIGINAL: text(wrong)}).captured is None


@pytest.mark.parametrize(
    ("written", "expected", "offset"),
    [
        ("2024:02:29 12:00:00", "2024-02-29T12:00:00", None),
        ("2024-02-29T12:00:00+02:00", "2024-02-29T12:00:00", 120),
        ("2024-02-29T12:00:00.123456789Z", "2024-02-29T12:00:00.123456", 0),
        ("2024/02/29 12:00", "2024-02-29T12:00:00", None),
        ("2024:02:29", "2024-02-29T00:00:00", None),
        ("2024-02", "2024-02-01T00:00:00", None),
        ("2024", "2024-01-01T00:00:00", None),
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59", None),
        ("1826:01:01 00:00:00", "1826-01-01T00:00:00", None),
    ],
)
def test_dates_are_read_as_they_are_written_in_practice(written, expected, offset):
    """EXIF and ISO dates, whole and in part, are read; a leap second becomes the one before."""
    moment = parse_moment(written)
    assert (moment.wall.isoformat(), moment.offset) == (expected, offset)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ("+00:00", 0),
        ("Z", 0),
        ("-05:30", -330),
        ("+0545", 345),
        ("+9", 540),
        (" +14:00\0", 840),
        ("\u221203:00", -180),
        ("+14:15", None),
        ("+05:75", None),
        ("   :  ", None),
        ("", None),
        ("05:00", None),
    ],
)
def test_offsets_are_read_with_their_sign_and_minutes(written, minutes):
    """Offsets with and without colon, with minutes and of both signs are read; impossible ones are not."""
    assert parse_offset(written) == minutes


@given(st.integers(-840, 840))
def test_every_offset_that_is_written_is_read_back(minutes):
    """An offset as EXIF writes it gives the minutes it was made from."""
    assert parse_offset(f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}") == minutes


@pytest.mark.parametrize(
    ("wall_time", "gps", "minutes"),
    [
        ("2024:02:29 12:00:00", clock("2024:02:29", 17, 0, 3), -300),
        ("2024:02:29 12:00:00", clock("2024:02:29", 6, 15, 0), 345),
        ("2024:03:01 01:00:00", clock("2024:02:29", 12, 0, 0), 780),
        ("2024:02:29 12:00:00", clock("2024:02:29", 11, 57, 0), 0),
        ("2024:02:29 12:00:00", clock("2024:02:29", 11, 53, 0), None),
        ("2024:02:29 12:00:00", clock("2024:02:29", 11, 45, 0), None),
        ("2024:02:29 12:00:00", clock("2024:02:28", 11, 0, 0), None),
        ("2024:02:29 12:00:00", clock("2024:02:29", 25, 0, 0), None),
        ("2024:02:29 12:00:00", {29: text("2024:02:29")}, None),
    ],
)
def test_the_gps_clock_tells_the_zone_of_a_date_without_one(wall_time, gps, minutes):
    """The difference to UTC by satellite is the offset where a zone in use explains it, and else nothing is."""
    found = told(exif={ORIGINAL: text(wall_time)}, gps=gps).captured
    assert (found.offset_minutes, found.offset_source) == (minutes, "gps" if minutes is not None else None)


def test_an_offset_that_is_written_wins_over_the_gps_clock():
    """The GPS clock is only asked where no offset is written."""
    exif = {ORIGINAL: text("2024:02:29 12:00:00"), 0x9011: text("+02:00")}
    found = told(exif=exif, gps=clock("2024:02:29", 17, 0, 0)).captured
    assert (found.offset_minutes, found.offset_source) == (120, "exif")


def test_xmp_and_iptc_dates_bring_their_offset():
    """An offset inside an XMP or IPTC date is used, and its origin is named."""
    found = read_metadata(None, xmp(attributes='xmp:CreateDate="2020-09-27T14:35:33+02:00"'), None).captured
    assert (found.offset_minutes, found.offset_source) == (120, "xmp")
    found = read_metadata(None, None, iim(2, 55, b"20200927") + iim(2, 60, b"143533-0330")).captured
    assert (found.wall.isoformat(), found.offset_minutes) == ("2020-09-27T14:35:33", -210)
    assert found.offset_source == "iptc"
