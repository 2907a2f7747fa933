"""Colours that are described by code points (ITU-T H.273) instead of a profile, high dynamic range among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.color_profile import encode_linear
from calotype.imaging.header_source import HeaderSource
from calotype.imaging.isobmff import find, item_tables, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calotype.imaging.raster import Pixels

    Floats = NDArray[np.float32]

PQ, HLG = 16, 18
# Linear light of these primaries to linear sRGB; all have the white of D65. From the chromaticities in H.273, table 2.
TO_SRGB = {
    9: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349), (-0.018151, -0.100579, 1.118730)),
    12: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}
# The luminance at which a white sheet is shown, in cd/m2 (ITU-R BT.2408), and the peak of an HLG display.
REFERENCE_WHITE, HLG_PEAK = 203, 1000
# Light up to here stays as it is; from here to infinity is rolled off to 1.
KNEE = 0.7


@dataclass(frozen=True, slots=True)
class CodePoints:
    """The primaries and the transfer curve, as numbers of ITU-T H.273, tables 2 and 3."""

    primaries: int
    transfer: int


def read_code_points(data: Any) -> CodePoints | None:
    """Return the code points of the primary picture of a HEIC or AVIF (`data` is any buffer), or None."""
    source = HeaderSource(lambda offset, length: bytes(data[offset : offset + length]), len(data), "HEIF")
    try:
        meta = find(source, whole(source), b"meta")
        tables = item_tables(source, meta) if meta else None
        if tables is None or tables.primary is None:
            return None
        for index in tables.associations.get(tables.primary, ()):
            if not 1 <= index <= len(tables.properties):
                continue
            box = tables.properties[index - 1]
            body = source.peek(box.start, 11) if box.kind == b"colr" else b""
            if body[:4] == b"nclx" and len(body) >= 8:
                return CodePoints(int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big"))
    except (UndecodablePicture, ValueError):
        return None
    return None


def from_code_points(pixels: Pixels, points: CodePoints | None) -> Pixels:
    """Return RGB or RGBA pixels (8 bits) as sRGB; what is brighter than white is rolled off, not clipped."""
    import numpy as np

    if points is None or (points.transfer not in {PQ, HLG} and points.primaries not in TO_SRGB):
        return pixels
    light = _light(pixels[:, :, :3], points.transfer)
    if points.primaries in TO_SRGB:
        light = light @ np.array(TO_SRGB[points.primaries], np.float32).T
    if points.transfer in {PQ, HLG}:
        light = _roll_off(light)
    colors = encode_linear(light)
    return colors if pixels.shape[2] == 3 else np.dstack([colors, pixels[:, :, 3]])


def _light(pixels: Pixels, transfer: int) -> Floats:
    """Return linear light in which 1 is the white of a sheet of paper."""
    import numpy as np

    value = np.arange(256) / 255
    if transfer == PQ:
        # SMPTE ST 2084: m1, m2, c1, c2, c3.
        power = value ** (1 / 78.84375)
        ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        table = 10_000 * ratio ** (1 / 0.1593017578125) / REFERENCE_WHITE
    elif transfer == HLG:
        # ITU-R BT.2100, table 5: the inverse of the camera's curve.
        table = np.where(value <= 0.5, value**2 / 3, (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    else:
        table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = table.astype(np.float32)[pixels]
    if transfer == HLG:
        # The display's own curve for a peak of 1,000 cd/m2, by luminance so that hues stay.
        luminance = light @ np.array((0.2627, 0.6780, 0.0593), np.float32)
        light *= (luminance**0.2 * (HLG_PEAK / REFERENCE_WHITE))[:, :, None]
    return np.asarray(light)


def _roll_off(light: Floats) -> Floats:
    """Bring light above the knee below 1, all channels of a pixel by the same factor so that hues stay."""
    import numpy as np

    brightest = light.max(axis=2)
    above = np.maximum(brightest - KNEE, 0) / (1 - KNEE)
    wanted = np.where(brightest > KNEE, KNEE + (1 - KNEE) * (1 - np.exp(-above)), brightest)
    return np.asarray(light * (wanted / np.maximum(brightest, 1e-6))[:, :, None])
