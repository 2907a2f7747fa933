"""JPEG XL decoding, which needs the extra `jxl`."""

from __future__ import annotations

from typing import Any

from calotype.domain.errors import UndecodablePicture, Unsupported
from calotype.imaging.color_profile import to_srgb
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit, shrink


def decode_jxl(data: Any, longer_side: int) -> Raster:
    """Return the first frame bounded to `longer_side`; `data` is any buffer.

    The orientation in the codestream is applied by libjxl and is the only one that counts (ISO/IEC 18181-2,
    9.3.2). Raises Unsupported when the extra is not installed, UndecodablePicture for corrupt data.
    """
    import numpy as np

    try:
        import pylibjxl
    except ImportError as error:
        raise Unsupported("JPEG XL needs an optional decoder: install calotype[jxl]", extra="jxl") from error
    try:
        decoded, details = pylibjxl.decode(data, metadata=True)
    except (RuntimeError, ValueError, TypeError) as error:
        raise UndecodablePicture(f"the JPEG XL cannot be decoded: {error}") from error
    if decoded.shape[2] in {1, 2}:
        decoded = np.concatenate([np.repeat(decoded[:, :, :1], 3, axis=2), decoded[:, :, 1:]], axis=2)
    height, width = decoded.shape[:2]
    small = shrink(np.ascontiguousarray(decoded[:, :, :4]), *fit(width, height, longer_side))
    return Raster(to_srgb(small, details.get("icc") or details.get("icc_profile")), width, height, upright=True)
