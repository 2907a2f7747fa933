"""Decoding by libvips: PNG, WebP, GIF, TIFF, SVG, and the JPEGs that are not plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.libraries import load_vips
from calotype.imaging.raster import Raster
from calotype.imaging.resize import fit


def decode_with_vips(path: Path, format_name: str, longer_side: int) -> Raster:
    """Return the first frame or page bounded to `longer_side`, in sRGB.

    Damaged files give what could be decoded. Raises UndecodablePicture where that is nothing.
    """
    vips = load_vips()
    try:
        return _decode(path, format_name, longer_side, fail_on="none")
    except _NothingDecodedError:
        reason = "no picture data is left in it"
    except vips.Error as error:
        reason = readable(error)
    raise UndecodablePicture(f"the {format_name.upper()} cannot be decoded: {reason}")


def readable(error: Exception) -> str:
    """Return the last line of what libvips says, which is the cause, without its operation's name."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rpartition(": ")[2] if lines else "the decoder gives no reason"


class _NothingDecodedError(Exception):
    """The decoder read the header but no pixel."""


def _decode(path: Path, format_name: str, longer_side: int, *, fail_on: str) -> Raster:
    vips = load_vips()
    image = _open(path, fail_on)
    if image.format in {"uchar", "ushort"}:
        width, height = fit(image.width, image.height, longer_side)
        small = vips.Image.thumbnail_source(
            vips.Source.new_from_file(str(path)),
            width,
            height=height,
            size="force",
            no_rotate=True,
            export_profile="srgb",
            fail_on=fail_on,
        )
    else:
        small = _reduce(_to_display_range(image), longer_side)
    pixels = _to_pixels(small)
    if int(pixels.min()) == int(pixels.max()):
        _check_flat(path)
    return Raster(pixels, image.width, image.height, upright=format_name == "svg")


def _open(path: Path, fail_on: str) -> Any:
    vips = load_vips()
    source = vips.Source.new_from_file(str(path))
    return vips.Image.new_from_source(source, "", access="sequential", fail_on=fail_on)


def _check_flat(path: Path) -> None:
    """Tell a picture of one colour from one in which nothing was left to decode."""
    vips = load_vips()
    try:
        _open(path, "truncated").avg()
    except vips.Error as error:
        raise _NothingDecodedError from error


def _reduce(image: Any, longer_side: int) -> Any:
    width, height = fit(image.width, image.height, longer_side)
    return image.thumbnail_image(width, height=height, size="force", no_rotate=True, export_profile="srgb")


def _to_display_range(image: Any) -> Any:
    """Return floats and wide integers as 8-bit values: 0 to 1 as such, others from their least to their most.

    Scientific pictures have no agreed white; stretching their range shows what is in them, clamping does not.
    """
    vips = load_vips()
    if image.interpretation in {"scrgb", "xyz", "lab", "cmyk"}:
        return image
    image = image.copy_memory()
    low, high = image.min(), image.max()
    if low >= 0 and high <= 1 and image.format in {"float", "double"}:
        low, high = 0, 1
    scale = 255 / (high - low) if high > low else 0
    interpretation = "b-w" if image.bands < 3 else "srgb"
    stretched = (image - low) * scale
    return stretched.cast(vips.BandFormat.UCHAR).copy(interpretation=interpretation)


def _to_pixels(image: Any) -> Any:
    """Return a libvips image as contiguous RGB or RGBA pixels, 8 bits, in sRGB."""
    import numpy as np

    if image.interpretation != "srgb" or image.bands < 3:
        image = image.colourspace("srgb")
    if image.format != "uchar":
        image = image.cast("uchar")
    if image.bands > 4:
        image = image.extract_band(0, n=3)
    return np.ascontiguousarray(image.numpy())
