"""Colours as numbers: from sRGB to CIELAB, and how different two colours look (CIEDE2000), over whole arrays.

Arrays keep their precision: 32-bit floats are good to about 0.001, 64-bit ones to every digit that matters.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

Real = TypeVar("Real", bound="np.floating[Any]")

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Lab = tuple[Floats, Floats, Floats]
    Precision = type[np.float32 | np.float64]

_DEGREE = 0.017453292519943295  # in radians
_PI = 3.141592653589793


def srgb_to_lab(colors: NDArray[Real]) -> NDArray[Real]:
    """CIELAB under D65 (n x 3) of sRGB colours (n x 3, 0 to 255): IEC 61966-2-1 and CIE 15:2018, 8.2.1."""
    import numpy as np

    value = colors / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = light @ _to_relative_xyz().astype(colors.dtype)
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root.T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)]).astype(colors.dtype)


def bytes_to_lab(colors: NDArray[np.uint8], precision: Precision) -> Lab:
    """L, a and b of sRGB colours of whole numbers (n x 3, 8 bits): the same by tables, which is faster for many."""
    import numpy as np

    return _look_up(colors, _xyz_tables(np.dtype(precision).name, 256))


def halves_to_lab(doubled: NDArray[np.int16], precision: Precision) -> Lab:
    """L, a and b of sRGB colours in half steps (n x 3, 0 to 510), also by tables."""
    import numpy as np

    return _look_up(doubled, _xyz_tables(np.dtype(precision).name, 511))


def _look_up(colors: NDArray[np.integer[Any]], tables: Floats) -> Lab:
    import numpy as np

    roots = []
    for table in tables:
        ratio = table[0][colors[:, 0]]
        ratio += table[1][colors[:, 1]]
        ratio += table[2][colors[:, 2]]
        roots.append(np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * ((29 / 6) ** 2 / 3) + 4 / 29))
    x, y, z = roots
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@functools.cache
def _to_relative_xyz() -> NDArray[np.float64]:
    """The matrix from linear sRGB to XYZ relative to D65 white, to be multiplied from the right."""
    import numpy as np

    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    # Each row over its sum, which is the white point: then white is exactly 1, 1, 1 and grey has no tint.
    return np.asarray((matrix / matrix.sum(axis=1, keepdims=True)).T)


@functools.cache
def _xyz_tables(precision: str, steps: int) -> Floats:
    """What each value of each channel, in that many steps from 0 to 255, adds to X, Y and Z (3 x 3 x steps)."""
    import numpy as np

    value = np.arange(steps) / (steps - 1)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(_to_relative_xyz().T[:, :, None] * light, dtype=precision)


class Difference:
    """CIEDE2000 between one colour and many, or between many pairs.

    Formula: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
    mathematical observations", Color Research and Application 30 (2005), with all three weights 1. Where two hues lie
    opposite to each other the formula jumps: their mean may be taken either way round. `distances` takes the shorter way as
    the paper does, `least` the way that gives less, and `is_doubtful` tells where the least imprecision would change the way.
    """

    def __init__(self, one: tuple[float, float, float] | Lab, others: Lab) -> None:
        import numpy as np

        lightness, a, b = others
        own_l, own_a, own_b = (np.asarray(value, lightness.dtype) for value in one)
        own_chroma = np.hypot(own_a, own_b)
        stretch = _stretch((np.sqrt(a * a + b * b) + own_chroma) * 0.5)
        own_stretched, stretched = own_a * stretch, a * stretch
        own_chroma, chroma = np.sqrt(own_stretched**2 + own_b**2), np.sqrt(stretched**2 + b**2)
        own_hue, hue = _positive(np.arctan2(own_b, own_stretched)), _positive(np.arctan2(b, stretched))
        turn = hue - own_hue
        # Exactly opposite hues are not over it, whatever the last digits say.
        self._is_over = np.abs(turn) > _PI + 1e-9
        self._angle = np.where(self._is_over, 2 * _PI - np.abs(turn), np.abs(turn))
        self._mean_hue = (own_hue + hue) * 0.5
        self._mean_chroma = (own_chroma + chroma) * 0.5
        self._hues = 2 * np.sqrt(own_chroma * chroma) * np.sin(turn * 0.5)
        middle = ((lightness + own_l) * 0.5 - 50) ** 2
        weight = 1 + 0.015 * middle / np.sqrt(20 + middle)
        self._lightness = (lightness - own_l) / weight
        self._chroma = (chroma - own_chroma) / (1 + 0.045 * self._mean_chroma)

    def distances(self) -> Floats:
        """The difference to each of the colours; 0 for the same, about 1 where an eye begins to see it, 100 black to white."""
        return self._taken(self._is_over, slice(None))

    def least(self) -> Floats:
        """The same, but where the hues are more than a right angle apart the lesser of both ways round."""
        import numpy as np

        usual = self._taken(self._is_over, slice(None))
        far = np.flatnonzero(self._angle > _PI / 2)
        if len(far):
            usual[far] = np.minimum(usual[far], self._taken(~self._is_over[far], far))
        return usual

    def is_doubtful(self) -> NDArray[np.bool_]:
        """Where the hues are so nearly opposite that imprecise numbers might go the other way round."""
        import numpy as np

        return np.asarray(self._angle > _PI - 0.002)

    def _taken(self, is_over: NDArray[np.bool_], part: slice | NDArray[np.intp]) -> Floats:
        """The differences of a part, with the mean hue taken over the far side where `is_over`."""
        import numpy as np

        mean = self._mean_hue[part] + is_over.astype(self._mean_hue.dtype) * _PI
        balance = (
            1
            - 0.17 * np.cos(mean - 30 * _DEGREE)
            + 0.24 * np.cos(2 * mean)
            + 0.32 * np.cos(3 * mean + 6 * _DEGREE)
            - 0.2 * np.cos(4 * mean - 63 * _DEGREE)
        )
        chroma, mean_chroma = self._chroma[part], self._mean_chroma[part]
        hues = np.where(is_over, -self._hues[part], self._hues[part])
        hues /= 1 + 0.015 * mean_chroma * balance
        from_blue = (np.mod(mean, 2 * _PI) - 275 * _DEGREE) / (25 * _DEGREE)
        rotation = -2 * np.sin(60 * _DEGREE * np.exp(-(from_blue**2))) * _strong(mean_chroma)
        square = self._lightness[part] ** 2 + chroma**2 + hues**2 + rotation * chroma * hues
        return np.asarray(np.sqrt(np.maximum(square, 0)))


def _positive(hue: Floats) -> Floats:
    """The same angle from 0 to a full turn, as the paper counts."""
    return hue + (hue < 0).astype(hue.dtype) * 2 * _PI


def _strong(chroma: Floats) -> Floats:
    """The paper's factor that grows from 0 to 1 with chroma, half way at about 25."""
    import numpy as np

    cube = chroma * chroma * chroma
    seventh = cube * cube * chroma
    return np.asarray(np.sqrt(seventh / (seventh + 25.0**7)))


def _stretch(chroma: Floats) -> Floats:
    """By how much the axis from green to red is stretched near grey."""
    return 1.5 - 0.5 * _strong(chroma)
