"""The size of a JPEG XL picture, read bit by bit from its codestream (ISO/IEC 18181-1, annex D)."""

from __future__ import annotations

from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource
from calotype.imaging.isobmff import boxes

CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_CODESTREAM = b"\xff\x0a"
# Table D.1: the width as a share of the height.
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))


class _Bits:
    """Takes bits from the least significant end, as the codestream is written."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        taken = self.value & ((1 << count) - 1)
        self.value >>= count
        return taken

    def choose(self, *choices: tuple[int, int]) -> int:
        """The specification's U32: two bits choose an offset and how many bits are added to it."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)


def read_jxl(source: HeaderSource) -> PictureHeader:
    """The header of a bare codestream or a container.

    Frames are only counted where the container has a frame index: the codestream itself tells their number
    nowhere.
    """
    if source.peek(0, 12) == CONTAINER:
        start, frames = _locate(source)
    else:
        start, frames = 0, 1
    data = source.read(start, 3, "its codestream")
    data += source.peek(start + 3, 45)
    if data[:2] != _CODESTREAM:
        raise source.fault("has no codestream where one should begin")
    bits = _Bits(data[2:])
    width, height = _size(bits)
    return PictureHeader("jxl", width, height, frames, _depth(bits))


def _locate(source: HeaderSource) -> tuple[int, int]:
    frames = 1
    for box in boxes(source, 0, source.size):
        if box.kind == b"jxli":
            frames = max(1, _variable(source.peek(box.start, 9)))
        elif box.kind == b"jxlc":
            return box.start, frames
        elif box.kind == b"jxlp":
            return box.start + 4, frames
    raise source.fault("has no codestream in its container")


def _variable(data: bytes) -> int:
    """A number of seven bits a byte, least significant first (ISO/IEC 18181-2)."""
    value = 0
    for shift, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            break
    return value


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = (bits.take(5) + 1) * 8 if small else bits.choose(*_SIDE)
    ratio = bits.take(3)
    if ratio:
        over, under = _RATIOS[ratio - 1]
        return height * over // under, height
    return ((bits.take(5) + 1) * 8 if small else bits.choose(*_SIDE)), height


def _depth(bits: _Bits) -> int:
    """The bits of a channel, from the beginning of ImageMetadata."""
    if bits.take(1):
        return 8
    if bits.take(1):
        bits.take(3)
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            _preview(bits)
        if bits.take(1):
            _animation(bits)
    if bits.take(1):
        return bits.choose((32, 0), (16, 0), (24, 0), (1, 6))
    return bits.choose((8, 0), (10, 0), (12, 0), (1, 6))


def _preview(bits: _Bits) -> None:
    small = bits.take(1)
    sides = ((16, 0), (32, 0), (1, 5), (33, 9)) if small else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.choose(*sides)
    if not bits.take(3):
        bits.choose(*sides)


def _animation(bits: _Bits) -> None:
    bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
    bits.take(1)
