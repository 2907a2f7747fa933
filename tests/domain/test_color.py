"""What is said of a picture's colours, one by one and together."""

from __future__ import annotations

import colorsys
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.asset import State
from calotype.domain.color import (
    FAMILIES,
    Brightness,
    ColorAnalysis,
    ColorFamily,
    Extraction,
    Saturation,
    Temperature,
    analytics_of,
    colors_of,
    hsl_of,
    score_of,
)
from calotype.domain.color_cells import family_of, name_of
from calotype.domain.color_names import COLORS, lab_of
from calotype.domain.picture import DominantColor

rgbs = st.tuples(*[st.integers(0, 255)] * 3)


def color(rgb, percentage=100.0, rank=1):
    """A dominant colour."""
    return DominantColor(rank, percentage, rgb, lab_of(rgb))


@given(rgbs)
def test_every_color_has_a_name_a_family_and_a_place_in_hsl(rgb):
    """Whatever the colour; and HSL leads back to it."""
    assert name_of(rgb) in COLORS
    assert family_of(rgb) in ColorFamily
    hue, saturation, lightness = hsl_of(rgb)
    assert 0 <= hue <= 360
    assert 0 <= saturation <= 100.0001
    assert 0 <= lightness <= 100
    back = colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)
    assert tuple(round(channel * 255) for channel in back) == rgb


@pytest.mark.parametrize("definition", FAMILIES, ids=lambda definition: definition.family)
def test_the_examples_of_a_family_belong_to_it(definition):
    """What is shown for a family is found by it."""
    assert definition.examples
    for example in definition.examples:
        assert family_of(tuple(bytes.fromhex(example[1:]))) is definition.family, example


def test_each_family_is_defined_once():
    """In the order of the wire format."""
    assert [definition.family for definition in FAMILIES] == list(ColorFamily)


@pytest.mark.parametrize(
    ("rgb", "name", "family"),
    [
        ((0, 0, 0), "black", "neutral"),
        ((255, 255, 255), "white", "neutral"),
        ((128, 128, 128), "grey", "neutral"),
        ((255, 0, 0), "red", "vibrant"),
        ((0, 0, 255), "blue", "vibrant"),
        ((255, 255, 0), "yellow", "vibrant"),
        ((0, 128, 0), "green", "cool"),
        ((139, 69, 19), "brown", "earth_tone"),
        ((255, 192, 203), "pink", "pastel"),
        ((135, 206, 235), "light blue", "pastel"),
        ((112, 128, 144), "blue grey", "metallic"),
        ((150, 45, 55), "dark red", "warm"),
    ],
)
def test_well_known_colors_are_called_what_people_call_them(rgb, name, family):
    """By name and by family."""
    assert (name_of(rgb), family_of(rgb)) == (name, family)


@pytest.mark.parametrize(
    ("colors", "expected"),
    [
        ([], ("neutral", "dark", "muted")),
        ([color((0, 0, 0))], ("neutral", "dark", "muted")),
        ([color((128, 128, 128))], ("neutral", "medium", "muted")),
        ([color((255, 255, 255))], ("neutral", "light", "muted")),
        ([color((255, 0, 0))], ("warm", "medium", "vivid")),
        ([color((255, 220, 60))], ("warm", "light", "vivid")),
        ([color((10, 40, 120))], ("cool", "dark", "vivid")),
        ([color((255, 0, 0), 50), color((0, 128, 255), 50, 2)], ("neutral", "medium", "vivid")),
        ([color((250, 250, 250), 90), color((255, 0, 0), 4, 2)], ("neutral", "light", "muted")),
    ],
)
def test_analytics_say_what_people_see(colors, expected):
    """Warm or cool, dark or light, muted or vivid."""
    found = analytics_of(colors)
    assert (found.temperature, found.brightness, found.saturation) == expected


@given(st.lists(st.tuples(rgbs, st.floats(0.5, 100)), max_size=16))
def test_analytics_stay_within_their_bounds_and_are_means(made):
    """Whatever the colours and their shares; scaling all shares changes nothing."""
    found = analytics_of([color(rgb, share) for rgb, share in made])
    assert 0 <= found.warmth <= 1
    assert 0 <= found.lightness <= 100
    assert 0 <= found.chroma <= 100
    assert found.temperature in Temperature
    assert found.brightness in Brightness
    assert found.saturation in Saturation
    halved = analytics_of([color(rgb, share / 2) for rgb, share in made])
    assert (halved.warmth, halved.lightness, halved.chroma) == pytest.approx(
        (found.warmth, found.lightness, found.chroma)
    )


@pytest.mark.parametrize(
    ("distance", "threshold", "score"), [(0, 15, 1), (0, 0, 1), (15, 15, 0), (7.5, 15, 0.5), (20, 15, 0)]
)
def test_scores_fall_from_one_to_zero(distance, threshold, score):
    """1 for the same colour, whatever the threshold; 0 at the threshold."""
    assert score_of(distance, threshold) == score


ANALYSIS = ColorAnalysis(16, datetime(2026, 1, 1, tzinfo=UTC), ())


@pytest.mark.parametrize(
    ("variant_status", "status", "analysis", "expected", "is_told"),
    [
        (State.PENDING, None, None, "pending", False),
        (State.PROCESSING, None, None, "processing", False),
        (State.FAILED, None, None, "failed", False),
        (State.PENDING, State.PENDING, None, "queued", False),
        (State.COMPLETED, State.PENDING, ANALYSIS, "queued", False),
        (State.COMPLETED, State.PROCESSING, ANALYSIS, "processing", False),
        (State.COMPLETED, State.COMPLETED, ANALYSIS, "completed", True),
        (State.PROCESSING, State.COMPLETED, ANALYSIS, "completed", True),
        (State.FAILED, State.FAILED, None, "failed", False),
        (State.COMPLETED, State.FAILED, ANALYSIS, "failed", True),
    ],
)
def test_the_state_follows_from_the_rows(variant_status, status, analysis, expected, is_told):
    """Before the first extraction the development tells it, afterwards the newest extraction does."""
    asset = SimpleNamespace(id=UUID(int=1), variant_status=variant_status)
    extraction = None if status is None else Extraction(asset.id, 16, status, analysis)
    found = colors_of(asset, extraction)
    assert found.state == expected
    assert (found.analysis is not None) is is_told
