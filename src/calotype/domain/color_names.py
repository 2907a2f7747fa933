"""Plain English names of colours, by nearness in CIELAB."""

from __future__ import annotations

import functools
from collections.abc import Mapping

Lab = tuple[float, float, float]

# One typical sRGB value for each name; chosen so that the names cover the whole space about evenly.
COLORS: Mapping[str, tuple[int, int, int]] = {
    "black": (12, 12, 12),
    "dark grey": (72, 72, 72),
    "grey": (128, 128, 128),
    "light grey": (195, 195, 195),
    "white": (250, 250, 250),
    "red": (205, 25, 35),
    "dark red": (110, 15, 25),
    "pink": (244, 166, 190),
    "magenta": (215, 40, 150),
    "purple": (110, 40, 140),
    "lavender": (190, 165, 220),
    "blue": (35, 75, 200),
    "dark blue": (12, 22, 108),
    "light blue": (150, 200, 235),
    "steel blue": (58, 100, 160),
    "blue grey": (95, 115, 138),
    "turquoise": (60, 195, 195),
    "teal": (15, 110, 115),
    "green": (45, 145, 60),
    "dark green": (22, 66, 36),
    "light green": (155, 212, 140),
    "bright green": (50, 230, 60),
    "grey green": (125, 145, 120),
    "olive": (112, 112, 40),
    "yellow": (248, 220, 50),
    "cream": (246, 236, 205),
    "beige": (214, 195, 160),
    "ochre": (200, 150, 40),
    "orange": (242, 130, 30),
    "peach": (252, 194, 166),
    "brown": (112, 66, 36),
    "dark brown": (58, 38, 24),
    "light brown": (166, 122, 82),
}


def color_name(lab: Lab) -> str:
    """The name whose typical colour is nearest to `lab` (CIELAB under D65), by distance (CIE 1976)."""
    table = _table()
    return min(table, key=lambda name: _distance(table[name], lab))


def lab_of(rgb: tuple[int, int, int]) -> Lab:
    """An sRGB colour (0-255 a channel) in CIELAB under D65; formulas of IEC 61966-2-1 and CIE 15:2004."""
    red, green, blue = (_linear(channel / 255) for channel in rgb)
    x = _root((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047)
    y = _root(0.2126729 * red + 0.7151522 * green + 0.0721750 * blue)
    z = _root((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@functools.cache
def _table() -> dict[str, Lab]:
    return {name: lab_of(rgb) for name, rgb in COLORS.items()}


def _distance(one: Lab, other: Lab) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _root(value: float) -> float:
    return float(value ** (1 / 3)) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29
