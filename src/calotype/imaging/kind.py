"""What sort of picture it is, told from simple measurements: a word, not an opinion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from calotype.domain.picture import PictureMetadata

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels


# Two neighbours at most this different look the same.
SAME = 1
# An edge of a window is a step at least this high between two lines that are calm themselves.
STEP = 12
BAR, CALM = 0.5, 0.15


@dataclass(frozen=True, slots=True)
class Measurements:
    """Shares, 0 to 1, of a picture's pixels, and counts.

    `flat`: no different from the next pixel to the right and the one below. `paper`: bright and without
    colour.
    `ink`: dark. `colors`: how many of 4,096 colour bins hold at least one pixel in 2,000. `bars`: straight
    edges along half the width or height, with nothing much on either side, as windows and toolbars have them.
    """

    flat: float
    paper: float
    ink: float
    colors: int
    bars: int
    upright_bars: int


def kind_of(pixels: Pixels, metadata: PictureMetadata) -> str:
    """Return "photo", "graphic", "screenshot" or "document" for RGB pixels (8 bits) of some 512 x 512.

    An exposure in the metadata rules out "graphic" and "screenshot"; a page of text is a document whether it
    was photographed or scanned.
    """
    found = measure(pixels)
    exposed = any(value is not None for value in (metadata.exposure_time, metadata.f_number, metadata.iso))
    # Lines of text are bars across, but only windows and tables have many upright ones.
    page = found.paper >= 0.5 and 0.003 <= found.ink <= 0.35 and found.upright_bars <= 2
    if page and found.colors <= 120:
        return "document"
    if exposed or found.colors > 150 or found.flat < 0.35:
        return "photo"
    if 2 <= found.bars <= 60 and found.colors >= 3:
        return "screenshot"
    return "graphic" if found.flat >= 0.6 or found.colors <= 40 else "photo"


def measure(pixels: Pixels) -> Measurements:
    """Return what `kind_of` decides by."""
    import numpy as np

    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    right, below = _absdiff(grey[:, 1:], grey[:, :-1]), _absdiff(grey[1:], grey[:-1])
    flat = np.maximum(right[:-1], below[:, :-1]) <= SAME
    red, green, blue = cv2.split(pixels)
    chroma = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    upright_bars = _bars(right, axis=0)
    bins = cv2.calcHist([pixels], [0, 1, 2], None, [16, 16, 16], [0, 256] * 3)
    return Measurements(
        flat=float(flat.mean()) if flat.size else 1.0,
        paper=float(((chroma < 32) & (grey > 190)).mean()),
        ink=float((grey < 110).mean()),
        colors=int(np.count_nonzero(bins * 2000 >= grey.size)),
        bars=_bars(below, axis=1) + upright_bars,
        upright_bars=upright_bars,
    )


def _absdiff(one: Pixels, other: Pixels) -> Pixels:
    """Return the absolute difference, empty where a picture one pixel wide has no neighbours."""
    from calotype.imaging.libraries import load_opencv

    difference: Pixels = load_opencv().absdiff(one, other) if one.size else one
    return difference


def _bars(differences: Pixels, axis: int) -> int:
    """Return how many rows (axis 1) or columns (axis 0) are a long edge between calm ones."""
    import numpy as np

    if min(differences.shape) < 8:
        return 0
    # Two at a time, as a line of one pixel is blurred over two when a picture is made smaller.
    shares = (differences > STEP).mean(axis=axis)
    before, after = shares[:-5], shares[5:]
    peak = np.max([shares[start : start + len(before)] for start in (2, 3)], axis=0)
    marks = (peak > BAR) & (before < CALM) & (after < CALM)
    return int(np.count_nonzero(marks[1:] & ~marks[:-1]))
