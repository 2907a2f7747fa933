"""Variants for readers that know JPEG only, as many programs that look at pictures do."""

from __future__ import annotations

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.encode import QUALITY
from calotype.imaging.libraries import load_vips

_WHITE = 255


def to_jpeg(data: bytes) -> bytes:
    """A variant, whole file for whole file, as a JPEG in which what is transparent lies on white. Raises UndecodablePicture."""
    vips = load_vips()
    try:
        image = vips.Image.new_from_buffer(data, "")
        flat = image.flatten(background=_WHITE) if image.hasalpha() else image
        encoded: bytes = flat.jpegsave_buffer(Q=QUALITY, keep="none")
    except vips.Error as error:
        raise UndecodablePicture("the variant cannot be decoded") from error
    return encoded
