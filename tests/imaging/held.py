"""Pictures as cameras store them that are not held upright."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from tests.contracts.photos import corners, encoded, exif

_INVERSE = {6: 8, 8: 6}


def held(orientation, kind="JPEG", size=(48, 32), **options):
    """A picture of that size whose corners stand in reading order once it is turned as its EXIF says."""
    inverse = exif(_INVERSE.get(orientation, orientation))
    with Image.open(io.BytesIO(encoded(corners(*size), "PNG", exif=inverse))) as upright:
        stored = ImageOps.exif_transpose(upright)
    return encoded(stored, kind, exif=exif(orientation), **options)
