"""Camera RAW: the preview the camera made, or a quick development where that is too small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.decode_jpeg import decode_jpeg
from calotype.imaging.orient import orient
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit, shrink

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels

# LibRaw's `flip` is dcraw's: 3 is half a turn, 5 a quarter to the left, 6 a quarter to the right.
ORIENTATION_OF_FLIP = {0: 1, 3: 3, 5: 8, 6: 6}


def decode_raw(path: Path, longer_side: int) -> Raster:
    """Return a RAW picture bounded to `longer_side`, upright, in sRGB. Raises UndecodablePicture.

    The embedded preview is what the photographer saw on the camera and takes a tenth of the time; the sensor
    data is only developed, at half size, where the preview is smaller than the largest variant.
    """
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            return _develop(raw, longer_side)
    except rawpy.LibRawError as error:
        raise UndecodablePicture(f"the RAW cannot be decoded: {_text(error)}") from error


def _text(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    return cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)


def _develop(raw: Any, longer_side: int) -> Raster:
    import rawpy

    sizes = raw.sizes
    turn = ORIENTATION_OF_FLIP.get(sizes.flip, 1)
    width, height = (sizes.height, sizes.width) if turn in {6, 8} else (sizes.width, sizes.height)
    preview = _preview(raw, turn, longer_side, tall=height > width)
    wanted = fit(width, height, longer_side)
    if preview is not None and max(preview.shape[:2]) >= max(wanted):
        return Raster(preview, width, height, upright=True)
    try:
        half = max(sizes.width, sizes.height) >= 2 * longer_side
        pixels = raw.postprocess(half_size=half, use_camera_wb=True, output_bps=8)
    except rawpy.LibRawError:
        if preview is None:
            raise
        return Raster(preview, width, height, upright=True)
    rows, columns = pixels.shape[:2]
    return Raster(shrink(pixels, *fit(columns, rows, longer_side)), width, height, upright=True)


def _preview(raw: Any, turn: int, longer_side: int, *, tall: bool) -> Pixels | None:
    """Return the embedded preview upright, or None when there is none that can be decoded."""
    import rawpy

    try:
        preview = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if preview.format == rawpy.ThumbFormat.JPEG:
        try:
            raster = decode_jpeg(preview.data, longer_side)
        except UndecodablePicture:
            return None
        if raster is None:
            return None
        pixels = raster.pixels
    elif preview.format == rawpy.ThumbFormat.BITMAP and preview.data.ndim == 3:
        rows, columns = preview.data.shape[:2]
        pixels = shrink(preview.data, *fit(columns, rows, longer_side))
    else:
        return None
    rows, columns = pixels.shape[:2]
    # Some cameras turn the preview themselves; then it already has the shape of the upright picture.
    already_turned = turn in {6, 8} and tall == (rows > columns)
    return pixels if already_turned else orient(pixels, turn)
