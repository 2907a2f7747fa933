"""Differences of colours are those the formula's authors publish, in either precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.color_names import lab_of
from calotype.domain.color_space import Difference, bytes_to_lab, halves_to_lab, srgb_to_lab

# The 34 pairs of table 1 of the paper: L*, a*, b* of both, and their difference to four places.
PUBLISHED = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
PAIRS = [tuple(map(float, line.split())) for line in PUBLISHED.split("\n") if line]
places = st.tuples(*[st.floats(low, high, allow_subnormal=False) for low, high in ((0, 100), (-110, 110), (-110, 110))])
rgbs = st.tuples(*[st.integers(0, 255)] * 3)


def difference(one, other, precision=np.float64):
    """CIEDE2000 between two places in CIELAB."""
    return float(Difference(one, tuple(np.array([value], precision) for value in other)).distances()[0])


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{PAIRS.index(pair) + 1}")
def test_the_published_pairs_have_the_published_differences(pair):
    """All four places agree, in both directions."""
    one, other, expected = pair[:3], pair[3:6], pair[6]
    assert len(PAIRS) == 34
    assert difference(one, other) == pytest.approx(expected, abs=0.00005)
    assert difference(other, one) == pytest.approx(expected, abs=0.00005)


@given(places, places)
def test_differences_are_symmetric_and_none_is_negative(one, other):
    """Which colour comes first does not matter, and only equal colours do not differ."""
    found = difference(one, other)
    assert found >= 0
    assert difference(other, one) == pytest.approx(found, abs=1e-6)
    assert difference(one, one) == pytest.approx(0, abs=1e-6)
    if max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.5:
        assert found > 0


@given(rgbs, rgbs)
def test_the_lesser_way_round_is_never_more(one, other):
    """A bound from below is one."""
    place = tuple(float(value[0]) for value in bytes_to_lab(np.array([one], np.uint8), np.float64))
    made = Difference(place, bytes_to_lab(np.array([other], np.uint8), np.float64))
    assert made.least()[0] <= made.distances()[0]


@given(st.lists(rgbs, min_size=1, max_size=50), rgbs)
def test_single_precision_is_off_by_less_than_a_hundredth_where_it_is_not_doubtful(others, own):
    """What searches take for granted: 32 bits never mislead by more than the margin they are given."""
    colors = np.array(others, np.uint8)
    place = tuple(float(value[0]) for value in bytes_to_lab(np.array([own], np.uint8), np.float64))
    rough = Difference(place, bytes_to_lab(colors, np.float32))
    fine = Difference(place, bytes_to_lab(colors, np.float64))
    off = np.abs(rough.distances() - fine.distances())
    assert rough.distances().dtype == np.float32
    assert (off[~rough.is_doubtful()] < 0.005).all()


def test_tables_and_formula_agree():
    """Lab by table is Lab by formula, for whole numbers and for half steps; greys have no tint."""
    steps = np.random.default_rng(1).integers(0, 511, (1000, 3)).astype(np.int16)
    by_formula = srgb_to_lab(steps / 2)
    assert np.column_stack(halves_to_lab(steps, np.float64)) == pytest.approx(by_formula, abs=1e-9)
    whole = (steps[steps.max(axis=1) % 2 == 0] // 2 * 2)[:100]
    assert np.column_stack(bytes_to_lab((whole // 2).astype(np.uint8), np.float64)) == pytest.approx(
        srgb_to_lab(whole / 2), abs=1e-9
    )
    assert srgb_to_lab(np.array([[255.0, 255, 255], [119.0, 119, 119]]))[:, 1:] == pytest.approx(0, abs=1e-9)
    assert srgb_to_lab(np.array([[200.0, 30, 40]]))[0] == pytest.approx(lab_of((200, 30, 40)), abs=0.03)
