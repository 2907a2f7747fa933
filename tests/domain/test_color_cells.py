"""Cells narrow a search and lose nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.domain.color import ColorCriteria, ColorFamily
from calotype.domain.color_cells import cell_of, cells_of, family_of, name_of
from calotype.domain.color_names import COLORS
from calotype.domain.color_space import Difference, bytes_to_lab

channels = st.integers(0, 255)
# Any colour, and more of those at which the formula is delicate: greys, and full channels.
rgbs = st.one_of(
    st.tuples(channels, channels, channels),
    st.tuples(channels, st.integers(-5, 5), st.integers(-5, 5)).map(
        lambda t: (t[0], min(255, max(0, t[0] + t[1])), min(255, max(0, t[0] + t[2])))
    ),
    st.tuples(*[st.sampled_from((0, 7, 8, 128, 247, 255))] * 3),
)


def every_cell(seed):
    """One colour of each cell, in order of the cells."""
    chance = np.random.default_rng(seed)
    cells = np.arange(32768)
    corner = np.stack([cells >> 10, cells >> 5 & 31, cells & 31], axis=1) * 8
    within = chance.integers(0, 8, corner.shape)
    # Most of what is nearest to something lies on the surface of its cell.
    within = np.where(chance.random(corner.shape) < 0.6, within // 4 * 7, within)
    return (corner + within).astype(np.uint8)


@settings(max_examples=60)
@given(rgbs, st.sampled_from((0.0, 1.0, 3.0, 8.0, 15.0, 25.0, 50.0, 80.0, 100.0)), st.integers(0, 10_000))
def test_no_cell_with_a_near_color_is_left_out(rgb, threshold, seed):
    """Of one colour in every cell, all that are within the threshold lie in the cells that are looked at."""
    colors = every_cell(seed)
    place = tuple(float(value[0]) for value in bytes_to_lab(np.array([rgb], np.uint8), np.float64))
    near = Difference(place, bytes_to_lab(colors, np.float64)).distances() <= threshold
    cells = cells_of(ColorCriteria(rgb=rgb, threshold=threshold))
    assert set(np.flatnonzero(near)) <= set(cells)
    assert cell_of(rgb) in cells
    assert cells == sorted(set(cells))


def test_a_narrow_search_looks_at_few_cells():
    """Narrowing is what they are for."""
    for rgb in ((128, 128, 128), (200, 30, 40), (20, 40, 200)):
        assert len(cells_of(ColorCriteria(rgb=rgb, threshold=0))) <= 2
        assert len(cells_of(ColorCriteria(rgb=rgb, threshold=5))) < 1000
        assert len(cells_of(ColorCriteria(rgb=rgb, threshold=100))) > 16_000


@given(st.tuples(channels, channels, channels))
def test_a_name_and_a_family_take_up_whole_cells(rgb):
    """All colours of a cell have the name and the family of any of them, so their cells are exact."""
    corner = tuple(channel & 0xF8 for channel in rgb)
    assert (name_of(rgb), family_of(rgb)) == (name_of(corner), family_of(corner))
    assert cell_of(rgb) in cells_of(ColorCriteria(name=name_of(rgb)))
    assert cell_of(rgb) in cells_of(ColorCriteria(family=family_of(rgb)))


def test_every_cell_has_one_family_and_one_name():
    """Together they are all there is, and nobody is in two."""
    by_family = [cell for family in ColorFamily for cell in cells_of(ColorCriteria(family=family))]
    assert sorted(by_family) == list(range(32768))
    whole = {name: cells_of(ColorCriteria(name=name)) for name in COLORS}
    assert set().union(*whole.values()) == set(range(32768))
    assert set(whole["dark grey"]) < set(whole["grey"])
    assert cells_of(ColorCriteria(name="GREY")) == whole["grey"]
    assert cells_of(ColorCriteria(name="no such colour")) == []


@pytest.mark.parametrize("family", ColorFamily)
def test_criteria_are_joined(family):
    """A colour and a family leave the cells that both leave."""
    near = cells_of(ColorCriteria(rgb=(150, 110, 70), threshold=20))
    both = cells_of(ColorCriteria(rgb=(150, 110, 70), threshold=20, family=family))
    assert both == sorted(set(near) & set(cells_of(ColorCriteria(family=family))))
