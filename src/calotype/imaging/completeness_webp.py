"""Whether a WebP is whole: its chunks, those of its frames, and the parts of lossy pictures."""

from __future__ import annotations

from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_webp import chunks

_MOST_CHUNKS = 50_000
_FRAME_HEADER = 16
_LOSSY, _LOSSLESS, _FRAME = b"VP8 ", b"VP8L", b"ANMF"


def check_webp(source: WholeFile) -> None:
    """Raise IncompletePicture unless a WebP has all the bytes that it announces, and chunks that fill them.

    Proves that the file is as long as its RIFF header says, that each chunk and each frame's chunks end within it, and that
    the first part of a lossy picture is within its chunk. Does not prove that the data are right: there are no
    checksums, and random bytes of the right length are a lossy picture too. Everything behind the announced length is
    passed over, and chunks behind the first 50,000 are not looked at.
    """
    head = source.read(0, 12, "its header is complete")
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        raise source.fault("does not begin like a WebP")
    end = 8 + int.from_bytes(head[4:8], "little")
    source.need(0, end)
    if not _pictures(source, 12, end):
        raise source.damaged("it holds no picture data")


def _pictures(source: WholeFile, start: int, end: int, *, within_frame: bool = False) -> int:
    """How many pictures or frames are between two offsets; past the bound of chunks, one more than were seen."""
    found = 0
    for number, (kind, data, length) in enumerate(chunks(source, start)):
        if number >= _MOST_CHUNKS:
            return found + 1
        if data - 8 >= end:
            break
        if data + length > end:
            raise source.damaged("a chunk reaches past the end")
        if kind in {_LOSSY, _LOSSLESS}:
            _check_picture(source, kind, data, length)
            found += 1
        elif kind == _FRAME and not within_frame:
            if not _pictures(source, data + _FRAME_HEADER, data + length, within_frame=True):
                raise source.damaged("a frame holds no picture data")
            found += 1
    return found


def _check_picture(source: WholeFile, kind: bytes, data: int, length: int) -> None:
    head = source.peek(data, min(length, 10))
    if kind == _LOSSLESS:
        # WebP lossless, 3: the signature, and the three bits of the version above 29 of size and transparency.
        sound = len(head) >= 5 and head[0] == 0x2F and not head[4] >> 5
    else:
        # RFC 6386, 9.1: a key frame, whose first part has its length in the upper 19 of 24 bits.
        sound = len(head) == 10 and not head[0] & 1 and head[3:6] == b"\x9d\x01\x2a"
        sound = sound and 10 + (int.from_bytes(head[:3], "little") >> 5) <= length
    if not sound:
        raise source.damaged("its picture data have no sound beginning")
