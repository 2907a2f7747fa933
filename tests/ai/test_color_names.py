"""Colours are called what people call them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.color_names import COLORS, color_name, lab_of


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((255, 0, 0), "red"),
        ((0, 0, 255), "blue"),
        ((0, 0, 128), "dark blue"),
        ((0, 128, 0), "green"),
        ((255, 255, 0), "yellow"),
        ((255, 165, 0), "orange"),
        ((139, 69, 19), "brown"),
        ((255, 192, 203), "pink"),
        ((135, 206, 235), "light blue"),
        ((128, 0, 128), "purple"),
        ((245, 245, 220), "cream"),
    ],
)
def test_well_known_colours_have_their_names(rgb, name):
    """Colours that have a usual name get it."""
    assert color_name(lab_of(rgb)) == name


def test_each_name_is_its_own_typical_colours():
    """No name hides behind another."""
    assert [color_name(lab_of(rgb)) for rgb in COLORS.values()] == list(COLORS)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_conversion_agrees_with_published_values(rgb, lab):
    """CIELAB of the sRGB corners is what tables of it say."""
    assert lab_of(rgb) == pytest.approx(lab, abs=0.03)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_colour_has_a_name(rgb):
    """Any sRGB colour gets one of the names."""
    assert color_name(lab_of(rgb)) in COLORS
