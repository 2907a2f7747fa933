"""A JPEG is whole when its markers lead to its end."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import IncompletePicture
from calotype.imaging.completeness import check_complete
from tests.imaging import pictures
from tests.imaging.containers import jpeg_with, segment

PHOTO = pictures.photo(160, 120)
PLAIN = pictures.jpeg(PHOTO, quality=70)
END = len(PLAIN) - 2


def put(data, at, extra):
    """The bytes with others put in."""
    return data[:at] + extra + data[at:]


def refused(data, match):
    """The check refuses these bytes in these words."""
    with pytest.raises(IncompletePicture, match=match):
        check_complete(data, "jpeg")


@pytest.mark.parametrize(
    "extra",
    [
        b"\0" * 50,
        b"\xff" * 9,
        b"\xff\x00" * 5,
        b"\xff\xd0",
        b"\xff\x01",
        segment(0xDC, struct.pack(">H", 120)),
        segment(0xFE, b"a comment"),
        b"stray" + segment(0xE1, b"Exif") + b"stray",
    ],
    ids=["zeros", "fill", "stuffed", "restart", "temporary", "number of lines", "comment", "segment"],
)
def test_what_decoders_pass_over_before_the_end(extra):
    """Bytes and segments between the data and the end marker, which libjpeg passes over, are no damage."""
    check_complete(put(PLAIN, END, extra), "jpeg")


@pytest.mark.parametrize("marker", [0x02, 0x4F, 0xBF, 0xC8, 0xD8, 0xDE, 0xDF, 0xF0, 0xFD, 0xD3])
def test_impossible_markers_in_the_data_are_damage(marker):
    """A marker within the data that cannot stand there is told of; a second beginning means that the first one was cut."""
    refused(put(PLAIN, END - 500, bytes([0xFF, marker])), "a marker stands|ends in the middle")
    if marker != 0xD3:
        refused(put(PLAIN, END, segment(marker, b"")), "a marker stands|ends in the middle")


def test_a_photo_followed_by_anything_passes():
    """Thumbnails, further pictures, films and garbage behind the end marker do not matter, and one before it does not end it."""
    thumbnail = pictures.jpeg()
    for trailer in (b"\0" * 4096, thumbnail, np.random.default_rng(1).bytes(3000), b"\xff"):
        check_complete(PLAIN + trailer, "jpeg")
    within = jpeg_with(segment(0xE1, b"Exif\0\0" + thumbnail), jpeg=PLAIN)
    check_complete(within, "jpeg")
    refused(within[: len(within) // 2], "ends in the middle")


def test_a_cut_photo_followed_by_another_is_refused():
    """The end marker of a second picture does not complete the first."""
    refused(PLAIN[: END // 2] + PLAIN, "ends in the middle")


def test_too_few_data_before_the_end_are_refused():
    """An end marker right behind the scan's header, or after a few bytes, comes too early for so many blocks."""
    data = PLAIN.index(b"\xff\xda") + 14
    refused(PLAIN[:data] + b"\xff\xd9", "fewer picture data")
    refused(PLAIN[: data + 100] + b"\xff\xd9", "fewer picture data")
    refused(PLAIN[: PLAIN.index(b"\xff\xda")] + b"\xff\xd9", "ends in the middle")


@pytest.mark.parametrize("quality", [1, 30, 95])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 9), (9, 160), (1000, 700)])
def test_no_flat_picture_has_too_few_data(size, quality):
    """The emptiest pictures, in every way to store them, hold the data that their size takes."""
    pixels = np.full((*size, 3), 128, np.uint8)
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 1}):
        for sampling in (0, 1, 2, "4:1:1"):
            picture = pictures.encode(pixels, "JPEG", quality=quality, optimize=True, subsampling=sampling, **options)
            check_complete(picture, "jpeg")
        check_complete(pictures.encode(pixels[:, :, 0], "JPEG", quality=quality, optimize=True, **options), "jpeg")


def test_restart_markers_need_an_interval():
    """With a restart interval the markers in the data are right; without its segment they are not."""
    data = pictures.jpeg(PHOTO, restart_marker_blocks=4)
    check_complete(data, "jpeg")
    interval = data.index(b"\xff\xdd\0\4")
    refused(data[:interval] + data[interval + 6 :], "a marker stands")


@given(st.lists(st.sampled_from([0xE0, 0xE2, 0xED, 0xFE]), max_size=5), st.binary(max_size=60), st.binary(max_size=5))
def test_any_segments_and_stray_bytes_in_the_header_pass(markers, content, stray):
    """Whatever stands in segments that are there for others, and stray bytes that are no marker, are no damage."""
    stray = stray.replace(b"\xff", b"\xfe")
    check_complete(jpeg_with(*(segment(marker, content) + stray for marker in markers), jpeg=PLAIN), "jpeg")


def test_markers_without_number_are_bounded():
    """A flood of markers is refused, not counted to its end."""
    refused(PLAIN[:2] + b"\xff\x01" * 70_000 + PLAIN[2:], "too many markers")
