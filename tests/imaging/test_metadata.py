"""What a picture's EXIF, XMP and IPTC say, and which of them wins."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.domain.picture import CaptureTime, GpsPosition, PictureMetadata
from calotype.imaging.metadata import extract_blobs, read_metadata
from calotype.imaging.metadata_time import parse_moment, parse_offset
from tests.imaging.containers import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    SRATIONAL,
    UNDEFINED,
    iim,
    reader,
    resources,
    tiff,
    xmp,
)

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
ORIGINAL, DIGITIZED, MODIFIED = 0x9003, 0x9004, 0x0132
NORTH, EAST = (ASCII, b"N\0"), (ASCII, b"E\0")


def text(words):
    """A tag of text."""
    return (ASCII, words.encode() + b"\0")


def rational(*pairs):
    """A tag of fractions."""
    return (RATIONAL, list(pairs))


def metadata(main=None, exif=None, gps=None, *, packet=None, iptc=None, order="<"):
    """What EXIF of these tags, and XMP and IPTC beside it, say."""
    data = tiff(main or {0x0112: (SHORT, [1])}, exif, gps, order)
    return read_metadata(data, packet, iptc, now=NOW)


def wall(found):
    """The wall time as ISO text."""
    return found.captured.wall.isoformat() if found.captured else None


def place(latitude, longitude):
    """A GPS directory from degrees, minutes and seconds."""
    return {1: NORTH, 2: rational(*latitude), 3: EAST, 4: rational(*longitude)}


def clock(date, hour, minute, second):
    """A GPS directory with the time of the satellites."""
    return {7: rational((hour, 1), (minute, 1), (second, 1)), 29: text(date)}


def alternatives(name, **texts):
    """A property in several languages."""
    items = "".join(f'<rdf:li xml:lang="{lang.replace("_", "-")}">{words}</rdf:li>' for lang, words in texts.items())
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def bag(*words):
    """Keywords."""
    return "<dc:subject><rdf:Bag>" + "".join(f"<rdf:li>{word}</rdf:li>" for word in words) + "</rdf:Bag></dc:subject>"


def test_no_metadata_is_no_metadata():
    """Without any data every field is missing and the picture is upright."""
    assert read_metadata(None, None, None) == PictureMetadata()
    assert read_metadata(b"", b"", b"") == PictureMetadata()


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_tells_camera_lens_and_exposure(order):
    """The usual tags are read in both byte orders."""
    found = metadata(
        {0x010F: text("Canon"), 0x0110: text("Canon EOS R5"), 0x0112: (SHORT, [6]), 0x4746: (SHORT, [4])},
        {
            0x829A: rational((1, 250)),
            0x829D: rational((28, 10)),
            0x8827: (SHORT, [400]),
            0x920A: rational((50, 1)),
            0xA434: text("RF50mm F1.8 STM"),
        },
        order=order,
    )
    assert (found.camera_make, found.camera_model, found.lens) == ("Canon", "EOS R5", "RF50mm F1.8 STM")
    assert (found.exposure_time, found.f_number, found.iso, found.focal_length) == (1 / 250, 2.8, 400, 50)
    assert (found.orientation, found.rating) == (6, 4)


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("NIKON CORPORATION\0", "NIKON D750\0", ("NIKON CORPORATION", "D750")),
        ("PENTAX Corporation \0", "PENTAX K10D        \0", ("PENTAX Corporation", "K10D")),
        ("Canon", "Canon Canon EOS 5D", ("Canon", "EOS 5D")),
        ("Canon", "Canon", ("Canon", "Canon")),
        ("SONY\0\0\0junk", "DSLR-A550", ("SONY", "DSLR-A550")),
        ("Apple", "iPhone  7", ("Apple", "iPhone 7")),
        ("  \0", "X100", (None, "X100")),
    ],
)
def test_the_camera_is_named_once(make, model, expected):
    """Blanks, zero bytes and the maker's name in front of the model are taken off."""
    found = metadata({0x010F: (ASCII, make.encode()), 0x0110: (ASCII, model.encode())})
    assert (found.camera_make, found.camera_model) == expected


@pytest.mark.parametrize(("stored", "told"), [(0, 1), (1, 1), (8, 8), (9, 1), (65535, 1)])
def test_only_the_eight_orientations_count(stored, told):
    """An orientation that is none of 1-8 is upright."""
    assert metadata({0x0112: (SHORT, [stored])}).orientation == told


