"""The first page and the page count of a TIFF, and the largest picture in RAW files built like one."""

from __future__ import annotations

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource
from calotype.imaging.tiff import EXIF_IFD, SUB_IFDS, Directory, Layout, read_directory, read_layout

_SUBFILE, _WIDTH, _HEIGHT, _BITS = 0x00FE, 0x0100, 0x0101, 0x0102
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xA002, 0xA003
# Panasonic's own numbers: the sensor, and the borders of the picture on it.
_SENSOR_WIDTH, _SENSOR_HEIGHT, _TOP, _LEFT, _BOTTOM, _RIGHT = range(2, 8)
_WANTED = frozenset({_SUBFILE, _WIDTH, _HEIGHT, _BITS, SUB_IFDS, EXIF_IFD, _PIXEL_WIDTH, _PIXEL_HEIGHT})
_PANASONIC = _WANTED | frozenset(range(2, 8))
_MOST_PAGES = 10_000
_MOST_DIRECTORIES = 32
_REDUCED, _MASK = 1, 4


def read_tiff(source: HeaderSource) -> PictureHeader:
    """The header of the first page, and how many pages there are; thumbnails and masks are no pages.

    Pages behind the bound of the source are not counted: each would be decoded by itself.
    """
    layout = layout_of(source)
    first, following = _directory(source, layout, layout.first)
    width, height = value(first, _WIDTH), value(first, _HEIGHT)
    pages = 1
    seen = {layout.first}
    while following and following not in seen and len(seen) < _MOST_PAGES:
        seen.add(following)
        try:
            page, following = _directory(source, layout, following)
        except UndecodablePicture:
            break
        pages += not value(page, _SUBFILE) & (_REDUCED | _MASK) and bool(value(page, _WIDTH))
    return PictureHeader("tiff", width, height, pages, value(first, _BITS) or 1)


def read_tiff_raw(source: HeaderSource, format_: str) -> PictureHeader:
    """The size of the largest picture that a RAW file names: in its pages, their parts, or its EXIF."""
    layout = layout_of(source)
    wanted = _PANASONIC if format_ == "rw2" else _WANTED
    waiting = [layout.first]
    seen: set[int] = set()
    best = (0, 0, 8)
    while waiting and len(seen) < _MOST_DIRECTORIES:
        offset = waiting.pop(0)
        if not offset or offset in seen:
            continue
        try:
            tags, following = _directory(source, layout, offset, wanted)
        except UndecodablePicture:
            if not seen:
                raise
            seen.add(offset)
            continue
        seen.add(offset)
        waiting += [following, *whole_numbers(tags, SUB_IFDS), *whole_numbers(tags, EXIF_IFD)]
        best = max(best, *_claims(tags), key=lambda claim: claim[0] * claim[1])
    return PictureHeader(format_, *best[:2], 1, best[2])


def layout_of(source: HeaderSource) -> Layout:
    """How the TIFF stream is written; raises UndecodablePicture where it is none."""
    source.read(0, 8, "its header is complete")
    layout = read_layout(source.peek(0, 16))
    if layout is None:
        raise source.fault("does not begin like a TIFF")
    return layout


def whole_numbers(tags: Directory, tag: int) -> tuple[int, ...]:
    """The whole numbers of a tag; none where it is missing or of another type."""
    entry = tags.get(tag)
    return entry.integers() if entry is not None else ()


def value(tags: Directory, tag: int) -> int:
    """The first whole number of a tag; 0 where it is missing."""
    return next(iter(whole_numbers(tags, tag)), 0)


def _directory(
    source: HeaderSource, layout: Layout, offset: int, wanted: frozenset[int] = _WANTED
) -> tuple[Directory, int]:
    found = read_directory(source.peek, layout, offset, wanted)
    if found is None:
        raise source.fault("has a directory of tags that is cut off or lies outside the file")
    return found


def _claims(tags: Directory) -> list[tuple[int, int, int]]:
    """Every size that a directory names, as (width, height, bits of a channel)."""
    bits = value(tags, _BITS) or 8
    across = value(tags, _RIGHT) - value(tags, _LEFT)
    down = value(tags, _BOTTOM) - value(tags, _TOP)
    sensor = (value(tags, _SENSOR_WIDTH), value(tags, _SENSOR_HEIGHT))
    if 0 < across <= sensor[0] and 0 < down <= sensor[1]:
        sensor = (across, down)
    return [
        (value(tags, _WIDTH), value(tags, _HEIGHT), bits),
        (value(tags, _PIXEL_WIDTH), value(tags, _PIXEL_HEIGHT), bits),
        (*sensor, 12),
    ]
