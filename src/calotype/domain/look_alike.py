"""Pictures that look like another one: nearly the same perceptual hash."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from calotype.domain.asset import Asset

HASH_BITS = 64
INDEXED_DISTANCE = 16
"""Up to this Hamming distance an index is quicker than comparing everything. Copies of a picture lie within about 10."""

DEFAULT_DISTANCE = 10

PLAIN_BITS = 8
"""A hash with fewer bits set belongs to a picture without much in it, and lies near every other such hash."""

PLAIN_DISTANCE = 2
"""How many bits plain pictures may differ in at most ..."""

PLAIN_COLOR_DISTANCE = 5.0
"""... and their mean colours, in CIELAB (Delta E 1976): a just visible step is about 2.3."""


def is_plain(phash: int) -> bool:
    """Whether a hash says too little by itself: of a picture of one colour, an even gradient, a blank page."""
    return phash.bit_count() < PLAIN_BITS


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One picture and the number of bits its hash differs in."""

    asset: Asset
    distance: int

    @property
    def similarity(self) -> float:
        """The share of equal bits, 0 to 1."""
        return 1 - self.distance / HASH_BITS


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """The nearest look-alikes of a picture, and how many there are within the distance in all."""

    asset_id: UUID
    max_distance: int
    nearest: tuple[LookAlike, ...]
    total_count: int