def test_the_orientation_of_exif_wins_over_that_of_xmp():
    """XMP turns a picture only where EXIF has no orientation at all."""
    turned = xmp(attributes='tiff:Orientation="6"')
    assert metadata({0x0112: (SHORT, [3])}, packet=turned).orientation == 3
    assert metadata({0x0112: (SHORT, [0])}, packet=turned).orientation == 1
    assert read_metadata(None, turned, None).orientation == 6
    assert read_metadata(None, xmp(attributes='tiff:Orientation="60"'), None).orientation == 1


def test_values_without_sense_are_missing():
    """Zero denominators, zeros and absurd values leave a field empty."""
    found = metadata(
        exif={
            0x829A: rational((1, 0)),
            0x829D: rational((0, 1)),
            0x8827: (SHORT, [0]),
            0x920A: (SRATIONAL, [(-5, 1)]),
            0xA434: text("----"),
        }
    )
    assert (found.exposure_time, found.f_number, found.iso, found.focal_length, found.lens) == (None,) * 5


def test_the_exposure_may_be_told_in_apex_values():
    """Where only shutter speed and aperture value are written, time and f-number follow from them."""
    found = metadata(exif={0x9201: (SRATIONAL, [(8, 1)]), 0x9202: rational((5, 1))})
    assert (found.exposure_time, found.f_number) == (1 / 256, 5.7)


def test_the_sensitivity_may_be_a_list_or_too_large_for_its_tag():
    """The first usable value of a list counts, and of a full tag the value of the newer one."""
    assert metadata(exif={0x8827: (SHORT, [0, 160])}).iso == 160
    assert metadata(exif={0x8827: (SHORT, [65535]), 0x8833: (LONG, [102400])}).iso == 102400
    packet = "<exif:ISOSpeedRatings><rdf:Seq><rdf:li>160</rdf:li><rdf:li>0</rdf:li></rdf:Seq></exif:ISOSpeedRatings>"
    assert read_metadata(None, xmp(packet), None).iso == 160


def test_xmp_fills_what_exif_leaves_out():
    """Camera, lens, exposure and position come from XMP where there is no EXIF."""
    packet = xmp(
        attributes='tiff:Make="Canon" tiff:Model="Canon PowerShot" aux:Lens="6-60mm" exif:ExposureTime="1/1250" '
        'exif:FNumber="28/10" exif:FocalLength="6000/1000" exif:GPSLatitude="40,14.5N" exif:GPSLongitude="76,30,36W" '
        'exif:GPSAltitude="120/1" exif:GPSAltitudeRef="1"'
    )
    found = read_metadata(None, packet, None)
    assert (found.camera_make, found.camera_model, found.lens) == ("Canon", "PowerShot", "6-60mm")
    assert (found.exposure_time, found.f_number, found.focal_length) == (1 / 1250, 2.8, 6)
    assert found.gps == GpsPosition(pytest.approx(40.2416666), pytest.approx(-76.51), -120)


def test_a_date_uses_its_own_offset():
    """Each of the three EXIF dates has an offset tag of its own, and no other one counts."""
    offsets = {0x9010: text("+01:00"), 0x9011: text("-05:30"), 0x9012: text("+09:00")}
    dates = {ORIGINAL: text("2024:02:29 12:30:45"), DIGITIZED: text("2024:03:01 00:00:00")}
    found = metadata({MODIFIED: text("2024:04:01 00:00:00")}, {**dates, **offsets, 0x9291: text("25")})
    assert found.captured == CaptureTime(
        datetime.fromisoformat("2024-02-29T12:30:45.250"), "exif:DateTimeOriginal", -330, "exif"
    )
    del dates[ORIGINAL]
    assert metadata(exif={**dates, **offsets}).captured.offset_minutes == 540
    assert metadata({MODIFIED: text("2024:04:01 00:00:00")}, offsets).captured.offset_minutes == 60
    del offsets[0x9012]
    assert metadata(exif={**dates, **offsets}).captured.offset_minutes is None


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
        found = metadata(main, exif, gps, packet=packet, iptc=iptc).captured
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
    assert wall(metadata(exif=exif)) == "2020-05-06T07:08:09"
    assert metadata(exif={ORIGINAL: text(wrong)}).captured is None


