"""A PNG is whole when its chunks lead to its end, their checksums fit, and its rows can be decompressed."""

from __future__ import annotations

import io
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from calotype.domain.errors import IncompletePicture
from calotype.imaging.completeness import check_complete
from calotype.imaging.completeness_png import MOST_INFLATED
from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_png import chunks
from tests.imaging import pictures
from tests.imaging.containers import chunk, png_with

PLAIN = pictures.encode(pictures.photo(60, 40), "PNG")
ROWS = [row.tobytes() for row in pictures.quadrants()]


def refused(data, match):
    """The check refuses these bytes in these words."""
    with pytest.raises(IncompletePicture, match=match):
        check_complete(data, "png")


def flipped(data, at):
    """The bytes with one of them changed."""
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def of_data(data):
    """A PNG of the quadrants whose rows were compressed to these bytes."""
    return pictures._png(64, 48, data, 8, 2, None)


def with_one_byte_less(data):
    """A PNG whose rows lack their last byte, with checksums that fit."""
    source = WholeFile(data, "PNG")
    places = [(start, length) for kind, start, length in chunks(source) if kind == b"IDAT"]
    rows = zlib.decompress(b"".join(data[start : start + length] for start, length in places))
    return data[: places[0][0] - 8] + chunk(b"IDAT", zlib.compress(rows[:-1])) + data[sum(places[-1]) + 4 :]


def test_a_changed_byte_anywhere_is_refused():
    """Every byte of a PNG that holds its picture is covered by a checksum, or its change leads astray."""
    for at in range(len(PLAIN)):
        with pytest.raises(IncompletePicture):
            check_complete(flipped(PLAIN, at), "png")


def test_checksums_of_what_is_not_the_picture_do_not_matter():
    """Tools that edit metadata forget the checksum, and decoders do not mind; those of an animation's frames do matter."""
    text = chunk(b"tEXt", b"a\0b")
    check_complete(png_with(flipped(text, len(text) - 1), png=PLAIN), "png")
    animation = pictures.animation("PNG")
    check_complete(animation, "png")
    refused(flipped(animation, animation.rindex(b"fdAT") + 12), "checksum")


def test_rows_are_counted():
    """Rows that are missing, though every checksum fits, are told of; more than are needed do not matter."""
    rows = b"".join(b"\0" + row for row in ROWS)
    check_complete(of_data(zlib.compress(rows)), "png")
    check_complete(of_data(zlib.compress(rows + b"more")), "png")
    check_complete(of_data(zlib.compress(rows)[:-4]), "png")
    refused(of_data(zlib.compress(rows[:-1])), "fewer picture data")
    refused(of_data(b""), "fewer picture data")
    refused(of_data(np.random.default_rng(1).bytes(3000)), "cannot be decompressed")


def test_data_may_come_in_any_pieces():
    """Picture data in chunks of one byte, and empty ones, are as good as in one."""
    data = zlib.compress(b"".join(b"\0" + row for row in ROWS))
    pieces = [chunk(b"IDAT", data[at : at + 1]) + chunk(b"IDAT", b"") for at in range(len(data))]
    whole = of_data(data)
    start = whole.index(b"IDAT") - 4
    check_complete(whole[:start] + b"".join(pieces) + whole[-12:], "png")


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 3), (4, 4), (8, 8), (9, 17), (33, 21)])
@pytest.mark.parametrize("interlace", [False, True])
def test_rows_of_every_size_depth_and_passes(size, interlace):
    """The rows that are expected are those that the encoder writes, in passes too."""
    pyvips = pytest.importorskip("pyvips")
    color = pyvips.Image.new_from_array(pictures.quadrants(*size))
    deep = (color.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    grey = color.colourspace("b-w")
    palettes = [color.pngsave_buffer(palette=True, bitdepth=bits, interlace=interlace) for bits in (1, 2, 4, 8)]
    others = [
        image.pngsave_buffer(interlace=interlace)
        for image in (color, deep, grey, grey.bandjoin(255), color.bandjoin(9))
    ]
    for data in (*palettes, *others):
        check_complete(data, "png")
        refused(with_one_byte_less(data), "fewer picture data")


def test_memory_is_bounded():
    """A picture of 400 megapixels in 48 kB is checked in little memory."""
    bomb = pictures.png_bomb()
    tracemalloc.start()
    check_complete(bomb, "png")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_work_is_bounded():
    """Rows behind the first ones are not decompressed: what is wrong there, under a right checksum, is not seen."""
    rows = zlib.compress(np.random.default_rng(5).bytes(4 * MOST_INFLATED), 0)
    data = rows[: 2 * MOST_INFLATED] + b"garbage" * 50
    check_complete(pictures._png(MOST_INFLATED - 1, 4, data, 8, 0, None), "png")
    refused(pictures._png(MOST_INFLATED - 1, 4, data[: MOST_INFLATED // 2], 8, 0, None), "fewer picture data")


def test_large_pictures_are_held_to_their_checksums():
    """Of a picture with more rows than are decompressed a change in the last ones is found by its checksum."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (500, 600, 3), np.uint8)).save(stream, "PNG")
    data = stream.getvalue()
    check_complete(data, "png")
    refused(flipped(data, len(data) - 40), "checksum")
