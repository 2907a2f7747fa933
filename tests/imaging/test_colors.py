"""The dominant colours of pictures whose colours are known."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from calotype.imaging.colors import dominant_colors
from tests.imaging.pictures import RED, encode, photo, quadrants


def test_flat_red_is_one_color():
    """A red JPEG has one colour near #FF0000 that is all of it, at the place CIELAB has for it."""
    pixels = np.asarray(Image.open(io.BytesIO(encode(np.full((48, 64, 3), (255, 0, 0), np.uint8), quality=80))))
    (red,) = dominant_colors(pixels)
    assert np.abs(np.array(red.rgb) - (255, 0, 0)).max() <= 2
    assert red.percentage >= 99.9
    # sRGB red under D65: Lab 53.24, 80.09, 67.20.
    assert np.abs(np.array(red.lab) - (53.24, 80.09, 67.20)).max() < 1
    assert red.rank == 1


def test_white_and_black_have_no_tint():
    """White is L 100, black is L 0, and both have a and b of 0."""
    half = np.zeros((10, 10, 3), np.uint8)
    half[:, :5] = 255
    found = {color.hex: color.lab for color in dominant_colors(half)}
    assert set(found) == {"#FFFFFF", "#000000"}
    assert found["#FFFFFF"] == pytest.approx((100, 0, 0), abs=0.05)
    assert found["#000000"] == pytest.approx((0, 0, 0), abs=0.05)


def test_shares_are_measured():
    """Quarters of four colours are found as such; of unequal shares the larger comes first."""
    found = dominant_colors(quadrants(64, 48))
    assert [color.percentage for color in found] == [25.0] * 4
    pixels = np.full((10, 10, 3), (0, 0, 255), np.uint8)
    pixels[:3] = (0, 255, 0)
    assert [(color.hex, color.percentage) for color in dominant_colors(pixels)] == [
        ("#0000FF", 70.0),
        ("#00FF00", 30.0),
    ]


def test_transparent_pixels_do_not_count():
    """Of a picture half transparent only the other half counts, and of an empty one nothing."""
    pixels = np.dstack([quadrants(), np.full((48, 64), 255, np.uint8)])
    pixels[:, 32:, 3] = 0
    found = dominant_colors(pixels)
    assert [color.percentage for color in found] == [50.0, 50.0]
    assert found[0].rgb == RED or found[1].rgb == RED
    pixels[..., 3] = 0
    assert dominant_colors(pixels) == ()


def test_noise_around_one_color_is_that_color():
    """A sky with noise is one blue, not many."""
    noise = np.random.default_rng(0).normal(0, 4, (48, 64, 3))
    pixels = np.clip(np.array((90, 150, 220)) + noise, 0, 255).astype(np.uint8)
    first, *rest = dominant_colors(pixels)
    assert first.percentage > 95
    assert np.abs(np.array(first.rgb) - (90, 150, 220)).max() < 4
    assert sum(color.percentage for color in rest) < 5


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), width=st.integers(1, 64), height=st.integers(1, 64), natural=st.booleans())
def test_every_picture_keeps_the_rules(seed, width, height, natural):
    """At most 16 colours, percentages descending and summing to at most 100, ranks from 1, no two alike."""
    if natural:
        pixels = photo(max(4, width), max(4, height), seed)
    else:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    found = dominant_colors(pixels)
    shares = [color.percentage for color in found]
    assert len(found) <= 16
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 100 + 1e-6
    assert [color.rank for color in found] == list(range(1, len(found) + 1))
    assert len({color.hex for color in found}) == len(found)
    for color in found:
        assert 0 <= color.lab[0] <= 100
