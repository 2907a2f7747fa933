"""The one way to open a picture: by its content, with its size checked before a pixel is decoded."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header import read_header
from calotype.imaging.sniff import HEAD_BYTES, sniff

PIXEL_LIMIT = 250_000_000


@dataclass(frozen=True, slots=True)
class Original:
    """A picture file that was recognised and whose header is within the limit; `data` is mapped, not read."""

    path: Path
    data: mmap.mmap
    header: PictureHeader

    @property
    def format(self) -> str:
        """The format as found in the bytes, such as "jpeg"."""
        return self.header.format

    @property
    def size(self) -> int:
        """The length of the file in bytes."""
        return len(self.data)

    @property
    def read_at(self) -> Callable[[int, int], bytes]:
        """A function that gives up to `length` bytes from `offset`, as the other readers want it."""
        data = self.data
        return lambda offset, length: data[offset : offset + length]


def open_original(path: str | Path, *, pixel_limit: int = PIXEL_LIMIT) -> Original:
    """Map the file, find out what it is, and hold width x height x frames against the limit.

    Raises UndecodablePicture when the file is empty, is no picture, has a broken header, or is too large;
    then `limit` and `actual` (pixels) are in the context.
    """
    path = Path(path)
    data = _map(path)
    media_type = sniff(data[:HEAD_BYTES])
    if media_type is None or media_type.media_type != "image":
        raise UndecodablePicture(_not_a_picture(media_type.format if media_type else None))
    original = Original(path, data, PictureHeader(media_type.format, 0, 0))
    header = read_header(original.read_at, original.size, media_type.format)
    # A drawing is made at the size that is wanted, so what it claims costs nothing.
    if header.pixels > pixel_limit and header.format != "svg":
        raise UndecodablePicture(_too_many_pixels(header, pixel_limit), limit=pixel_limit, actual=header.pixels)
    return Original(path, data, header)


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise UndecodablePicture("the file is empty") from error


def _not_a_picture(found: str | None) -> str:
    return f"the file is not a picture but {found.upper()}" if found else "the content is no known kind of picture"


def _too_many_pixels(header: PictureHeader, limit: int) -> str:
    frames = f" x {header.frames} frames" if header.frames > 1 else ""
    return (
        f"the picture is {header.width} x {header.height}{frames} pixels, "
        f"{header.pixels / 1e6:.1f} megapixels in all; at most {limit / 1e6:.1f} are allowed"
    )
