"""Pictures held upright: how large they are then, and upright copies of those that were stored otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from calotype.domain.errors import UndecodablePicture
from calotype.imaging.decode_vips import readable
from calotype.imaging.header import read_header
from calotype.imaging.header_source import ReadAt
from calotype.imaging.libraries import load_vips
from calotype.imaging.metadata import extract_blobs, read_metadata
from calotype.imaging.orient import swaps_sides
from calotype.imaging.original import PIXEL_LIMIT, open_original

_QUALITY = 95


@dataclass(frozen=True, slots=True)
class UprightSize:
    """Width and height in pixels once upright, and the orientation (1 to 8) as stored."""

    width: int
    height: int
    orientation: int


def upright_size(read_at: ReadAt, size: int, format_: str) -> UprightSize:
    """What a picture's header and metadata say, without decoding a pixel; `read_at` and errors are those of `read_header`."""
    header = read_header(read_at, size, format_)
    blobs = extract_blobs(read_at, size, format_)
    orientation = read_metadata(blobs.exif, blobs.xmp, blobs.iptc).orientation
    if swaps_sides(orientation):
        return UprightSize(header.height, header.width, orientation)
    return UprightSize(header.width, header.height, orientation)


def write_upright(path: str, target: str, orientation: int, *, pixel_limit: int = PIXEL_LIMIT) -> None:
    """Write an upright copy of the JPEG or PNG at a local path, of the same format; to be run in a limited child process.

    A PNG loses nothing; a JPEG is encoded again, without reducing its colours, and keeps its profile. Other metadata is left out:
    it would tell readers to turn the picture once more. Damaged files give what is left of them. Raises UndecodablePicture.
    """
    original = open_original(path, pixel_limit=pixel_limit)
    vips = load_vips()
    try:
        image = _turned(vips.Image.new_from_file(path, fail_on="none"), orientation)
        if original.format == "png":
            image.pngsave(target, keep="icc")
        else:
            image.jpegsave(target, Q=_QUALITY, subsample_mode="off", keep="icc")
    except vips.Error as error:
        raise UndecodablePicture(f"the picture cannot be turned upright: {readable(error)}") from error


def _turned(image: Any, orientation: int) -> Any:
    """The image as `calotype.imaging.orient.orient` turns pixels."""
    image = image.copy_memory()
    if orientation in {5, 6}:
        image = image.rot90()
    elif orientation in {7, 8}:
        image = image.rot270()
    elif orientation in {3, 4}:
        image = image.rot180()
    return image.fliphor() if orientation in {2, 4, 5, 7} else image
