"""Upright copies: other programs see the picture that was meant, and nothing tells them to turn it again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.upright import UprightSize, upright_size, write_upright
from tests.contracts.photos import CORNERS, corner_colors, corners, encoded, exif
from tests.imaging.held import held

SAMPLE = (48, 32)  # pixels
KINDS = ("JPEG", "PNG")


def size_of(data, kind):
    """What the header of a file in memory says."""
    return upright_size(lambda offset, length: data[offset : offset + length], len(data), kind.lower())


def turned(tmp_path, data, orientation):
    """The upright copy of a file."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    write_upright(str(source), str(target), orientation)
    return target.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_becomes_upright(tmp_path, orientation, kind):
    """However a camera was held, the copy shows the picture upright, with or without looking at EXIF, in its own format."""
    data = held(orientation, kind)
    assert size_of(data, kind) == UprightSize(*SAMPLE, orientation)
    copy = turned(tmp_path, data, orientation)
    with Image.open(io.BytesIO(copy)) as read:
        assert (read.format, read.size) == (kind, SAMPLE)
        assert read.getexif().get(274, 1) == 1
        assert corner_colors(read) == [0, 1, 2, 3]
    assert size_of(copy, kind) == UprightSize(*SAMPLE, 1)


def test_pictures_without_a_tag_are_upright():
    """Without EXIF a picture is as it is."""
    assert size_of(encoded(corners(*SAMPLE)), "JPEG") == UprightSize(*SAMPLE, 1)


def test_a_png_loses_nothing(tmp_path):
    """Each pixel of a PNG, transparent ones too, is where it belongs, with its value."""
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 4), np.uint8)
    copy = turned(tmp_path, encoded(Image.fromarray(pixels), "PNG", exif=exif(6)), 6)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(copy))), np.rot90(pixels, -1))


def test_deep_pictures_stay_deep(tmp_path):
    """Sixteen bits of grey are still sixteen bits."""
    values = np.random.default_rng(2).integers(0, 65_536, (20, 30), np.uint16)
    copy = turned(tmp_path, encoded(Image.fromarray(values), "PNG", exif=exif(8)), 8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(copy))).astype(np.uint16), np.rot90(values))


def test_a_jpeg_stays_close(tmp_path):
    """A JPEG, which is encoded again, differs by no more than anybody could see, and keeps its profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ramp = np.linspace(0, 255, 64 * 96 * 3).reshape(64, 96, 3).astype(np.uint8)
    data = encoded(Image.fromarray(ramp), "JPEG", quality=95, exif=exif(3), icc_profile=profile)
    copy = Image.open(io.BytesIO(turned(tmp_path, data, 3)))
    before = np.rot90(np.asarray(Image.open(io.BytesIO(data))).astype(int), 2)
    assert np.abs(np.asarray(copy).astype(int) - before).max() <= 6
    assert copy.info["icc_profile"] == profile


def test_other_metadata_is_not_copied(tmp_path):
    """Whatever else a camera wrote is left out, and so is every other place that could tell how it was held."""
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    packet += (
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    data = encoded(corners(*SAMPLE), "JPEG", xmp=packet)
    assert size_of(data, "JPEG") == UprightSize(*reversed(SAMPLE), 6)
    copy = turned(tmp_path, data, 6)
    assert size_of(copy, "JPEG") == UprightSize(*reversed(SAMPLE), 1)
    assert b"Orientation" not in copy


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"no picture"])
def test_what_is_no_picture_is_refused(tmp_path, data):
    """A file that cannot be opened is refused with a reason."""
    with pytest.raises(UndecodablePicture):
        turned(tmp_path, data, 6)


def test_the_limit_on_pixels_is_held(tmp_path):
    """Nothing is decoded of a picture that is larger than allowed."""
    (tmp_path / "source").write_bytes(encoded(corners(100, 100)))
    with pytest.raises(UndecodablePicture) as refusal:
        write_upright(str(tmp_path / "source"), str(tmp_path / "target"), 6, pixel_limit=9_999)
    assert refusal.value.context["limit"] == 9_999


def test_the_sample_has_four_colours():
    """What these tests look at tells all turns and mirrorings apart."""
    assert len(set(CORNERS)) == 4
