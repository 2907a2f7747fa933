"""What a picture's EXIF, XMP and IPTC say, and which of them wins."""

from __future__ import annotations

import pytest

from calotype.domain.picture import GpsPosition, PictureMetadata
from calotype.imaging.metadata import read_metadata
from tests.imaging.containers import (
    ASCII,
    BYTE,
    LONG,
    SHORT,
    SRATIONAL,
    UNDEFINED,
    alternatives,
    bag,
    iim,
    rational,
    resources,
    text,
    told,
    xmp,
)


def test_no_metadata_is_no_metadata():
    """Without any data every field is missing and the picture is upright."""
    assert read_metadata(None, None, None) == PictureMetadata()
    assert read_metadata(b"", b"", b"") == PictureMetadata()


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_tells_camera_lens_and_exposure(order):
    """The usual tags are read in both byte orders."""
    found = told(
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
    found = told({0x010F: (ASCII, make.encode()), 0x0110: (ASCII, model.encode())})
    assert (found.camera_make, found.camera_model) == expected


@pytest.mark.parametrize(("stored", "expected"), [(0, 1), (1, 1), (8, 8), (9, 1), (65535, 1)])
def test_only_the_eight_orientations_count(stored, expected):
    """An orientation that is none of 1-8 is upright."""
    assert told({0x0112: (SHORT, [stored])}).orientation == expected


def test_the_orientation_of_exif_wins_over_that_of_xmp():
    """XMP turns a picture only where EXIF has no orientation at all."""
    turned = xmp(attributes='tiff:Orientation="6"')
    assert told({0x0112: (SHORT, [3])}, packet=turned).orientation == 3
    assert told({0x0112: (SHORT, [0])}, packet=turned).orientation == 1
    assert read_metadata(None, turned, None).orientation == 6
    assert read_metadata(None, xmp(attributes='tiff:Orientation="60"'), None).orientation == 1


def test_values_without_sense_are_missing():
    """Zero denominators, zeros and absurd values leave a field empty."""
    found = told(
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
    found = told(exif={0x9201: (SRATIONAL, [(8, 1)]), 0x9202: rational((5, 1))})
    assert (found.exposure_time, found.f_number) == (1 / 256, 5.7)


def test_the_sensitivity_may_be_a_list_or_too_large_for_its_tag():
    """The first usable value of a list counts, and of a full tag the value of the newer one."""
    assert told(exif={0x8827: (SHORT, [0, 160])}).iso == 160
    assert told(exif={0x8827: (SHORT, [65535]), 0x8833: (LONG, [102400])}).iso == 102400
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


@pytest.mark.parametrize(
    ("main", "attributes", "expected"),
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
def test_the_rating_of_xmp_wins(main, attributes, expected):
    """Stars come from XMP, then EXIF, then percentages; what is none of -1 to 5 is missing."""
    assert told(main or None, packet=xmp(attributes=attributes)).rating == expected


def test_keywords_are_joined_without_repeats():
    """Keywords of XMP, IPTC and Windows come in this order, trimmed, and each once."""
    iptc = iim(1, 90, b"\x1b%G") + iim(2, 25, "Über".encode()) + iim(2, 25, b" falcon ")
    windows = {0x9C9E: (BYTE, "falcon;Nest; ;cafe\u0301\0".encode("utf-16-le"))}
    found = told(windows, packet=xmp(bag(" Falcon", "", "bird  of prey")), iptc=iptc)
    assert found.keywords == ("Falcon", "bird of prey", "Über", "Nest", "caf\u00e9")


def test_titles_and_captions_come_from_the_best_source():
    """XMP wins over IPTC, and IPTC over EXIF; of several languages the default one is used."""
    windows = {0x9C9B: (BYTE, "Windows\0".encode("utf-16-le")), 0x010E: text("EXIF")}
    iptc = iim(2, 5, b"IPTC title") + iim(2, 120, b"IPTC caption")
    packet = xmp(
        alternatives("dc:title", de_DE="Titel", x_default="Title")
        + alternatives("dc:description", x_default="Line one&#10;line two")
    )
    found = told(windows, packet=packet, iptc=iptc)
    assert (found.title, found.caption) == ("Title", "Line one\nline two")
    found = told(windows, iptc=iptc)
    assert (found.title, found.caption) == ("IPTC title", "IPTC caption")
    found = told(windows)
    assert (found.title, found.caption) == ("Windows", "EXIF")


@pytest.mark.parametrize(
    "junk", ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "SAMSUNG CAMERA PICTURES", "default", "DCIM", "   ", ""]
)
def test_what_cameras_write_by_default_is_no_caption(junk):
    """A camera's own words are passed over for what a person wrote."""
    comment = (UNDEFINED, b"ASCII\0\0\0a person's words\0\0")
    assert told({0x010E: text(junk)}, {0x9286: comment}).caption == "a person's words"
    assert told({0x010E: text(junk)}).caption is None


@pytest.mark.parametrize(
    ("stored", "expected"),
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
def test_a_comment_is_read_by_its_character_code(stored, expected):
    """User comments are decoded as their first eight bytes say, whatever the order of the stream."""
    assert told(exif={0x9286: (UNDEFINED, stored)}).caption == expected


def test_text_is_normalised_and_bounded():
    """Text is in NFC, free of control characters, and no longer than its field."""
    found = told({0x010E: (ASCII, ("e\u0301" * 20_000).encode())})
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
