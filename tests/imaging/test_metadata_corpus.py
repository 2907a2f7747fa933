"""What the metadata of real photographs says."""

from __future__ import annotations

import pytest

from calotype.domain.picture import GpsPosition
from calotype.imaging.metadata import extract_blobs, read_metadata
from tests.imaging.containers import reader


def wall(found):
    """The wall time as ISO text."""
    return found.captured.wall.isoformat() if found.captured else None


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
