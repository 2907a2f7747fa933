"""The canvas and the frame count of a GIF."""

from __future__ import annotations

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
PADDING = 0x00


def read_gif(source: HeaderSource) -> PictureHeader:
    """The header of a GIF; its frames are counted by walking its blocks.

    Frames behind the bound of the source are estimated: as many for each byte as ended before it, rounded up; a first
    frame that does not end before it counts as the only one. A GIF that is cut off after a frame counts the frames it
    has, as decoders show them.
    """
    head = source.read(0, 13, "its screen descriptor is complete")
    if head[:6] not in {b"GIF87a", b"GIF89a"}:
        raise source.fault("does not begin like a GIF")
    walk = _Walk(source, int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little"))
    walk.run(13 + table_bytes(head[10]))
    if not walk.frames:
        raise source.fault("ends before its first picture")
    return PictureHeader("gif", walk.width, walk.height, walk.frames)


def skip_blocks(source: HeaderSource, position: int) -> int:
    """The offset behind the sub-blocks that begin at `position`; raises UndecodablePicture where the file ends in one."""
    while True:
        window = source.peek(position, 8192)
        if not window:
            raise source.fault("ends inside a block")
        at = 0
        end = len(window)
        while at < end:
            length = window[at]
            at += length + 1
            if not length:
                return position + at
        position += at


def skip_padding(source: HeaderSource, position: int) -> int:
    """The offset behind the zeros at `position`, 8192 of them at most."""
    window = source.peek(position, 8192)
    return position + len(window) - len(window.lstrip(b"\0"))


def table_bytes(flags: int) -> int:
    """The length in bytes of the colour table that the flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


class _Walk:
    """Steps over the blocks, widening the canvas to hold every frame, as decoders do."""

    def __init__(self, source: HeaderSource, width: int, height: int) -> None:
        self.source = source
        self.width = width
        self.height = height
        self.frames = 0
        self.whole, self.end = 0, 0  # frames walked over to their ends, and where the last of these ends

    def run(self, position: int) -> None:
        """Walk until the trailer, the end, nonsense or the bound."""
        at: int | None = position
        while at is not None:
            position = at
            try:
                at = self._step(position)
            except UndecodablePicture:
                if not self.frames:
                    raise
                if self.source.exhausted and self.whole:
                    self.frames = max(self.frames, -(-self.whole * self.source.size // self.end))
                at = None

    def _step(self, position: int) -> int | None:
        kind = self.source.read(position, 1, "its first picture")[0]
        if kind == EXTENSION:
            return skip_blocks(self.source, position + 2)
        if kind == IMAGE:
            descriptor = self.source.read(position + 1, 9, "its first picture")
            left, top, width, height = (int.from_bytes(descriptor[at : at + 2], "little") for at in range(0, 8, 2))
            self.width = max(self.width, left + width)
            self.height = max(self.height, top + height)
            self.frames += 1
            # One byte behind the table: the size of the first code.
            self.end = skip_blocks(self.source, position + 11 + table_bytes(descriptor[8]))
            self.whole += 1
            return self.end
        if kind == PADDING:
            return skip_padding(self.source, position)
        if kind != TRAILER and not self.frames:
            raise self.source.fault("has an unknown block before its first picture")
        return None
