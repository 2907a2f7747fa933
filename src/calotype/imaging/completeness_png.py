"""Whether a PNG is whole: its chunks with their checksums, and the compressed rows of its picture."""

from __future__ import annotations

import zlib

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_png import chunks, read_ihdr

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# PNG specification, 8.2: where each pass of an interlaced picture begins, and its steps, across and down.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
# Every chunk that holds the picture. Others are passed over even when their checksum is wrong, as decoders do: tools
# that edit metadata forget it.
_CHECKED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"fdAT", b"IEND"})
_MOST_CHUNKS = 50_000
_PIECE = 64 * 1024
MOST_INFLATED = 256 * 1024
"""How many bytes of rows are decompressed at most: a photograph of 90,000 pixels is decompressed whole."""


def check_png(source: WholeFile) -> None:
    """Raise IncompletePicture unless the chunks of a PNG reach to its IEND and their checksums fit.

    Proves that every chunk of the picture, of an animation's other frames too, has the bytes it was written with, and that
    its first 256 KiB of rows can be decompressed: smaller pictures are decompressed whole, of larger ones only the checksums
    speak for the rest. Does not prove that the chunks were right when they were written. Chunks behind the first 50,000
    are not looked at.
    """
    rows = _Rows(source, min(_row_bytes(*read_ihdr(source)), MOST_INFLATED))
    for number, (kind, start, length) in enumerate(chunks(source)):
        if number >= _MOST_CHUNKS:
            return
        source.need(start, length + 4)
        if kind in _CHECKED and source.crc32(start - 4, start + length) != _checksum(source, start + length):
            raise source.damaged("a checksum does not fit")
        if kind == b"IDAT":
            rows.add(start, start + length)
        elif kind == b"IEND":
            rows.finish()
            return
    raise source.cut()


def _checksum(source: WholeFile, offset: int) -> int:
    return int.from_bytes(source.peek(offset, 4), "big")


def _row_bytes(width: int, height: int, depth: int, color: int, interlacing: int) -> int:
    """The bytes of all rows, each with its filter byte."""
    bits = depth * _CHANNELS[color]
    passes = _PASSES if interlacing else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


class _Rows:
    """Decompresses the rows piece by piece and throws them away, until `wanted` bytes were seen (1 or more)."""

    def __init__(self, source: WholeFile, wanted: int) -> None:
        self._source = source
        self._wanted = wanted
        self._inflate = zlib.decompressobj()

    def add(self, start: int, end: int) -> None:
        """Take the content of one IDAT chunk, as far as it is still needed."""
        for offset in range(start, end, _PIECE):
            if self._wanted <= 0 or self._inflate.eof:
                return
            piece = self._source.peek(offset, min(_PIECE, end - offset))
            try:
                self._wanted -= len(self._inflate.decompress(piece, self._wanted))
            except zlib.error as error:
                raise self._source.damaged("its picture data cannot be decompressed") from error

    def finish(self) -> None:
        """Raise IncompletePicture where rows are missing."""
        if self._wanted > 0:
            raise self._source.damaged("there are fewer picture data than its size takes")