@pytest.mark.parametrize(
    ("written", "told", "offset"),
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
def test_dates_are_read_as_they_are_written_in_practice(written, told, offset):
    """EXIF and ISO dates, whole and in part, are read; a leap second becomes the one before."""
    moment = parse_moment(written)
    assert (moment.wall.isoformat(), moment.offset) == (told, offset)


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
    found = metadata(exif={ORIGINAL: text(wall_time)}, gps=gps).captured
    assert (found.offset_minutes, found.offset_source) == (minutes, "gps" if minutes is not None else None)


def test_an_offset_that_is_written_wins_over_the_gps_clock():
    """The GPS clock is only asked where no offset is written."""
    exif = {ORIGINAL: text("2024:02:29 12:00:00"), 0x9011: text("+02:00")}
    found = metadata(exif=exif, gps=clock("2024:02:29", 17, 0, 0)).captured
    assert (found.offset_minutes, found.offset_source) == (120, "exif")


def test_xmp_and_iptc_dates_bring_their_offset():
    """An offset inside an XMP or IPTC date is used, and its origin is named."""
    found = read_metadata(None, xmp(attributes='xmp:CreateDate="2020-09-27T14:35:33+02:00"'), None).captured
    assert (found.offset_minutes, found.offset_source) == (120, "xmp")
    found = read_metadata(None, None, iim(2, 55, b"20200927") + iim(2, 60, b"143533-0330")).captured
    assert (found.wall.isoformat(), found.offset_minutes) == ("2020-09-27T14:35:33", -210)
    assert found.offset_source == "iptc"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_position_is_read_with_its_hemispheres(order):
    """Degrees, minutes and seconds with both references give signed degrees, and the altitude its sign."""
    gps = {**place([(41, 1), (13, 1), (1308, 100)], [(96, 1), (4, 1), (1785, 100)]), 3: (ASCII, b"W\0")}
    gps |= {5: (BYTE, [1]), 6: rational((4305, 10))}
    assert metadata(gps=gps, order=order).gps == GpsPosition(
        pytest.approx(41.2203), pytest.approx(-96.0716, abs=1e-4), -430.5
    )


@pytest.mark.parametrize(
    "gps",
    [
        place([(0, 0)] * 3, [(0, 0)] * 3),
        place([(0, 1)] * 3, [(0, 1)] * 3),
        {**place([(41, 1)] * 3, [(4, 1)] * 3), 1: (ASCII, b"\0")},
        {**place([(41, 1)] * 3, [(4, 1)] * 3), 1: (ASCII, b"E\0")},
        {2: rational((41, 1)), 4: rational((4, 1))},
        place([(91, 1), (0, 1), (0, 1)], [(4, 1), (0, 1), (0, 1)]),
        place([(41, 1), (99, 1), (0, 1)], [(4, 1), (0, 1), (0, 1)]),
        {**place([(41, 1)] * 3, [(4, 1)] * 3), 4: (ASCII, b"4\0")},
    ],
)
def test_a_position_that_cannot_be_is_none(gps):
    """Empty references, zero denominators, 0, 0 and places off the globe are no positions."""
    assert metadata(gps=gps).gps is None


def test_a_position_may_leave_out_minutes_and_seconds():
    """Decimal degrees, and seconds of 0/0, are read for what they say."""
    gps = place([(4150, 100), (0, 0), (0, 0)], [(4, 1), (30, 1)])
    assert metadata(gps=gps).gps == GpsPosition(41.5, 4.5)


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_a_position_that_is_written_is_read_back(latitude, longitude):
    """A position as a camera writes it comes back to within a metre."""

    def parts(value):
        value = abs(value)
        minutes = value % 1 * 60
        return [(int(value), 1), (int(minutes), 1), (int(minutes % 1 * 60 * 10_000), 10_000)]

    gps = place(parts(latitude), parts(longitude))
    gps |= {1: (ASCII, b"S\0" if latitude < 0 else b"N\0"), 3: (ASCII, b"W\0" if longitude < 0 else b"E\0")}
    found = metadata(gps=gps).gps
    if found is None:
        assert math.hypot(latitude, longitude) < 1e-5
    else:
        assert found.latitude == pytest.approx(latitude, abs=1e-5)
        assert found.longitude == pytest.approx(longitude, abs=1e-5)


@pytest.mark.parametrize(
    ("main", "attributes", "told"),
    [
        ({0x4746: (SHORT, [4])}, 'xmp:Rating="2"', 2),
        ({0x4746: (SHORT, [4])}, "", 4),
        ({0x4746: (SHORT, [9])}, "", None),
        ({0x4749: (SHORT, [75])}, "", 4),
        ({0x4749: (SHORT, [1])}, "", 1),
        ({0x4749: (SHORT, [99])}, "", 5),
        ({}, 'MicrosoftPhoto:Rating="50"', 3),
        ({}, 'xmp:Rating="-1"', -1),
        ({}, 'xmp:Rating="3.0"', 3),
        ({}, 'xmp:Rating="many"', None),
    ],
)
def test_the_rating_of_xmp_wins(main, attributes, told):
    """Stars come from XMP, then EXIF, then percentages; what is none of -1 to 5 is missing."""
    assert metadata(main or None, packet=xmp(attributes=attributes)).rating == told


def test_keywords_are_joined_without_repeats():
    """Keywords of XMP, IPTC and Windows come in this order, trimmed, and each once."""
    iptc = iim(1, 90, b"\x1b%G") + iim(2, 25, "Über".encode()) + iim(2, 25, b" falcon ")
    windows = {0x9C9E: (BYTE, "falcon;Nest; ;cafe\u0301\0".encode("utf-16-le"))}
    found = metadata(windows, packet=xmp(bag(" Falcon", "", "bird  of prey")), iptc=iptc)
    assert found.keywords == ("Falcon", "bird of prey", "Über", "Nest", "caf\u00e9")


def test_titles_and_captions_come_from_the_best_source():
    """XMP wins over IPTC, and IPTC over EXIF; of several languages the default one is used."""
    windows = {0x9C9B: (BYTE, "Windows\0".encode("utf-16-le")), 0x010E: text("EXIF")}
    iptc = iim(2, 5, b"IPTC title") + iim(2, 120, b"IPTC caption")
    packet = xmp(
        alternatives("dc:title", de_DE="Titel", x_default="Title")
        + alternatives("dc:description", x_default="Line one&#10;line two")
    )
    found = metadata(windows, packet=packet, iptc=iptc)
    assert (found.title, found.caption) == ("Title", "Line one\nline two")
    found = metadata(windows, iptc=iptc)
    assert (found.title, found.caption) == ("IPTC title", "IPTC caption")
    found = metadata(windows)
    assert (found.title, found.caption) == ("Windows", "EXIF")


@pytest.mark.parametrize(
    "junk", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "SAMSUNG CAMERA PICTURES", "default", "DCIM", "   ", ""]
)
def test_what_cameras_write_by_default_is_no_caption(junk):
    """A camera's own words are passed over for what a person wrote."""
    comment = (UNDEFINED, b"ASCII\0\0\0a person's words\0\0")
    assert metadata({0x010E: text(junk)}, {0x9286: comment}).caption == "a person's words"
    assert metadata({0x010E: text(junk)}).caption is None


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (b"ASCII\0\0\0plain", "plain"),
        (b"UNICODE\0" + "\u00fcber".encode("utf-16-le"), "\u00fcber"),
        (b"UNICODE\0" + "\u00fcber".encode("utf-16-be"), "\u00fcber"),
        (b"UNICODE\0" + "\u00fcber".encode("utf-16"), "\u00fcber"),
        (b"JIS\0\0\0\0\0" + "\u5199\u771f".encode("iso2022_jp"), "\u5199\u771f"),
        (b"\0" * 8 + "\u00fcber".encode(), "\u00fcber"),
        (b"\0" * 8 + "\u00fcber".encode("latin-1"), "\u00fcber"),
        (b"\0" * 40, None),
        (b"ASCII", None),
    ],
)
def test_a_comment_is_read_by_its_character_code(stored, told):
    """User comments are decoded as their first eight bytes say, whatever the order of the stream."""
    assert metadata(exif={0x9286: (UNDEFINED, stored)}).caption == told


