"""Conversion from ICC profiles to sRGB, against Little CMS and against arithmetic."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from calotype.imaging.color_profile import to_srgb
from calotype.imaging.decode_jpeg import read_icc
from calotype.imaging.matrix_profile import read_matrix_profile
from tests.imaging.pictures import grey_icc_profile, icc_profile, jpeg, photo


def by_lcms(pixels, profile):
    """The pixels in sRGB as Little CMS converts them."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(pixels), source, target, renderingIntent=intent))


@pytest.mark.parametrize("space", ["p3", "adobe", "srgb"])
@pytest.mark.parametrize("curve", ["srgb", 1.8, 2.2, 1.0])
def test_matrix_profiles_agree_with_lcms(space, curve):
    """Two tables and a matrix give what Little CMS gives, to two steps of 255."""
    pixels, profile = photo(80, 60), icc_profile(space, curve)
    assert read_matrix_profile(profile) is not None
    difference = np.abs(to_srgb(pixels, profile).astype(int) - by_lcms(pixels, profile))
    assert np.percentile(difference, 99) <= 2
    assert difference.max() <= 4


def test_srgb_is_left_alone():
    """Pixels with an sRGB profile are returned as they are, not copied."""
    pixels = photo(16, 16)
    assert to_srgb(pixels, icc_profile("srgb")) is pixels
    assert to_srgb(pixels, None) is pixels


def test_alpha_stays():
    """The colours are converted, the alpha is not."""
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.dstack([photo(16, 16), alpha])
    converted = to_srgb(pixels, icc_profile("p3"))
    assert (converted[..., 3] == alpha).all()
    assert (converted[..., :3] != pixels[..., :3]).any()


def test_linear_grey():
    """A grey profile of gamma 1 makes the middle brighter, and grey stays grey."""
    converted = to_srgb(np.full((4, 4, 3), 128, np.uint8), grey_icc_profile(1.0))
    assert np.abs(converted.astype(int) - 188).max() <= 2


@pytest.mark.parametrize("profile", [b"", b"nonsense", bytes(500), icc_profile()[:200], icc_profile()[:140]])
def test_broken_profiles_change_nothing(profile):
    """A profile that cannot be read is as good as none."""
    pixels = photo(8, 8)
    assert (to_srgb(pixels, profile) == pixels).all()


@given(data=st.binary(max_size=300), start=st.integers(0, 400))
def test_damaged_profiles_never_raise(data, start):
    """A profile damaged anywhere converts somehow or not at all."""
    profile = icc_profile()
    damaged = profile[:start] + data + profile[start + len(data) :]
    assert to_srgb(np.zeros((2, 2, 3), np.uint8), damaged).shape == (2, 2, 3)


def test_profiles_are_joined_from_segments():
    """A profile longer than a segment is put together again; a picture without one has none."""
    long = icc_profile() + bytes(150_000)
    assert read_icc(jpeg(icc=long)) == long
    assert read_icc(jpeg()) is None
    assert read_icc(b"") is None


@given(data=st.binary(max_size=200))
def test_any_bytes_may_follow_the_first_marker(data):
    """Looking for a profile in anything at all raises nothing, and finds only what is there."""
    found = read_icc(b"\xff\xd8\xff" + data)
    assert found is None or found in data
