"""Turning a picture the way its EXIF orientation says it was held."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels


def swaps_sides(orientation: int) -> bool:
    """Whether this EXIF orientation turns width into height (values 5 to 8)."""
    return orientation in {5, 6, 7, 8}


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Return the pixels upright, for an EXIF orientation of 1 to 8; anything else counts as 1.

    The eight values are those of EXIF 3.0, tag 0x0112: where row 0 and column 0 of the stored picture belong.
    """
    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    turned: Pixels
    match orientation:
        case 2:
            turned = cv2.flip(pixels, 1)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, 0)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.flip(cv2.transpose(pixels), -1)
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            turned = pixels
    return turned
