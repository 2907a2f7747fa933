"""Files made of chunks, boxes, blocks and offsets are whole when their parts fit into them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from calotype.domain.errors import IncompletePicture
from calotype.imaging.completeness import check_complete
from tests.imaging import pictures
from tests.imaging.containers import box, full_box, heif, riff, webp
from tests.imaging.developing import FORMATS

JXL_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")


def refused(data, format_, match="ends in the middle"):
    """The check refuses these bytes in these words."""
    with pytest.raises(IncompletePicture, match=match):
        check_complete(data, format_)


def test_a_webp_fills_the_length_it_tells():
    """A RIFF header that tells more than there is, or less than its chunks take, makes a WebP unsound; a trailer does not."""
    data = FORMATS["webp"]()
    check_complete(data + b"trailer", "webp")
    refused(data[:4] + struct.pack("<I", len(data) - 6) + data[8:], "webp")
    refused(data[:4] + struct.pack("<I", len(data) - 12) + data[8:], "webp", "past the end")


def test_a_webp_holds_a_picture():
    """Chunks without a picture, a picture without a beginning, and a first part longer than its chunk are refused."""
    lossless = FORMATS["lossless webp"]()
    lossy = FORMATS["webp"]()
    refused(webp(riff(b"VP8X", bytes(10)), riff(b"EXIF", b"abc")), "webp", "no picture data")
    refused(lossless[:20] + b"\x2e" + lossless[21:], "webp", "no sound beginning")
    refused(lossy[:20] + b"\xf0\xff\xff" + lossy[23:], "webp", "no sound beginning")
    animation = FORMATS["animated webp"]()
    frame = animation.index(b"ANMF")
    refused(animation[: frame + 24] + b"XXXX" + animation[frame + 28 :], "webp", "frame holds no picture")


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_heif_data_are_units(name):
    """Random bytes and zeros in place of the coded picture are no units; more data, or a film, behind it are no fault."""
    data = FORMATS[name]()
    start = data.index(b"mdat") + 4
    for seed in range(20):
        garbage = np.random.default_rng(seed).bytes(len(data) - start)
        if garbage[0] & 0x80 or name == "heic":
            refused(data[:start] + garbage, name, "units")
    refused(data[:start] + bytes(len(data) - start), name, "units")
    if name == "avif":
        refused(data[:start] + b"\x0a\x7f" + data[start + 2 :], name, "units")
    for trailer in (bytes(100), b"abc", box(b"mpvd", b"x" * 50), b"\0\0\1\0free", np.random.default_rng(1).bytes(500)):
        check_complete(data + trailer, name)


def test_heif_needs_its_tables():
    """Without its tables of items, or with an item outside the file, a HEIC is not whole."""
    data = FORMATS["heic"]()
    refused(data[:28] + data[409:], "heic", "size of its primary picture")
    refused(heif(), "heic", "holds no data")
    place = data.index(b"iloc")
    refused(data[: place + 16] + b"\xff" * 8 + data[place + 24 :], "heic", ".")


def test_bmp_rows_and_codes():
    """Uncompressed rows must be there; run-length codes end with their mark or when the picture is full."""

    def coded(codes, compression=1, bits=8):
        head = struct.pack("<IiiHHIIiiII", 40, 32, 32, 1, bits, compression, len(codes), 0, 0, 256, 0)
        return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(codes), 0, 0, 54 + 1024) + head + bytes(1024) + codes

    row = b"\x20\x05\0\0"
    check_complete(coded(row * 31 + b"\x20\x05\0\1"), "bmp")
    check_complete(coded(row * 32), "bmp")
    check_complete(coded(row + b"\0\2\1\5" + b"\0\1"), "bmp")
    check_complete(coded(b"\0\x20" + bytes(16) + b"\0\0" + row * 31, 2, 4), "bmp")
    refused(coded(row * 30), "bmp")
    refused(coded(b"\0\x20" + bytes(15), 2, 4), "bmp")
    refused(coded(row * 31 + b"\0\x20" + bytes(31)), "bmp")
    refused(coded(row + b"\0\2"), "bmp", "makes no sense")
    check_complete(coded(row * 70_000), "bmp")
    plain = FORMATS["bmp"]()
    without_offset = plain[:10] + bytes(4) + plain[14:]
    check_complete(without_offset, "bmp")
    refused(without_offset[:-1], "bmp")


def test_gif_blocks():
    """Padding between blocks is passed over; garbage between them, a frame without data and zeros to the end are not."""
    data = FORMATS["gif"]()
    check_complete(data[:-1] + b"\0\0\0;", "gif")
    check_complete(data[:-1] + b"!\xfe\3abc\0;" + b"behind", "gif")
    refused(data[:-1] + b"\0\0\0", "gif")
    refused(data[:-1] + b"w" * 50, "gif", "no block")
    refused(data[: 13 + 3 * 4] + b";", "gif", "first picture|no block")
    frame = data.index(b",\0\0\0\0")
    refused(data[: frame + 11] + b"\0;", "gif", "no picture data")


def test_jxl_containers():
    """A container is whole when the codestream's last part is; a box may also reach to the end of the file."""
    bare = pictures.jxl()
    whole = JXL_SIGNATURE + box(b"jxlc", bare)
    check_complete(whole, "jxl")
    refused(whole[:-1], "jxl")
    check_complete(JXL_SIGNATURE + b"\0\0\0\0jxlc" + bare, "jxl")
    first, last = box(b"jxlp", b"\0\0\0\0", bare[:30]), box(b"jxlp", b"\x80\0\0\1", bare[30:])
    check_complete(JXL_SIGNATURE + first + last, "jxl")
    refused(JXL_SIGNATURE + first, "jxl")
    refused(JXL_SIGNATURE + first + last[:-3], "jxl")


def test_raw_files_of_parts():
    """A RAF file ends no earlier than its sensor data, and a CR3 file no earlier than its media data."""
    parts = struct.pack(">6I", 120, 50, 170, 30, 200, 40)
    raf = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + parts + bytes(240 - 108)
    check_complete(raf, "raf")
    refused(raf[:-1], "raf")
    refused(raf[:100], "raf", "list of parts|ends in the middle")
    entry = box(b"CRAW", bytes(24), struct.pack(">HH", 6000, 4000), bytes(50))
    table = box(b"mdia", box(b"minf", box(b"stbl", full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry))))
    cr3 = box(b"ftyp", b"crx \0\0\0\1") + box(b"moov", box(b"trak", table)) + box(b"mdat", bytes(500))
    check_complete(cr3, "cr3")
    refused(cr3[:-1], "cr3")


@pytest.mark.parametrize(
    "end",
    [b"<g>", b"</g>", b"<!-- ", b"<g a='1' a='2'/>", b"<text>&nbsp;</text>", b"<g", b"a & b"],
)
def test_svg_is_well_formed(end):
    """What no XML parser accepts, librsvg does not either; entities and other encodings are left to it."""
    head, tail = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/>', b"</svg>"
    check_complete(head + tail, "svg")
    check_complete(head + tail + b"\n<!-- end -->\n", "svg")
    refused(head + end + tail, "svg", "well-formed")
    check_complete(b'<?xml version="1.0" encoding="Shift_JIS"?>' + head + b"<desc>\x83\x65</desc>" + tail, "svg")
    entity = b'<!DOCTYPE svg [<!ENTITY a "b">]>' + head + b"&a;" + tail
    check_complete(entity, "svg")
    refused(entity[:-1], "svg")
