"""Whether a GIF is whole: its blocks up to the trailer, or at least up to the end of a frame."""

from __future__ import annotations

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_gif import EXTENSION, IMAGE, PADDING, TRAILER, skip_blocks, skip_padding, table_bytes

_MOST_BLOCKS = 100_000
# The smallest frame: one code that clears, one pixel, one that ends, three bits each, are two bytes.
_LEAST_DATA = 1


def check_gif(source: WholeFile) -> None:
    """Raise IncompletePicture unless every block up to the trailer is there and at least one frame holds data.

    Proves that no frame is cut and that nothing but blocks stands between the frames. A file that ends exactly behind a frame
    passes, because decoders show it and some writers leave the trailer out: so an animation that was cut just there
    passes too. Does not prove that the codes of a frame are right: there are no checksums. Blocks behind the first 100,000 are
    not looked at; everything behind the trailer is passed over.
    """
    head = source.read(0, 13, "its screen descriptor is complete")
    if head[:6] not in {b"GIF87a", b"GIF89a"}:
        raise source.fault("does not begin like a GIF")
    position = 13 + table_bytes(head[10])
    frames = 0
    padded = False
    for _ in range(_MOST_BLOCKS):
        kind = source.peek(position, 1)
        if not kind:
            # Zeros up to the end are what a broken download leaves.
            if not frames or padded or position > source.size:
                raise source.cut()
            return
        padded = kind[0] == PADDING
        if kind[0] == TRAILER:
            if not frames:
                raise source.fault("ends before its first picture")
            return
        if kind[0] == IMAGE:
            position = _image(source, position)
            frames += 1
        elif kind[0] == EXTENSION:
            source.need(position, 2)
            position = skip_blocks(source, position + 2)
        elif padded:
            position = skip_padding(source, position)
        else:
            raise source.damaged("something that is no block stands between its blocks")


def _image(source: WholeFile, position: int) -> int:
    """The offset behind the frame whose descriptor is at `position`."""
    source.need(position, 11)
    # One byte behind the table: the size of the first code.
    start = position + 11 + table_bytes(source.peek(position + 9, 1)[0])
    end = skip_blocks(source, start)
    if end - start <= _LEAST_DATA:
        raise source.damaged("a frame holds no picture data")
    return end
