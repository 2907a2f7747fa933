"""ICC profiles that are nothing but three curves and a matrix, as cameras and phones write them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Linear sRGB to XYZ under D50, the ICC connection space, adapted by Bradford: the colorants of the sRGB v4
# profile.
SRGB_TO_XYZ_D50 = (
    (0.4360747, 0.3850649, 0.1430804),
    (0.2225045, 0.7168786, 0.0606169),
    (0.0139322, 0.0971045, 0.7141733),
)
# How many numbers each kind of parametric curve has (ICC.1:2022, 10.18).
PARAMETERS = (1, 3, 4, 5, 7)


@dataclass(frozen=True, slots=True)
class MatrixProfile:
    """A colour space made of curves and a matrix.

    `decode` is 256 x 3: the linear light, 0 to 1, of each 8-bit value of each channel. `to_linear_srgb` is 3
    x 3.
    """

    decode: Floats
    to_linear_srgb: Floats


def read_matrix_profile(profile: bytes) -> MatrixProfile | None:
    """Return the curves and the matrix of an RGB profile, or None when it is broken or holds more."""
    import numpy as np

    if profile[16:24] != b"RGB XYZ " or profile[36:40] != b"acsp":
        return None
    try:
        tags = _tags(profile)
        if b"A2B0" in tags:
            return None
        colorants = np.column_stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")])
        with np.errstate(all="ignore"):
            decode = np.column_stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        matrix = np.linalg.inv(np.array(SRGB_TO_XYZ_D50)) @ colorants
    except (KeyError, IndexError, ValueError, ArithmeticError, struct.error):
        return None
    if not np.isfinite(decode).all():
        return None
    return MatrixProfile(np.clip(decode, 0, 1), matrix)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the tag table (ICC.1:2022, 7.3): name to data."""
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(min(count, 100)))
    return {name: profile[offset : offset + length] for name, offset, length in entries}


def _xyz(tag: bytes) -> list[float]:
    """Return the three s15Fixed16 numbers of an XYZ tag (ICC.1:2022, 10.31)."""
    return [number / 65536 for number in struct.unpack_from(">3i", tag, 8)]


def _curve(tag: bytes) -> Floats:
    """Return the 256 values of a tone curve: sampled, a gamma, or parametric."""
    import numpy as np

    steps = np.linspace(0, 1, 256)
    if tag[:4] == b"para":
        return _parametric(tag, steps)
    if tag[:4] != b"curv":
        raise ValueError("not a tone curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return steps
    samples = np.array(struct.unpack_from(f">{count}H", tag, 12))
    if count == 1:
        return np.asarray(steps ** (float(samples[0]) / 256))
    return np.interp(steps, np.linspace(0, 1, count), samples / 65535)


def _parametric(tag: bytes, steps: Floats) -> Floats:
    """Return a curve of ICC.1:2022, table 68, whose kinds differ in the parameters that are left out."""
    import numpy as np

    (kind,) = struct.unpack_from(">H", tag, 8)
    numbers = [value / 65536 for value in struct.unpack_from(f">{PARAMETERS[kind]}i", tag, 12)]
    gamma, scale, shift, slope, start, lift, floor = _seven(kind, numbers)
    curved = np.maximum(scale * steps + shift, 0) ** gamma + lift
    return np.asarray(np.where(steps >= start, curved, slope * steps + floor))


def _seven(kind: int, numbers: list[float]) -> tuple[float, ...]:
    """Return gamma, scale, shift, slope, start, lift and floor of a curve that was written with fewer."""
    gamma, *rest = numbers
    if kind == 0:
        return (gamma, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0)
    if kind in {1, 2}:
        scale, shift, lift = (*rest, 0.0)[:3]
        return (gamma, scale, shift, 0.0, -shift / scale, lift, lift)
    return (*numbers, 0.0, 0.0)[:7]
