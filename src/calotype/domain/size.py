"""Sizes in bytes as people write and read them."""

from __future__ import annotations

import re
from decimal import Decimal

from calotype.domain.errors import InvalidInput

_LETTERS = "kMGTP"
_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{letter}b": 1000**power for power, letter in enumerate(_LETTERS.lower(), 1)}
_UNITS |= {f"{letter}ib": 1024**power for power, letter in enumerate(_LETTERS.lower(), 1)}
_FORM = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?) ?([a-z]{0,3})", re.ASCII)


def parse_size(text: str) -> int:
    """Bytes from `750000`, `500GB` (thousands) or `1.5 TiB` (of 1024), in any letter case. Raises InvalidInput."""
    match = _FORM.fullmatch(text.strip().lower())
    factor = _UNITS.get(match[2]) if match else None
    if match is None or factor is None:
        raise InvalidInput(f"{text!r} is no size; write 750000, 500GB or 1.5TiB", field="size")
    size = Decimal(match[1]) * factor
    if size != int(size):
        raise InvalidInput(f"{text!r} is no whole number of bytes", field="size")
    return int(size)


def format_size(size: int) -> str:
    """A size in its greatest unit of thousands with at most one decimal, rounded: `12 B`, `1.5 MB`."""
    if size < 1000:
        return f"{size} B"
    number, power = float(size), 0
    # Rounded first: 999,960 is 1 MB and not 1000 kB.
    while round(number, 1) >= 1000 and power < len(_LETTERS):
        number, power = number / 1000, power + 1
    return f"{number:.1f}".removesuffix(".0") + f" {_LETTERS[power - 1]}B"
