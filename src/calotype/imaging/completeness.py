"""Whether a picture file is whole and undamaged, told by its structure and without decoding a pixel."""

from __future__ import annotations

import struct
from collections.abc import Callable

from calotype.domain.errors import IncompletePicture, UndecodablePicture
from calotype.imaging.completeness_bmp import check_bmp
from calotype.imaging.completeness_gif import check_gif
from calotype.imaging.completeness_heif import check_heif
from calotype.imaging.completeness_jpeg import check_jpeg
from calotype.imaging.completeness_jxl import check_jxl
from calotype.imaging.completeness_png import check_png
from calotype.imaging.completeness_raw import check_cr3, check_raf
from calotype.imaging.completeness_source import Buffer, WholeFile
from calotype.imaging.completeness_svg import check_svg
from calotype.imaging.completeness_tiff import check_tiff, check_tiff_raw
from calotype.imaging.completeness_webp import check_webp
from calotype.imaging.header import name_of

_CHECKS: dict[str, Callable[[WholeFile], None]] = {
    **dict.fromkeys(("avif", "heic", "heif"), check_heif),
    "bmp": check_bmp,
    "cr3": check_cr3,
    "gif": check_gif,
    "jpeg": check_jpeg,
    "jxl": check_jxl,
    "png": check_png,
    "raf": check_raf,
    "svg": check_svg,
    "tiff": check_tiff,
    "webp": check_webp,
}
_TIFF_RAW = frozenset({"arw", "cr2", "dng", "nef", "orf", "pef", "rw2", "srw"})


def check_complete(source: Buffer, format: str) -> None:
    """Raise IncompletePicture, with a sentence for people, where a picture file is cut off or visibly damaged.

    `source` is the whole file, in memory or mapped; it is read and never kept. `format` is the word of `MediaType.format`.
    Takes microseconds for a photograph of 200 kB, and a bounded time for any content. A file that is cut at any byte of
    its picture is refused, but for what each check names; so are changed bytes where the format has checksums. Passing
    proves no more than the check of the format says, least where a format has no checksums: then the decoder has the last
    word. No picture that the decoders open whole is refused, unless its end mark is missing or a checksum is wrong. Raises
    UndecodablePicture for a format that is no picture.
    """
    if format not in _CHECKS and format not in _TIFF_RAW:
        raise UndecodablePicture(f"no picture format is called {format!r}")
    if not len(source):
        raise IncompletePicture("the file is empty")
    file = WholeFile(source, name_of(format))
    try:
        if format in _TIFF_RAW:
            check_tiff_raw(file, format)
        else:
            _CHECKS[format](file)
    except (ArithmeticError, LookupError, RecursionError, ValueError, struct.error) as error:
        raise file.damaged("its structure makes no sense") from error
