"""The colours that make up most of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calotype.domain.color import MOST_COLORS
from calotype.domain.color_space import srgb_to_lab
from calotype.domain.picture import DominantColor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calotype.imaging.raster import Pixels

    Floats = NDArray[np.float32]

ROUNDS = 4
# Two centres nearer than this (Delta E 1976) would be called the same colour by name.
SAME_COLOR = 9.0
LEAST_PERCENTAGE = 0.5


def dominant_colors(pixels: Pixels, most: int = MOST_COLORS) -> tuple[DominantColor, ...]:
    """Return up to `most` colours, most frequent first, of RGB or RGBA pixels (8 bits, sRGB) of a small picture.

    Pixels count by their alpha, so what is fully transparent does not count. Colours that hold less than half
    a percent are left out, so percentages sum to 100 or less. Found by k-means in CIELAB over a histogram of
    4 bits a channel, started at the fullest bins that are distinct from each other.
    """
    colors, weights = _histogram(pixels)
    if not len(colors):
        return ()
    lab = srgb_to_lab(colors)
    centres = _starting_points(lab, weights, most)
    nearest = _assign(lab, centres)
    for _ in range(ROUNDS):
        centres, _ = _means(lab, weights, nearest, len(centres))
        nearest = _assign(lab, centres)
    groups = _merge(lab, weights, nearest, len(centres))
    return _ranked(colors, weights, groups)


def _histogram(pixels: Pixels) -> tuple[Floats, Floats]:
    """Return the mean colour (n x 3, 0 to 255) and the weight (n, summing to 1) of each bin in use."""
    import numpy as np

    flat = pixels.reshape(-1, pixels.shape[2])
    alpha = flat[:, 3] / np.float32(255) if flat.shape[1] == 4 else np.ones(len(flat), np.float32)
    bins = (flat[:, 0].astype(np.int32) >> 4) << 8 | (flat[:, 1] & 0xF0).astype(np.int32) | (flat[:, 2] >> 4)
    weights = np.bincount(bins, alpha, 4096)
    used = weights > 0
    sums = np.column_stack([np.bincount(bins, alpha * flat[:, band], 4096)[used] for band in range(3)])
    weights = weights[used]
    colors = sums / weights[:, None]
    return colors.astype(np.float32), (weights / max(weights.sum(), 1e-9)).astype(np.float32)


def _starting_points(lab: Floats, weights: Floats, most: int) -> Floats:
    """Return up to `most` bins, each the fullest that is not near one taken before."""
    import numpy as np

    left = weights.copy()
    taken: list[Floats] = []
    while len(taken) < most and left.max() > 0:
        fullest = int(left.argmax())
        taken.append(lab[fullest])
        left[((lab - lab[fullest]) ** 2).sum(axis=1) < SAME_COLOR**2] = 0
    return np.array(taken, np.float32)


def _assign(lab: Floats, centres: Floats) -> NDArray[np.intp]:
    """Return the index of the nearest centre of each colour."""
    import numpy as np

    # |a - b|^2 without the |a|^2 that is the same for all centres.
    return np.asarray(((centres**2).sum(axis=1) - 2 * (lab @ centres.T)).argmin(axis=1))


def _means(values: Floats, weights: Floats, groups: NDArray[np.intp], count: int) -> tuple[Floats, Floats]:
    """Return the weighted mean of each group (count x 3) and its weight (count)."""
    import numpy as np

    totals = np.bincount(groups, weights, count)
    sums = np.column_stack([np.bincount(groups, weights * values[:, band], count) for band in range(3)])
    return (sums / np.maximum(totals, 1e-9)[:, None]).astype(np.float32), totals.astype(np.float32)


def _merge(lab: Floats, weights: Floats, groups: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Return the groups with each that came to lie near a heavier one given to it."""
    import numpy as np

    centres, totals = _means(lab, weights, groups, count)
    kept: list[int] = []
    becomes = np.arange(count)
    for group in np.argsort(-totals):
        near = [other for other in kept if ((centres[group] - centres[other]) ** 2).sum() < SAME_COLOR**2]
        if near:
            becomes[group] = near[0]
        else:
            kept.append(int(group))
    return np.asarray(becomes[groups])


def _ranked(colors: Floats, weights: Floats, groups: NDArray[np.intp]) -> tuple[DominantColor, ...]:
    import numpy as np

    means, totals = _means(colors, weights, groups, int(groups.max()) + 1)
    order = [int(group) for group in np.argsort(-totals) if totals[group] * 100 >= LEAST_PERCENTAGE]
    rgb = np.clip(np.rint(means[order]), 0, 255).astype(np.uint8)
    lab = srgb_to_lab(rgb.astype(np.float32))
    # Rounding down keeps the sum at or below 100.
    percentages = np.floor(totals[order].astype(np.float64) * 10000 + 1e-3) / 100
    return tuple(
        DominantColor(
            rank=rank,
            percentage=min(100.0, float(share)),
            rgb=(int(color[0]), int(color[1]), int(color[2])),
            lab=(round(float(place[0]), 2), round(float(place[1]), 2), round(float(place[2]), 2)),
        )
        for rank, (share, color, place) in enumerate(zip(percentages, rgb, lab, strict=True), start=1)
    )
