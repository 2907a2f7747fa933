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
from calotype.domain.color_cells import family_of, name_of
from calotype.domain.color_space import Difference, bytes_to_lab
from calotype.domain.picture import DominantColor

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
class ColorRanking:
    """One window of the pictures found, best first, and the number of all."""

    asset_ids: tuple[UUID, ...]
    total_count: int


def rank(entries: bytes, hidden: bytes, criteria: ColorCriteria, limit: int, offset: int) -> ColorRanking:
    """Rank pictures by their best colour: by score, then percentage, then id.

    `entries` are the colours that may match, as `select_color_entries` gives them, all of the name, family and percentage
    asked for; `hidden` are the ids of pictures that must not be found, 16 bytes each.
    """
    import numpy as np

    rows = np.frombuffer(entries, np.dtype(_ENTRY))
    distances = None
    if criteria.rgb is not None:
        colors = np.ascontiguousarray(rows["rgb"])
        all_distances = _approximate(criteria.rgb, colors, criteria.threshold)
        matching = np.flatnonzero(all_distances <= criteria.threshold)
        rows, distances = rows[matching], all_distances[matching]
    visible = _visible(rows["low"].astype(np.uint64), rows, hidden)
    if visible is not None:
        rows, distances = rows[visible], None if distances is None else distances[visible]
    if not len(rows):
        return ColorRanking((), 0)
    total = _count(rows["high"].astype(np.uint64), rows["low"].astype(np.uint64))
    ids = () if offset >= total else _window(rows, distances, criteria, limit, offset)
    return ColorRanking(tuple(ids), total)


def best_match(colors: Sequence[DominantColor], criteria: ColorCriteria) -> tuple[DominantColor, float] | None:
    """The colour of a picture that meets all criteria best, and its score; None when there is none."""
    import numpy as np

    fitting = [color for color in colors if _fits(color, criteria)]
    if not fitting:
        return None
    if criteria.rgb is None:
        return max(fitting, key=lambda color: (color.percentage, -color.rank)), 1.0
    distances = _exact(criteria.rgb, np.array([color.rgb for color in fitting], np.uint8))
    scored = [
        (color, score_of(float(distance), criteria.threshold))
        for color, distance in zip(fitting, distances, strict=True)
        if distance <= criteria.threshold
    ]
    return max(scored, key=lambda found: (found[1], found[0].percentage, -found[0].rank), default=None)


def _fits(color: DominantColor, criteria: ColorCriteria) -> bool:
    """Whether a colour meets the criteria that are not about nearness."""
    return (
        color.percentage >= criteria.min_percentage
        and (criteria.name is None or criteria.name.casefold() in name_of(color.rgb))
        and (criteria.family is None or criteria.family is family_of(color.rgb))
    )


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


def _visible(low: Numbers, rows: NDArray[Any], hidden: bytes) -> NDArray[np.intp] | None:
    """The rows whose picture is not hidden; None when all are visible."""
    import numpy as np

    if not hidden or not len(rows):
        return None
    ids = np.frombuffer(hidden, ">u8").reshape(-1, 2)
    # Ids are random, so a few of their last bits tell most rows apart from all that are hidden.
    mask = np.uint64((1 << max(16, (8 * len(ids)).bit_length())) - 1)
    is_suspect = np.zeros(int(mask) + 1, bool)
    is_suspect[ids[:, 1].astype(np.uint64) & mask] = True
    suspects = np.flatnonzero(is_suspect[low & mask])
    known = {(int(high), int(low_)) for high, low_ in ids}
    found = zip(rows["high"][suspects].tolist(), rows["low"][suspects].tolist(), strict=True)
    is_hidden = np.fromiter((pair in known for pair in found), bool, len(suspects))
    return np.delete(np.arange(len(rows)), suspects[is_hidden]) if is_hidden.any() else None


def _count(high: Numbers, low: Numbers) -> int:
    """How many different ids there are."""
    import numpy as np

    # Plain numbers are sorted several times as fast as their places; so each carries its place in its last bits.
    bits = np.uint64(len(high).bit_length())
    order = np.sort((high >> bits << bits) | np.arange(len(high), dtype=np.uint64))
    begins_alike = np.flatnonzero((order[1:] >> bits) == (order[:-1] >> bits))
    places = order & np.uint64((1 << int(bits)) - 1)
    one, other = places[begins_alike], places[begins_alike + 1]
    if ((high[one] == high[other]) & (low[one] == low[other])).all():
        return len(high) - len(begins_alike)
    return len(np.unique(np.stack([high, low], axis=1), axis=0))


def _window(
    rows: NDArray[Any], distances: NDArray[np.float64] | None, criteria: ColorCriteria, limit: int, offset: int
) -> list[UUID]:
    """The ids of one window, in order."""
    import numpy as np

    wanted = offset + limit
    badness = -rows["hundredths"].astype(np.float64) if distances is None else distances
    imprecision = 0.0 if distances is None else _IMPRECISION
    looked_at = 2 * wanted + 64
    while True:
        is_all = looked_at >= len(rows)
        # Up to this bound, no row is missing among those that are put in order.
        bound = np.inf if is_all else np.partition(badness, looked_at)[looked_at] + imprecision
        near = np.flatnonzero(badness <= bound + imprecision)
        found = rows[near]
        percentage = -found["hundredths"].astype(np.int64)
        if distances is None or criteria.rgb is None:
            order = np.lexsort((found["low"], found["high"], percentage))
        else:
            exact = _exact(criteria.rgb, np.ascontiguousarray(found["rgb"]))
            score = [score_of(distance, criteria.threshold) for distance in exact.tolist()]
            order = np.lexsort((found["low"], found["high"], percentage, -np.array(score)))
            order = order[exact[order] <= bound]
        pairs = zip(found["high"][order].tolist(), found["low"][order].tolist(), strict=True)
        best = list(dict.fromkeys(pairs))
        if is_all or len(best) >= wanted:
            return [UUID(int=high << 64 | low) for high, low in best[offset:wanted]]
        looked_at *= 4
