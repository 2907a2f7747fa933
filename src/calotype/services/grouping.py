"""Sorting the files of a library into groups of the same bytes and of look-alikes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from calotype.domain.look_alike import PLAIN_BITS

Hashes = NDArray[np.uint64]
Indexes = NDArray[np.int64]

_BITS = 64
_MOST_BANDS = 7  # with more, each is so narrow that half of all hashes share one, and comparing all is quicker
_BLOCK = 4096
_MOST_PAIRS = 2_000_000  # looked at in one go, some 100 MB


_ROW = np.dtype(
    [
        ("id", "S16"),
        ("checksum", "S32"),
        ("pixels", np.int64),
        ("bytes", np.int64),
        ("created", np.float64),
        ("phash", np.uint64),
        ("is_hashed", np.bool_),
    ]
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a group, and how it compares with the group's first: the same bytes, or so many bits away."""

    id: UUID
    is_identical: bool
    distance: int


def as_rows(contents: Sequence[tuple[bytes, bytes, int, int, float, int | None]]) -> NDArray[Any]:
    """A batch of (id, checksum, pixels, bytes, upload time, hash as a signed integer or None) in 90 bytes each."""
    return np.array([(*row[:5], (row[5] or 0) & (1 << _BITS) - 1, row[5] is not None) for row in contents], _ROW)


def group_contents(batches: Sequence[NDArray[Any]], max_distance: int) -> list[list[Member]]:
    """All groups of at least two; each begins with the file to keep: most pixels, then most bytes, then oldest.

    Files of the same bytes are always together. Hashes that are too plain to be compared join nobody.
    """
    rows = np.concatenate([np.empty(0, _ROW), *batches])
    rows = rows[np.lexsort((rows["id"], rows["created"], -rows["bytes"], -rows["pixels"]))]
    _, firsts, contents = np.unique(rows["checksum"], return_index=True, return_inverse=True)
    same_as = firsts[contents]
    founder, phash = _founders(rows, same_as, max_distance)
    distance = np.bitwise_count(phash[same_as] ^ phash[founder[same_as]])
    founder = founder[same_as]
    together = np.flatnonzero(np.bincount(founder, minlength=len(rows))[founder] > 1)
    together = together[np.lexsort((together, founder[together]))]
    starts = np.flatnonzero(np.diff(founder[together])) + 1
    return [
        [
            Member(
                UUID(bytes=bytes(rows["id"][row]).ljust(16, b"\0")),
                bool(same_as[row] == founder[row]),
                int(distance[row]),
            )
            for row in group
        ]
        for group in np.split(together, starts)
        if len(group)
    ]


def _founders(rows: NDArray[Any], same_as: Indexes, max_distance: int) -> tuple[Indexes, Hashes]:
    """For the first row of each content the first row of its group of look-alikes, and its hash."""
    founder = np.arange(len(rows))
    phash = np.zeros(len(rows), np.uint64)
    comparable = np.flatnonzero(rows["is_hashed"] & (np.bitwise_count(rows["phash"]) >= PLAIN_BITS))
    # A copy may have its hash already while the one before it in the order still waits for it.
    leaders, hashed = np.unique(same_as[comparable], return_index=True)
    phash[leaders] = rows["phash"][comparable[hashed]]
    distinct, places, which = np.unique(phash[leaders], return_index=True, return_inverse=True)
    order = np.argsort(places)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    first = group_by_first(distinct[order], max_distance)
    founder[leaders] = leaders[places[order]][first[rank[which]]]
    return founder, phash


def group_by_first(hashes: Hashes, max_distance: int) -> Indexes:
    """For each of some different hashes the index of its group's first, by the order they come in.

    A hash that no earlier group takes founds one, and takes all that follow and lie within the distance and in no group yet. So
    every member is within the distance of its group's first, and no chain of small steps joins what differs (which single
    linkage, the transitive closure, would do). Memory grows with the number of hashes and not with the number of pairs.
    """
    first = np.full(len(hashes), -1, np.int64)
    bands = _Bands(hashes, max_distance + 1) if max_distance < _MOST_BANDS else None
    for start in range(0, len(hashes), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(hashes)))
        if bands is not None:
            for one, others in bands.near(block[first[block] < 0], max_distance):
                _take(first, one, others)
        else:
            for one in block:
                if first[one] < 0:
                    distances = np.bitwise_count(hashes[one:] ^ hashes[one])
                    _take(first, one, one + np.flatnonzero(distances <= max_distance))
        alone = block[first[block] < 0]
        first[alone] = alone
    return first


def _take(first: Indexes, one: np.int64, others: Indexes) -> None:
    if first[one] < 0:
        first[one] = one
        first[others[first[others] < 0]] = one


class _Bands:
    """Hashes sorted by each of several bands of their bits.

    Two hashes within a distance of d agree in at least one of d + 1 bands (the pigeonhole principle), so only those that share
    one are compared.
    """

    def __init__(self, hashes: Hashes, count: int) -> None:
        self._hashes = hashes
        edges = [_BITS * band // count for band in range(count + 1)]
        self._values = [_band(hashes, low, high) for low, high in itertools.pairwise(edges)]
        self._orders = [np.argsort(values, kind="stable") for values in self._values]
        self._sorted = [values[order] for values, order in zip(self._values, self._orders, strict=True)]

    def near(self, ones: Indexes, max_distance: int) -> Iterator[tuple[np.int64, Indexes]]:
        """Each of some ascending indexes that has followers within the distance, with all of these."""
        ranges = [
            (np.searchsorted(known, values[ones], "left"), np.searchsorted(known, values[ones], "right"))
            for values, known in zip(self._values, self._sorted, strict=True)
        ]
        counts = np.sum([high - low for low, high in ranges], axis=0)
        for part in _portions(counts):
            pairs = [
                self._pairs(ones, order, low, high, part)
                for order, (low, high) in zip(self._orders, ranges, strict=True)
            ]
            one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
            is_near = (other > one) & (np.bitwise_count(self._hashes[one] ^ self._hashes[other]) <= max_distance)
            one, other = one[is_near], other[is_near]
            order = np.argsort(one, kind="stable")
            found, starts = np.unique(one[order], return_index=True)
            yield from zip(found, np.split(other[order], starts[1:]), strict=False)

    @staticmethod
    def _pairs(ones: Indexes, order: Indexes, low: Indexes, high: Indexes, part: slice) -> tuple[Indexes, Indexes]:
        """Each index of a part with every index in its stretch of the sorted band."""
        lengths = high[part] - low[part]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths) + np.repeat(low[part], lengths)
        return np.repeat(ones[part], lengths), order[places]


def _band(hashes: Hashes, low: int, high: int) -> Hashes:
    if high - low == _BITS:
        return hashes
    return (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)


def _portions(counts: Indexes) -> Iterator[slice]:
    """Stretches of at least one whose counts add up to what is looked at in one go."""
    total = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + _MOST_PAIRS, "right")))
        yield slice(start, end)
        start = end
