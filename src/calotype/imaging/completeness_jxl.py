"""Whether a JPEG XL file is whole, as far as its container tells."""

from __future__ import annotations

from calotype.imaging.completeness_heif import UNCLIPPED
from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_jxl import CONTAINER, read_jxl
from calotype.imaging.isobmff import boxes

_LAST = 1 << 31


def check_jxl(source: WholeFile) -> None:
    """Raise IncompletePicture unless the codestream in a JPEG XL container is within the file, its last part included.

    Proves that the boxes of the codestream are not cut, where they tell their length. Proves nothing of a bare codestream but
    that its header can be read: its length is told by the sizes of its sections, which are coded entropically.
    """
    read_jxl(source)
    if source.peek(0, len(CONTAINER)) != CONTAINER:
        return
    for box in boxes(source, 0, UNCLIPPED):
        if box.kind not in {b"jxlc", b"jxlp"}:
            continue
        if source.size < box.end < UNCLIPPED:
            raise source.cut()
        # ISO/IEC 18181-2, 9.9: the number of the part, with the highest bit set in the last one.
        part = int.from_bytes(source.peek(box.start, 4), "big")
        if box.kind == b"jxlc" or part & _LAST:
            return
    raise source.cut()
