"""Transparent variants become JPEGs that look as on white paper."""

import io

import numpy as np
import pytest
from PIL import Image

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.encode import WEBP, encode
from calotype.imaging.opaque import to_jpeg


def test_what_is_transparent_lies_on_white():
    """The left half is opaque red, the right half invisible black."""
    pixels = np.zeros((64, 128, 4), dtype=np.uint8)
    pixels[:, :64] = (200, 0, 0, 255)
    content_type, variant = encode(pixels)
    assert content_type == WEBP
    made = Image.open(io.BytesIO(to_jpeg(variant)))
    assert (made.format, made.mode, made.size) == ("JPEG", "RGB", (128, 64))
    assert made.getpixel((100, 32))[1] > 250
    red = made.getpixel((20, 32))
    assert red[0] > 180
    assert red[1] < 30


def test_what_is_opaque_stays_as_it_looks():
    """Size and colours."""
    variant = encode(np.full((40, 30, 3), 90, dtype=np.uint8))[1]
    made = Image.open(io.BytesIO(to_jpeg(variant)))
    assert made.size == (30, 40)
    assert abs(made.getpixel((15, 20))[1] - 90) <= 2


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a picture", b"RIFF\x10\x00\x00\x00WEBPVP8 "])
def test_what_is_no_picture_is_refused(data):
    """In our own words."""
    with pytest.raises(UndecodablePicture):
        to_jpeg(data)
