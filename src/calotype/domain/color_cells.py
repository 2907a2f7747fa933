"""The space of sRGB colours in 32,768 cells of 5 bits a channel, which searches are narrowed by.

Name and family of a colour are those of its cell's middle, which is never more than four of 255 away in any channel. So the
cells that a name or a family takes up are known exactly, and nothing of either need be stored. Which cells hold a colour
near to a given one is bounded from their middles.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from calotype.domain.color import ColorCriteria, ColorFamily, Rgb
from calotype.domain.color_names import COLORS
from calotype.domain.color_space import Difference, halves_to_lab, srgb_to_lab

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calotype.domain.color_space import Floats, Lab

_SIDE = 32
# How much nearer than its middle a colour of a cell can be, in times the difference between the middle and the farthest
# corner. It grows where the colour in question has much more chroma than the cell, since the formula multiplies the chromas
# of both. Found by trying a sixth of the colours of every cell against some 150 colours, not proven
# (`tests/domain/test_color_cells.py` goes on trying).
_REACH, _MOST_REACH = 1.7, 3.2
# Halves of a cell reach half as far; no more than this in the worst place.
_HALVING = 0.52
# Where the formula jumps, far from the colour in question, a little more is needed.
_SLACK = 0.03
_IMPRECISION = 0.01  # of 32 bits, and of rounding
_MOST_PARTS = 15_000
_REFINEMENTS = 3  # then parts of cells are single colours


def cell_of(rgb: Rgb) -> int:
    """The number of the cell a colour lies in: the five highest bits of each channel."""
    red, green, blue = rgb
    return red >> 3 << 10 | green >> 3 << 5 | blue >> 3


def name_of(rgb: Rgb) -> str:
    """The plain English name of a colour."""
    return _names()[int(_name_numbers()[cell_of(rgb)])]


def family_of(rgb: Rgb) -> ColorFamily:
    """The family a colour belongs to."""
    return tuple(ColorFamily)[int(_family_numbers()[cell_of(rgb)])]


def cells_of(criteria: ColorCriteria) -> list[int]:
    """The cells in which colours may lie that meet the criteria, in ascending order.

    Every colour of these cells has the name and family asked for. Not every one is within the threshold of the colour asked
    for, but no colour that is lies elsewhere.
    """
    import numpy as np

    is_possible = np.ones(_SIDE**3, bool)
    if criteria.name is not None:
        part = criteria.name.casefold()
        is_possible &= np.array([part in name for name in _names()])[_name_numbers()]
    if criteria.family is not None:
        is_possible &= _family_numbers() == tuple(ColorFamily).index(criteria.family)
    if criteria.rgb is None:
        return [int(cell) for cell in np.flatnonzero(is_possible)]
    return [cell for cell in _cells_near(criteria.rgb, criteria.threshold) if is_possible[cell]]


@functools.lru_cache(maxsize=256)
def _cells_near(rgb: Rgb, threshold: float) -> tuple[int, ...]:
    """The cells that may hold a colour within `threshold` of `rgb`: those of which it cannot be excluded, part by part."""
    import numpy as np

    own = halves_to_lab(np.array([rgb], np.int16) * 2, np.float64)
    place = (float(own[0][0]), float(own[1][0]), float(own[2][0]))
    found = np.zeros(_SIDE**3, bool)
    # No difference is smaller than that of lightness, whose weight is 1.75 at most; cells are less than 14 high.
    cells = np.flatnonzero(np.abs(_places()[0] - place[0]) <= 1.75 * threshold + 7)
    middles, radii = _middles()[cells], _radii()[cells]
    for step in range(_REFINEMENTS + 1):
        places = halves_to_lab(middles, np.float32)
        nearest = Difference(place, places).least()
        found[cells[nearest <= threshold + _IMPRECISION]] = True
        if step == _REFINEMENTS:
            break
        least = nearest * (1 - _SLACK) - _reach(place, places) * radii
        open_ = np.flatnonzero((least <= threshold + _IMPRECISION) & ~found[cells])
        if len(open_) > _MOST_PARTS:
            # Where so much is found anyway, looking closer takes longer than it saves.
            found[cells[open_]] = True
            break
        offsets = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.int16)
        middles = (middles[open_][:, None, :] + offsets * (4 >> step)).reshape(-1, 3)
        cells, radii = np.repeat(cells[open_], 8), np.repeat(radii[open_] * _HALVING, 8)
    return tuple(found.nonzero()[0].tolist())


def _reach(place: tuple[float, float, float], places: Lab) -> Floats:
    """How far parts of cells reach towards a colour, in their radii."""
    import numpy as np

    chroma = np.hypot(places[1], places[2])
    return np.asarray(np.clip(np.sqrt(np.hypot(place[1], place[2]) / np.maximum(chroma, 1)), _REACH, _MOST_REACH))


@functools.cache
def _middles() -> NDArray[np.int16]:
    """The colour in the middle of each cell (32,768 x 3), in half steps."""
    import numpy as np

    values = np.arange(_SIDE, dtype=np.int16) * 16 + 7
    return np.stack(np.meshgrid(values, values, values, indexing="ij"), -1).reshape(-1, 3)


@functools.cache
def _places() -> Lab:
    """CIELAB of the middle of each cell."""
    import numpy as np

    return halves_to_lab(_middles(), np.float64)


@functools.cache
def _radii() -> Floats:
    """CIEDE2000 between the middle of each cell and that of its corners that differs most."""
    import numpy as np

    farthest = np.zeros(_SIDE**3)
    for corner in np.array([[x, y, z] for x in (-7, 7) for y in (-7, 7) for z in (-7, 7)], np.int16):
        others = halves_to_lab(_middles() + corner, np.float64)
        np.maximum(farthest, Difference(_places(), others).distances(), out=farthest)
    return farthest.astype(np.float32)


@functools.cache
def _names() -> tuple[str, ...]:
    return tuple(COLORS)


@functools.cache
def _name_numbers() -> NDArray[np.int8]:
    """For each cell the number of the name whose typical colour is nearest to its middle (CIE 1976)."""
    import numpy as np

    typical = srgb_to_lab(np.array(list(COLORS.values()), np.float64))
    places = np.column_stack(_places())
    square = np.stack([((places - place) ** 2).sum(axis=1) for place in typical])
    return np.asarray(square.argmin(axis=0), np.int8)


@functools.cache
def _family_numbers() -> NDArray[np.int8]:
    """For each cell the number of its family.

    The first that fits of these rules counts, in terms of L*, chroma C* and hue angle h (degrees) of CIELAB and of saturation
    and value (0 to 1) of HSV:

    - neutral: C* below 8, or L* below 7;
    - metallic: steel (h 200 to 300, C* below 18, L* 35 to 80), gold (h 80 to 95, C* 40 to 65, L* 58 to 82) and copper
      (h 50 to 66, C* 38 to 50, L* 50 to 62);
    - vibrant: saturation from 0.75 and value from 0.7, with C* from 40;
    - pastel: L* from 72 and C* below 40;
    - earth tones: h 35 to 115, L* below 72 and C* below 55;
    - warm: h of red, orange, yellow or pink, from 340 to 100;
    - cool: what remains.
    """
    import numpy as np

    lightness, a, b = _places()
    chroma = np.hypot(a, b)
    hue = np.degrees(np.arctan2(b, a)) % 360
    value = _middles().max(axis=1) / 510
    saturation = 1 - _middles().min(axis=1) / _middles().max(axis=1)

    def within(what: Floats, low: float, high: float) -> NDArray[np.bool_]:
        return np.asarray((what >= low) & (what < high))

    steel = within(hue, 200, 300) & (chroma < 18) & within(lightness, 35, 80)
    gold = within(hue, 80, 95) & within(chroma, 40, 65) & within(lightness, 58, 82)
    copper = within(hue, 50, 66) & within(chroma, 38, 50) & within(lightness, 50, 62)
    rules = {
        ColorFamily.NEUTRAL: (chroma < 8) | (lightness < 7),
        ColorFamily.METALLIC: steel | gold | copper,
        ColorFamily.VIBRANT: (saturation >= 0.75) & (value >= 0.7) & (chroma >= 40),
        ColorFamily.PASTEL: (lightness >= 72) & (chroma < 40),
        ColorFamily.EARTH_TONE: within(hue, 35, 115) & (lightness < 72) & (chroma < 55),
        ColorFamily.WARM: (hue >= 340) | (hue < 100),
    }
    families = tuple(ColorFamily)
    numbers = [families.index(family) for family in rules]
    return np.asarray(np.select(list(rules.values()), numbers, families.index(ColorFamily.COOL)), np.int8)
