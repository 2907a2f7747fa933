"""Whether a bitmap is whole: its rows, or the codes of its compressed rows."""

from __future__ import annotations

import struct

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_bmp import read_bmp

_PLAIN, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_MOST_CODES = 1 << 16


def check_bmp(source: WholeFile) -> None:
    """Raise IncompletePicture unless a bitmap has a byte for every pixel.

    Proves that all rows are there, but for the padding of the last; for run-length codes that they reach to their end mark or
    fill the picture, looking at 65,536 codes at most. Proves nothing of their content: any bytes are pixels.
    """
    header = read_bmp(source)
    offset = int.from_bytes(source.peek(10, 4), "little")
    second = int.from_bytes(source.peek(14, 4), "little")
    depth = int.from_bytes(source.peek(24 if second == 12 else 28, 2), "little")
    compression = int.from_bytes(source.peek(30, 4), "little") if second >= 40 else _PLAIN
    # Some writers leave the offset out; then the rows follow the header and a palette that is not counted here.
    start = max(offset, 14 + second)
    source.need(start, 1)
    if compression in {_RLE8, _RLE4}:
        _check_codes(source, start, header.width, header.height, 8 if compression == _RLE8 else 4)
    elif compression in {_PLAIN, _BITFIELDS, _ALPHA_BITFIELDS} and depth:
        row = (header.width * depth + 7) // 8
        padded = -(-header.width * depth // 32) * 4
        source.need(start, padded * (header.height - 1) + row)


def _check_codes(source: WholeFile, position: int, width: int, height: int, bits: int) -> None:
    """Walk the codes of RLE8 or RLE4 as far as they say where they end."""
    column = row = 0
    for _ in range(_MOST_CODES):
        code = source.peek(position, 2)
        if len(code) < 2:
            break
        count, value = struct.unpack("BB", code)
        position += 2
        if count:
            column += count
        elif value == 0:
            column, row = 0, row + 1
        elif value == 1:
            return
        elif value == 2:
            column, row = column + source.peek(position, 1)[0], row + source.peek(position + 1, 1)[0]
            position += 2
        else:
            column += value
            size = (value * bits + 7) // 8
            source.need(position, size)
            position += size + size % 2
    else:
        return
    if row * width + column < width * height:
        raise source.cut()
