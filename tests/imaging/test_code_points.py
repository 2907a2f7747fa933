"""Colours described by code points: high dynamic range is brought down, wide gamut converted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.imaging.code_points import HLG, PQ, CodePoints, from_code_points, read_code_points
from tests.imaging.pictures import CORPUS, encode, heic, needs_corpus, quadrants


def pq(nits):
    """The PQ signal, 0 to 255, of a luminance (SMPTE ST 2084)."""
    power = (nits / 10_000) ** 0.1593017578125
    return round(255 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def test_pq_grey_has_the_right_tone():
    """A grey of a fifth of paper white, 40.6 cd/m2, is the sRGB value of 0.2, to the step of 8-bit PQ."""
    found = from_code_points(np.full((2, 2, 3), pq(40.6), np.uint8), CodePoints(9, PQ))
    assert np.abs(found.astype(int) - 124).max() <= 3


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_brightness_never_goes_backwards(transfer):
    """A brighter signal is never darker in sRGB, black is black, and highlights still differ."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    found = from_code_points(ramp, CodePoints(9, transfer))[0].astype(int)
    assert (np.diff(found, axis=0) >= 0).all()
    assert found[0].max() == 0
    assert found[-1].min() >= 250
    bright = pq(203) if transfer == PQ else 191
    assert found[bright].max() < found[bright + 30].max()


def test_wide_gamut_without_hdr():
    """Full P3 green is out of sRGB and clipped to its green; grey stays grey."""
    green = from_code_points(np.full((1, 1, 3), (0, 255, 0), np.uint8), CodePoints(12, 13))
    assert green.tolist() == [[[0, 255, 0]]]
    grey = from_code_points(np.full((1, 1, 3), 77, np.uint8), CodePoints(12, 13))
    assert np.abs(grey.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("points", [None, CodePoints(1, 13), CodePoints(2, 2), CodePoints(1, 1)])
def test_ordinary_pictures_are_left_alone(points):
    """Pixels in sRGB, or in nothing that is known, are returned as they are."""
    pixels = quadrants()
    assert from_code_points(pixels, points) is pixels


def test_alpha_stays():
    """Only colours are converted."""
    pixels = np.dstack([quadrants(16, 16), np.arange(256, dtype=np.uint8).reshape(16, 16)])
    found = from_code_points(pixels, CodePoints(9, PQ))
    assert (found[..., 3] == pixels[..., 3]).all()


def test_code_points_are_read():
    """The code points of an AVIF and a HEIC are found; a JPEG has none."""
    assert read_code_points(encode(quadrants(), "AVIF")).transfer == 13
    assert read_code_points(heic()).primaries == 1
    assert read_code_points(encode(quadrants())) is None


@given(data=st.binary(max_size=120), start=st.integers(0, 400))
def test_damaged_files_have_some_or_none(data, start):
    """Damage anywhere in the boxes gives code points or none, and raises nothing."""
    whole = heic()
    found = read_code_points(whole[:start] + data + whole[start + len(data) :])
    assert found is None or isinstance(found, CodePoints)


@needs_corpus
def test_a_real_hdr_picture():
    """The HDR photograph of the corpus says PQ and P3."""
    path = CORPUS / "photos" / "formats" / "avif" / "10bit-HDR-P3-nclx.avif"
    assert read_code_points(path.read_bytes()) == CodePoints(12, PQ)