def test_text_is_normalised_and_bounded():
    """Text is in NFC, free of control characters, and no longer than its field."""
    found = metadata({0x010E: (ASCII, ("e\u0301" * 20_000).encode())})
    assert found.caption == "\u00e9" * 10_000
    packet = xmp(alternatives("dc:title", x_default="a\u200bb\tc\u0085d" + "x" * 9999))
    title = read_metadata(None, packet, None).title
    assert len(title) == 500
    assert title.startswith("a\u200bb c d")


def test_iptc_without_a_declared_encoding_is_utf8_or_latin1():
    """Undeclared IPTC is read as UTF-8 where it is valid, else as Latin-1."""
    assert read_metadata(None, None, iim(2, 120, "Café".encode())).caption == "Café"
    assert read_metadata(None, None, iim(2, 120, "Café".encode("latin-1"))).caption == "Café"
    assert read_metadata(None, None, resources(iim(2, 120, b"inside"))).caption == "inside"


def test_properties_of_other_pictures_inside_xmp_are_passed_over():
    """What a packet says of the pictures that a composition was made from is not said of the picture."""
    inner = '<rdf:Description xmp:CreateDate="2001-01-01" xmp:Rating="1"/>'
    packet = xmp(
        '<Pantry xmlns="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li>' + inner + "</rdf:li></rdf:Bag></Pantry>",
        'xmp:Rating="5"',
    )
    found = read_metadata(None, packet, None)
    assert (found.rating, found.captured) == (5, None)


