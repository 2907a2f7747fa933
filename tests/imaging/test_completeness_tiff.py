"""A TIFF is whole when everything that its directories name is in the file."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from calotype.domain.errors import IncompletePicture
from calotype.imaging.completeness import check_complete
from calotype.imaging.sniff import sniff
from tests.imaging import pictures
from tests.imaging.containers import LONG, SHORT, directory, rational, tiff

SIZE = {0x0100: (SHORT, [4]), 0x0101: (SHORT, [4]), 0x0102: (SHORT, [8]), 0x0103: (SHORT, [1])}


def page(offset, length=16, **more):
    """The tags of a grey page of 4 x 4 pixels whose only strip lies there."""
    return {**SIZE, 0x0111: (LONG, [offset]), 0x0117: (LONG, [length]), **more}


def refused(data, format_="tiff", match="ends in the middle"):
    """The check refuses these bytes in these words."""
    with pytest.raises(IncompletePicture, match=match):
        check_complete(data, format_)


@pytest.mark.parametrize("order", "<>")
def test_strips_end_within_the_file(order):
    """A strip that ends with the file is whole, and with one byte less it is not."""
    start = len(tiff(page(0), order=order))
    data = tiff(page(start), order=order) + bytes(16)
    check_complete(data, "tiff")
    refused(data[:-1])


@pytest.mark.parametrize("length", [0, 16, 1_000_000])
def test_the_length_of_one_plain_strip_is_worked_out(length):
    """A single uncompressed strip may tell any length, as long as its rows are there."""
    start = len(tiff(page(0)))
    data = tiff(page(start, length)) + bytes(16)
    check_complete(data, "tiff")
    refused(data[:-1])


def test_a_compressed_strip_has_the_length_it_tells():
    """Where data are compressed nothing but the directory tells how long they are."""
    start = len(tiff(page(0)))
    tags = {**page(start, 20), 0x0103: (SHORT, [5])}
    check_complete(tiff(tags) + bytes(20), "tiff")
    refused(tiff(tags) + bytes(19))


def test_old_jpeg_data_tell_where_they_begin():
    """Of JPEG data of the old kind only the beginning counts: readers find the end themselves."""
    old = {**SIZE, 0x0103: (SHORT, [6]), 0x0201: (LONG, [200]), 0x0202: (LONG, [90_000])}
    check_complete(tiff(old).ljust(201, b"\0"), "tiff")
    refused(tiff(old).ljust(200, b"\0"))
    in_strips = {**SIZE, 0x0103: (SHORT, [6]), 0x0111: (LONG, [100, 200]), 0x0117: (LONG, [90_000, 90_000])}
    check_complete(tiff(in_strips).ljust(201, b"\0"), "tiff")
    refused(tiff(in_strips).ljust(200, b"\0"))


def test_a_smaller_version_of_a_later_page_counts():
    """Directories that hang on a second page are looked at as those of the first."""
    second = {**page(0, 0), 0x014A: (LONG, [5000])}
    at = 8 + len(directory("<", page(0, 0), 8))
    data = struct.pack("<2sHI", b"II", 42, 8) + directory("<", page(0, 0), 8, at) + directory("<", second, at)
    check_complete(data.ljust(5200, b"\0"), "tiff")
    refused(data.ljust(4999, b"\0"))


def test_a_page_without_data_is_refused():
    """A page must name strips or tiles."""
    refused(tiff(SIZE) + bytes(100), match="names no picture data")


def test_tiles_and_smaller_versions_count():
    """Tiles are looked at like strips, on pages and on the smaller versions that hang on them."""
    pyvips = pytest.importorskip("pyvips")
    image = pyvips.Image.new_from_array(pictures.photo(200, 150))
    for options in ({}, {"pyramid": True}, {"pyramid": True, "subifd": True}, {"bigtiff": True}):
        data = image.tiffsave_buffer(tile=True, tile_width=64, tile_height=64, compression="deflate", **options)
        check_complete(data, "tiff")
        for cut in range(1, len(data), 997):
            refused(data[:-cut], match=".")


def test_values_that_nobody_needs_may_be_missing():
    """A resolution outside the file does no harm; the lengths of the strips outside of it do."""
    start = len(tiff({**page(0), 0x011A: rational((72, 1))}))
    data = tiff({**page(start), 0x011A: rational((72, 1))}) + bytes(16)
    place = data.index(struct.pack("<HHI", 0x011A, 5, 1)) + 8
    check_complete(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :], "tiff")
    place = data.index(struct.pack("<HHI", 0x0117, 4, 1)) + 4
    refused(data[:place] + struct.pack("<II", 5000, 10_000_000) + data[place + 8 :])


def test_directories_in_a_circle_end():
    """Pages that follow each other in a circle are looked at once."""
    data = pictures.encode(Image.fromarray(pictures.quadrants()), "TIFF")
    first = struct.unpack_from("<I", data, 4)[0]
    behind = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    check_complete(data[:behind] + struct.pack("<I", first) + data[behind + 4 :], "tiff")
    refused(data[:behind] + struct.pack("<I", len(data) + 1000) + data[behind + 4 :])


def test_every_part_of_a_raw_file_is_looked_at():
    """A RAW file is cut when its sensor data are, though its preview is whole."""
    data = pictures.dng()
    assert sniff(data).format == "dng"
    for format_ in ("dng", "nef", "arw", "cr2", "pef", "srw"):
        check_complete(data, format_)
        refused(data[:-1], format_)


def test_panasonic_tells_only_where_its_data_begin():
    """Of a Panasonic file only the beginning of the sensor's data is held against the file."""
    tags = {**SIZE, 0x0111: (LONG, [0xFFFFFFFF]), 0x0117: (LONG, [500]), 0x0118: (LONG, [200])}
    data = tiff(tags, magic=0x55).ljust(300, b"\0")
    check_complete(data, "rw2")
    refused(data[:200], "rw2")
