"""BlurHash: a few dozen characters that a client turns into a blurred preview."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calotype.imaging.raster import Pixels

    Floats = NDArray[np.float64]

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
COLUMNS, ROWS = 4, 3
# More pixels change nothing that is left after three waves, and each costs time.
LARGEST_SIDE = 32


def blur_hash(pixels: Pixels, columns: int = COLUMNS, rows: int = ROWS) -> str:
    """Return the BlurHash of RGB pixels (8 bits, sRGB) with `columns` x `rows` components, each 1 to 9.

    The algorithm is the public one (github.com/woltapp/blurhash, Algorithm.md): cosine transform of linear
    light, components quantised to 19 levels a channel, base 83.
    """
    height, width = pixels.shape[:2]
    if max(width, height) > LARGEST_SIDE:
        pixels = _thumbnail(pixels, width, height)
        height, width = pixels.shape[:2]
    light = _linear_light()[pixels]
    across, down = _waves(columns, width), _waves(rows, height)
    # First along the rows, then along the columns: rows x columns x 3 factors.
    factors = [tuple(float(value) for value in factor) for factor in _transform(light, across, down).reshape(-1, 3)]
    return _encode_factors(factors, columns, rows)


def _thumbnail(pixels: Pixels, width: int, height: int) -> Pixels:
    from calotype.imaging.libraries import load_opencv
    from calotype.imaging.resize import fit

    cv2 = load_opencv()
    small: Pixels = cv2.resize(pixels, fit(width, height, LARGEST_SIDE), interpolation=cv2.INTER_AREA)
    return small


def _transform(light: Floats, across: Floats, down: Floats) -> Floats:
    import numpy as np

    height, width = light.shape[:2]
    along_rows = np.tensordot(across, light, axes=(1, 1))
    factors = np.tensordot(down, along_rows, axes=(1, 1))
    scale = np.full(factors.shape[:2], 2 / (width * height), np.float64)
    scale[0, 0] = 1 / (width * height)
    return np.asarray(factors * scale[:, :, None])


@functools.lru_cache(maxsize=64)
def _waves(components: int, length: int) -> Floats:
    """Return the cosines, components x length: cos(pi k x / length)."""
    import numpy as np

    return np.cos(np.pi * np.arange(components)[:, None] * np.arange(length) / length).astype(np.float64)


@functools.cache
def _linear_light() -> Floats:
    """Return linear light, 0 to 1, for each 8-bit sRGB value (IEC 61966-2-1)."""
    import numpy as np

    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float64)


def _encode_factors(factors: list[tuple[float, ...]], columns: int, rows: int) -> str:
    mean, *waves = factors
    largest = max((abs(value) for wave in waves for value in wave), default=0.0)
    step = max(0, min(82, math.floor(largest * 166 - 0.5)))
    scale = (step + 1) / 166 if waves else 1.0
    red, green, blue = (_srgb(value) for value in mean)
    parts = [
        _base83((columns - 1) + (rows - 1) * 9, 1),
        _base83(step if waves else 0, 1),
        _base83((red << 16) + (green << 8) + blue, 4),
    ]
    for wave in waves:
        red, green, blue = (_quantise(value / scale) for value in wave)
        parts.append(_base83(red * 19 * 19 + green * 19 + blue, 2))
    return "".join(parts)


def _quantise(value: float) -> int:
    root = math.copysign(math.sqrt(abs(value)), value)
    return max(0, min(18, math.floor(root * 9 + 9.5)))


def _srgb(light: float) -> int:
    light = max(0.0, min(1.0, light))
    if light <= 0.0031308:
        return int(light * 12.92 * 255 + 0.5)
    return int((1.055 * light ** (1 / 2.4) - 0.055) * 255 + 0.5)


def _base83(value: int, length: int) -> str:
    return "".join(DIGITS[value // 83**place % 83] for place in reversed(range(length)))
