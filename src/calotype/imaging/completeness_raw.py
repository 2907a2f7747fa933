"""Whether a camera RAW file that is not built like a TIFF is whole: Fujifilm RAF and Canon CR3."""

from __future__ import annotations

from calotype.imaging.completeness_heif import check_media_boxes
from calotype.imaging.completeness_source import WholeFile
from calotype.imaging.header_raw import read_cr3

# Where a RAF file tells offset and length, in bytes, of its preview, its list of sizes, and the sensor's data.
_RAF_PARTS = (84, 92, 100)


def check_raf(source: WholeFile) -> None:
    """Raise IncompletePicture unless preview, sizes and sensor data of a RAF file are within it. Proves no more."""
    for position in _RAF_PARTS:
        head = source.read(position, 8, "its list of parts is complete")
        source.need(int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big"))


def check_cr3(source: WholeFile) -> None:
    """Raise IncompletePicture unless the description and the media data of a CR3 file are within it. Proves no more."""
    read_cr3(source)
    check_media_boxes(source)
