"""High dynamic range and wide gamut brought into sRGB."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PQ, HLG = 16, 18
"""Transfer functions as FFmpeg numbers them: SMPTE ST 2084 and ARIB STD-B67."""

HDR_TRANSFERS = frozenset({PQ, HLG})
BT2020 = 9
"""The wide primaries of ITU-R BT.2020 as FFmpeg numbers them."""

# Nits: diffuse white of an HDR film (ITU-R BT.2408), and the brightest that is told apart here.
_WHITE = 203.0
_PEAK = 1000.0
# Up to this share of white nothing is changed.
_KNEE = 0.6
# ITU-R BT.2087: linear BT.2020 to linear BT.709.
_TO_BT709 = (
    (1.660491, -0.587641, -0.072850),
    (-0.124550, 1.132900, -0.008349),
    (-0.018151, -0.100579, 1.118730),
)


def to_srgb(pixels: NDArray[np.uint16], transfer: int, primaries: int) -> NDArray[np.uint8]:
    """RGB (height x width x 3, 16 bits, of these FFmpeg numbers) as sRGB of 8 bits.

    White of 203 nits becomes nearly white; what is brighter, up to 1000 nits, shares the rest. The curve is applied to
    the largest channel and the others follow, so that colours keep their hue.
    """
    import numpy as np

    light = _linear(transfer)[pixels]
    if transfer == HLG:
        # ITU-R BT.2100, note 5e: the display's own gamma of 1.2 at 1000 nits works on luminance.
        luminance = light @ np.array([0.2627, 0.678, 0.0593], np.float32)
        light *= (np.maximum(luminance, 1e-6) ** 0.2 * (_PEAK / _WHITE))[..., None]
    if primaries == BT2020:
        light = np.maximum(light @ np.array(_TO_BT709, np.float32).T, 0)
    if transfer in HDR_TRANSFERS:
        largest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
        light *= _curve(largest) / largest
    steps = _encoded()
    srgb: NDArray[np.uint8] = steps[np.minimum(light * (len(steps) - 1) + 0.5, len(steps) - 1).astype(np.uint16)]
    return srgb


def _curve(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Straight up to the knee, then a hyperbola that begins with the same slope and ends in 1 at the peak."""
    import numpy as np

    above = np.minimum(np.maximum(light - _KNEE, 0) / (_PEAK / _WHITE - _KNEE), 1)
    slope = (_PEAK / _WHITE - _KNEE) / (1 - _KNEE)
    bent = _KNEE + (1 - _KNEE) * slope * above / (1 + (slope - 1) * above)
    curve: NDArray[np.float32] = np.where(light <= _KNEE, light, bent)
    return curve


@functools.cache
def _linear(transfer: int) -> NDArray[np.float32]:
    """Light by 16-bit value: of PQ in shares of white, of HLG in shares of the scene's brightest, else BT.1886 without black."""
    import numpy as np

    signal = np.arange(65536) / 65535
    if transfer == PQ:
        # SMPTE ST 2084.
        root = signal ** (32 / 2523)
        light = (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610) * 10000 / _WHITE
    elif transfer == HLG:
        # ITU-R BT.2100, table 5.
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    else:
        light = signal**2.4
    return light.astype(np.float32)


@functools.cache
def _encoded() -> NDArray[np.uint8]:
    """The 8-bit value of sRGB (IEC 61966-2-1) by linear light in 16383 steps."""
    import numpy as np

    light = np.arange(16384) / 16383
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (signal * 255 + 0.5).astype(np.uint8)
