"""The size, the frames and the depth of a picture, from its first bytes and without decoding a pixel."""

from __future__ import annotations

import struct
from collections.abc import Callable

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header_bmp import read_bmp
from calotype.imaging.header_gif import read_gif
from calotype.imaging.header_heif import read_heif
from calotype.imaging.header_jpeg import read_jpeg
from calotype.imaging.header_jxl import read_jxl
from calotype.imaging.header_png import read_png
from calotype.imaging.header_raw import read_cr3, read_raf
from calotype.imaging.header_source import HeaderSource, ReadAt
from calotype.imaging.header_svg import read_svg
from calotype.imaging.header_tiff import read_tiff, read_tiff_raw
from calotype.imaging.header_webp import read_webp

_READERS: dict[str, Callable[[HeaderSource], PictureHeader]] = {
    "bmp": read_bmp,
    "cr3": read_cr3,
    "gif": read_gif,
    "jpeg": read_jpeg,
    "jxl": read_jxl,
    "png": read_png,
    "raf": read_raf,
    "svg": read_svg,
    "tiff": read_tiff,
    "webp": read_webp,
}
_NAMED_READERS: dict[str, Callable[[HeaderSource, str], PictureHeader]] = {
    **dict.fromkeys(("avif", "heic", "heif"), read_heif),
    **dict.fromkeys(("arw", "cr2", "dng", "nef", "orf", "pef", "rw2", "srw"), read_tiff_raw),
}
_NAMES = {"jpeg": "JPEG", "webp": "WebP", "jxl": "JPEG XL"}


def read_header(read_at: ReadAt, size: int, format: str) -> PictureHeader:
    """What the header of a picture of this format claims.

    `read_at(offset, length)` gives up to `length` bytes, `size` is the length of the file in bytes. At most 64 reads and 1 MiB
    are taken. Raises UndecodablePicture, and nothing else of its own, for a header that is cut off, makes no sense, or is
    spread too widely.
    """
    source = HeaderSource(read_at, size, name_of(format))
    try:
        header = _read(source, format)
    except (ArithmeticError, LookupError, RecursionError, ValueError, struct.error) as error:
        raise source.fault("has a header that makes no sense") from error
    if header.width <= 0 or header.height <= 0:
        raise source.fault(f"claims a size of {header.width} x {header.height} pixels")
    return header


def name_of(format_: str) -> str:
    """What a format is called in sentences for people: "JPEG", "WebP"."""
    return _NAMES.get(format_, format_.upper())


def _read(source: HeaderSource, format_: str) -> PictureHeader:
    if not source.size:
        raise UndecodablePicture("the file is empty")
    if format_ in _READERS:
        return _READERS[format_](source)
    if format_ in _NAMED_READERS:
        return _NAMED_READERS[format_](source, format_)
    raise UndecodablePicture(f"no picture format is called {format_!r}")
