"""Which pictures a search for colours finds, in which order, and how many: exact, over some 100,000 colours at a time.

Differences of colours are first computed in 32 bits, which is several times as fast; wherever that could decide wrongly, near
the threshold, near the end of the window, or where the formula jumps, they are computed again in 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from calotype.domain.color import ColorCriteria, Rgb, score_of
from calotype.domain.color_space import Difference, bytes_to_lab

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.uint64]

_ENTRY = [("high", ">u8"), ("low", ">u8"), ("zero", "u1"), ("rgb", "u1", 3), ("hundredths", ">i2")]
_CHUNK = 32_768  # colours at a time, so that everything about them stays near the processor
_IMPRECISION = 0.01  # far more than 32 bits ever were off
_DIGITS = 9  # of a difference; the last ones depend on where a colour happens to stand in its array


@dataclass(frozen=True, slots=True)
class RankedPicture:
    """A picture found, the colour by which, how much of it that is in hundredths of a percent, and how well it fits."""

    asset_id: UUID
    rgb: Rgb
    hundredths: int
    score: float


@dataclass(frozen=True, slots=True)
class ColorRanking:
    """One window of the pictures found, best first, and the number of all."""

    pictures: tuple[RankedPicture, ...]
    total_count: int


@dataclass(frozen=True, slots=True)
class SiftedColors:
    """The colours that match: their rows, how far they are where that is asked, and both halves of their ids.

    The halves are in whatever order this machine reads their bytes, since they only tell ids apart.
    """

    rows: NDArray[Any]
    distances: NDArray[np.float64] | None
    high: Numbers
    low: Numbers


def sift(entries: bytes, criteria: ColorCriteria) -> SiftedColors:
    """Those of some colours that are near enough.

    `entries` are colours as `select_color_entries` gives them, all of the name, family and percentage asked for.
    """
    import numpy as np

    rows, distances = np.frombuffer(entries, np.dtype(_ENTRY)), None
    if criteria.rgb is not None:
        all_distances = _approximate(criteria.rgb, rows["rgb"], criteria.threshold)
        near = np.flatnonzero(all_distances <= criteria.threshold)
        rows, distances = rows[near], all_distances[near]
    return SiftedColors(rows, distances, rows["high"].view("=u8").copy(), rows["low"].view("=u8").copy())


def rank(
    sifted: Sequence[SiftedColors], hidden: bytes, criteria: ColorCriteria, limit: int, offset: int
) -> ColorRanking:
    """Rank the pictures that have any of the colours by their best one: by score, then percentage, then id.

    `hidden` are the ids of pictures that must not be found, 16 bytes each.
    """
    import numpy as np

    found = [part for part in sifted if len(part.rows)]
    if not found:
        return ColorRanking((), 0)
    high, low = np.concatenate([part.high for part in found]), np.concatenate([part.low for part in found])
    rows = np.concatenate([part.rows for part in found])
    near = [part.distances for part in found if part.distances is not None]
    distances = np.concatenate(near) if near else None
    places = np.arange(len(rows))
    is_hidden = _is_hidden(high, low, hidden)
    if is_hidden is not None:
        places = np.flatnonzero(~is_hidden)
        high, low = high[places], low[places]
        distances = None if distances is None else distances[places]
    total = _count(high, low)
    window = _window(rows, places, distances, criteria, limit, offset) if offset < total else []
    return ColorRanking(tuple(window), total)


def _exact(own: Rgb, colors: Bytes) -> NDArray[np.float64]:
    """CIEDE2000 between a colour and others (n x 3), 0 for itself."""
    import numpy as np

    lightness, a, b = bytes_to_lab(np.array([own], np.uint8), np.float64)
    place = (float(lightness[0]), float(a[0]), float(b[0]))
    distances = np.round(Difference(place, bytes_to_lab(colors, np.float64)).distances(), _DIGITS)
    distances[(colors == np.array(own, np.uint8)).all(axis=1)] = 0
    return np.asarray(distances, np.float64)


def _approximate(own: Rgb, colors: Bytes, threshold: float) -> NDArray[np.float64]:
    """The same, precise to 0.01, and exact where that would make a difference as to the threshold."""
    import numpy as np

    lightness, a, b = bytes_to_lab(np.array([own], np.uint8), np.float64)
    place = (float(lightness[0]), float(a[0]), float(b[0]))
    distances = np.empty(len(colors), np.float64)
    is_doubtful = np.empty(len(colors), bool)
    for start in range(0, len(colors), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        difference = Difference(place, bytes_to_lab(colors[chunk], np.float32))
        found = difference.distances()
        distances[chunk] = found
        is_doubtful[chunk] = difference.is_doubtful() | (np.abs(found - threshold) < _IMPRECISION)
    doubtful = np.flatnonzero(is_doubtful)
    distances[doubtful] = _exact(own, colors[doubtful])
    return distances


def _is_hidden(high: Numbers, low: Numbers, hidden: bytes) -> NDArray[np.bool_] | None:
    """Which of the ids are hidden; None when none is."""
    import numpy as np

    ids = np.frombuffer(hidden, "=u8").reshape(-1, 2)
    if not len(ids):
        return None
    # Ids are random, so some of their bits tell most of them apart from all that are hidden.
    mask = np.uint64((1 << max(16, (8 * len(ids)).bit_length())) - 1)
    is_suspect = np.zeros(int(mask) + 1, bool)
    is_suspect[(ids[:, 1] >> 16) & mask] = True
    suspects = np.flatnonzero(is_suspect[(low >> 16) & mask])
    known = set(zip(*ids.T.tolist(), strict=True))
    found = zip(high[suspects].tolist(), low[suspects].tolist(), strict=True)
    truly = suspects[np.fromiter((pair in known for pair in found), bool, len(suspects))]
    if not len(truly):
        return None
    is_hidden = np.zeros(len(high), bool)
    is_hidden[truly] = True
    return is_hidden


def _count(high: Numbers, low: Numbers) -> int:
    """How many different ids there are."""
    import numpy as np

    count = shift = 0
    while len(low):
        # Every id leaves its place in a slot that some of its bits tell. Whoever finds another id there tries other bits;
        # that is several times as fast as sorting, and each round settles one id a slot at least.
        mask = (1 << max(10, (2 * len(low)).bit_length())) - 1
        slots = ((low >> (16 + shift % 29)) & mask).astype(np.int32)
        own = np.arange(len(low), dtype=np.int32)
        table = np.empty(mask + 1, np.int32)
        table[slots] = own
        there = table[slots]
        count += int(np.count_nonzero(there == own))
        left = np.flatnonzero((low[there] != low) | (high[there] != high))
        high, low = high[left], low[left]
        shift += 7
    return count


def _window(
    rows: NDArray[Any],
    places: NDArray[np.intp],
    distances: NDArray[np.float64] | None,
    criteria: ColorCriteria,
    limit: int,
    offset: int,
) -> list[RankedPicture]:
    """The pictures of one window, in order; `places` are the rows that match, `distances` how far they are, if that is asked."""
    import numpy as np

    wanted = offset + limit
    badness = -rows["hundredths"][places].astype(np.float64) if distances is None else distances
    imprecision = 0.0 if distances is None else _IMPRECISION
    looked_at = 2 * wanted + 64
    while True:
        is_all = looked_at >= len(places)
        # Up to this bound, no row is missing among those that are put in order.
        bound = np.inf if is_all else np.partition(badness, looked_at)[looked_at] + imprecision
        near = np.flatnonzero(badness <= bound + imprecision)
        found = rows[places[near]]
        percentage = -found["hundredths"].astype(np.int64)
        if distances is None or criteria.rgb is None:
            scores = np.ones(len(near))
            order = np.lexsort((found["low"], found["high"], percentage))
        else:
            exact = _exact(criteria.rgb, np.ascontiguousarray(found["rgb"]))
            scores = np.array([score_of(distance, criteria.threshold) for distance in exact.tolist()])
            order = np.lexsort((found["low"], found["high"], percentage, -scores))
            order = order[exact[order] <= bound]
        best: dict[tuple[int, int], int] = {}
        for place, high, low in zip(
            order.tolist(), *(found[half][order].tolist() for half in ("high", "low")), strict=True
        ):
            if best.setdefault((high, low), place) == place and len(best) == wanted:
                break
        if is_all or len(best) == wanted:
            return [
                RankedPicture(
                    UUID(int=high << 64 | low),
                    tuple(found["rgb"][place].tolist()),
                    int(found["hundredths"][place]),
                    float(scores[place]),
                )
                for (high, low), place in list(best.items())[offset:]
            ]
        looked_at *= 4