def test_xmp_in_other_encodings_and_with_faults_is_read_as_far_as_it_goes():
    """UTF-16, trailing bytes, a missing end and a stray Latin-1 byte do not lose what can be read."""
    packet = xmp(bag("one", "two"), 'xmp:Rating="4"')
    assert read_metadata(None, packet.decode().encode("utf-16"), None).keywords == ("one", "two")
    assert read_metadata(None, b"\n\n" + packet + b"\0\0\0junk", None).keywords == ("one", "two")
    assert read_metadata(None, packet[: packet.index(b"two")], None).rating == 4
    stray = packet.replace(b"one", "o\u00e9".encode("latin-1"))
    assert read_metadata(None, stray, None).keywords[1] == "two"


def test_entities_in_xmp_are_never_expanded():
    """A packet with a document type gives nothing, instead of unfolding its entities."""
    packet = xmp(bag("&a;"))
    head, tail = packet.split(b"<x:xmpmeta", 1)
    doctype = b'<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    assert read_metadata(None, head + doctype + b"<x:xmpmeta" + tail, None) == PictureMetadata()


def test_a_directory_that_names_itself_and_absurd_counts_are_harmless():
    """An EXIF pointer into its own directory, and values beyond the data, leave out what cannot be read."""
    ring = bytearray(tiff({0x010F: text("Maker"), 0x0112: (SHORT, [6])}, {0x8827: (SHORT, [100])}))
    at = ring.index(b"\x69\x87\x04\0")
    ring[at + 8 : at + 12] = (8).to_bytes(4, "little")
    assert read_metadata(bytes(ring), None, None).orientation == 6
    absurd = bytearray(tiff({0x010F: text("Maker"), 0x0112: (SHORT, [6])}))
    at = absurd.index(b"\x0f\x01\x02\0")
    absurd[at + 4 : at + 8] = b"\xff\xff\xff\xff"
    found = read_metadata(bytes(absurd), None, None)
    assert (found.camera_make, found.orientation) == (None, 6)


FULL = tiff(
    {0x010F: text("Maker"), 0x010E: text("Words"), MODIFIED: text("2024:04:01 00:00:00")},
    {ORIGINAL: text("2024:02:29 12:30:45"), 0x9286: (UNDEFINED, b"UNICODE\0a\0b\0"), 0x829A: rational((1, 9))},
    {**place([(41, 1)] * 3, [(4, 1)] * 3), **clock("2024:02:29", 1, 2, 3)},
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=5)), max_size=5),
    st.binary(max_size=60),
    st.sampled_from([xmp(bag("a"), 'xmp:CreateDate="2024-01-01"'), b"", b"<", "<a>".encode("utf-16")]),
)
def test_damaged_metadata_never_raises_and_stays_in_its_bounds(patches, junk, packet):
    """However EXIF, XMP and IPTC are damaged, reading them gives metadata whose values make sense."""
    data = bytearray(FULL)
    for offset, patch in patches:
        data[offset : offset + len(patch)] = patch
    middle = len(packet) // 2
    found = read_metadata(bytes(data), packet[:middle] + junk + packet[middle:], iim(2, 25, junk) + junk, now=NOW)
    assert 1 <= found.orientation <= 8
    if found.gps:
        assert abs(found.gps.latitude) <= 90
        assert abs(found.gps.longitude) <= 180
    if found.captured:
        assert 1826 <= found.captured.wall.year <= 2025
    for words in (found.camera_make, found.caption, found.title, *found.keywords):
        assert words is None or (words == unicodedata.normalize("NFC", words) and "\0" not in words and words.strip())


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_are_metadata_of_some_kind(junk):
    """Bytes that were never metadata are read as none, without an error."""
    read_metadata(junk, junk, junk)
    read_metadata(b"II*\0\x08\0\0\0" + junk, b"<x>" + junk, b"8BIM\x04\x04" + junk)


def of(corpus, name, format_="jpeg"):
    """The metadata of a photograph of the corpus."""
    data = (corpus / "photos" / name).read_bytes()
    blobs = extract_blobs(reader(data), len(data), format_)
    return read_metadata(blobs.exif, blobs.xmp, blobs.iptc)


def test_real_dates_are_found_where_they_should_be(corpus):
    """Photographs with several, few or wrong dates tell the one that a person would choose."""
    assert wall(of(corpus, "metadata/dates/date-priority-test.jpg")) == "2023-02-02T02:00:00"
    assert wall(of(corpus, "metadata/dates/datetimeoriginal-gps.jpg")) == "2025-12-01T11:30:00"
    # A time of day without a date is no date.
    assert of(corpus, "metadata/dates/time-created.jpg").captured is None
    satellite = of(corpus, "metadata/dates/gps-datetime.jpg").captured
    assert (satellite.wall.isoformat(), satellite.source) == ("2023-11-15T12:30:00", "gps:DateStamp")
    phone = of(corpus, "formats/heic/IMG_2682.heic", "heic").captured
    assert (phone.wall.isoformat(), phone.offset_minutes, phone.offset_source) == (
        "2019-03-21T11:04:22.348000",
        -300,
        "gps",
    )
    samsung = of(corpus, "formats/motionphoto/samsung-one-ui-6.heic", "heic").captured
    assert (samsung.offset_minutes, samsung.offset_source) == (-480, "exif")


def test_real_positions_are_found_and_empty_ones_are_not(corpus):
    """A phone that writes 0/0 and an empty reference has no position; a camera with a receiver has one."""
    assert of(corpus, "metadata/gps-position/empty_gps.jpg").gps is None
    assert of(corpus, "metadata/gps-position/thompson-springs.jpg").gps == GpsPosition(
        pytest.approx(39.115), pytest.approx(-108.400968), pytest.approx(1483.9)
    )


def test_real_ratings_keywords_and_captions_are_found(corpus):
    """Stars, tags, titles and captions of several programs are found."""
    falcon = of(corpus, "albums/nature/prairie_falcon.jpg")
    assert falcon.title == "Prairie falcon female with eggs"
    assert falcon.caption.startswith("Adult female prairie falcon")
    assert "prairie falcons" in falcon.keywords
    assert of(corpus, "metadata/rating/mongolels.jpg").rating == 3
    assert of(corpus, "metadata/tags/picasa.jpg").keywords == ("Frost", "Yard")
    assert of(corpus, "albums/nature/el_torcal_rocks.jpg").caption is None
    assert of(corpus, "formats/webp/denali.webp", "webp").title == "Denali National Park and Preserve"


def test_real_sidecar_files_are_packets(corpus):
    """XMP sidecars, in UTF-8 and UTF-16, are read like packets."""
    for year in (2000, 2010, 2020):
        packet = (corpus / "photos/metadata/xmp/dates" / f"{year}.xmp").read_bytes()
        found = read_metadata(None, packet, None).captured
        assert (found.wall.year, found.offset_minutes) == (year, 120)
    packet = (corpus / "photos/problems/xmp/iso-value-array/iso-value-array.xmp").read_bytes()
    found = read_metadata(None, packet, None)
    assert (found.iso, found.caption, found.camera_model) == (160, None, "PowerShot SX120 IS")
