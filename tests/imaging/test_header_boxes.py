"""Headers of HEIC, AVIF, JPEG XL, SVG and camera RAW files."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header import read_header
from tests.imaging.containers import (
    LONG,
    SHORT,
    box,
    full_box,
    heif,
    reader,
    saved,
    tiff,
)


def header(data, format_):
    """The header of a whole file."""
    return read_header(reader(data), len(data), format_)


def refusal(data, format_):
    """Why a file is refused."""
    with pytest.raises(UndecodablePicture) as caught:
        header(data, format_)
    return caught.value.message


def test_a_heic_tells_the_size_of_its_primary_item():
    """The size is that of the primary item, not of its tiles, and before any rotation."""
    rotation = box(b"irot", b"\1")
    assert header(heif((4032, 3024), properties=[rotation]), "heic") == PictureHeader("heic", 4032, 3024)


@pytest.mark.parametrize(
    "configuration",
    [
        full_box(b"pixi", 0, 0, b"\3\x0a\x0a\x0a"),
        box(b"hvcC", b"\1" + b"\0" * 16 + b"\xfa" + b"\0" * 5),
        box(b"av1C", b"\x81\x04\x4c\0"),
    ],
)
def test_deep_heic_and_avif_tell_their_depth(configuration):
    """Ten bits a channel are found in the pixel information and in the configurations of HEVC and AV1."""
    assert header(heif(properties=[configuration]), "heic").bits == 10


def test_an_avif_and_its_sequence_tell_their_size_and_frames():
    """An AVIF as it is written in practice tells its size, and an animated one its frames."""
    assert header(saved(Image.new("RGB", (123, 45)), "AVIF"), "avif") == PictureHeader("avif", 123, 45)
    first, *others = [Image.new("RGB", (64, 48), (40 * number, 0, 0)) for number in range(5)]
    assert header(saved(first, "AVIF", save_all=True, append_images=others), "avif").frames == 5


def track(handler, size, count):
    """A track of a sequence."""
    head = full_box(b"tkhd", 0, 3, b"\0" * 72, struct.pack(">II", size[0] << 16, size[1] << 16))
    table = full_box(b"stsz", 0, 0, struct.pack(">II", 0, count))
    media = box(b"mdia", full_box(b"hdlr", 0, 0, b"\0\0\0\0", handler, b"\0" * 13), box(b"minf", box(b"stbl", table)))
    return box(b"trak", head, media)


def test_a_sequence_beside_a_still_picture_tells_its_frames():
    """The still picture tells the size and the track the frames."""
    burst = heif(brand=b"hevc") + box(b"moov", track(b"pict", (320, 240), 12))
    assert header(burst, "heic") == PictureHeader("heic", 640, 480, 12)


def test_a_still_picture_is_read_without_its_end():
    """Of a HEIC that is no sequence, what follows its tables is never asked for."""
    data = heif(items=[(b"Exif", b"", b"\0" * 900_000)]) + box(b"mpvd", b"video")
    read_at = reader(data)
    assert read_header(read_at, len(data), "heic").frames == 1
    assert max(offset + length for offset, length in read_at.calls) <= 16 * 1024


def test_a_sequence_without_items_tells_the_size_of_its_track():
    """A sequence that has no still picture tells the size and the frames of its picture track."""
    ftyp = box(b"ftyp", b"hevc", b"\0\0\0\0", b"msf1")
    sequence = ftyp + box(b"moov", track(b"soun", (1, 1), 999), track(b"pict", (640, 360), 42))
    assert header(sequence, "heic") == PictureHeader("heic", 640, 360, 42)


def test_the_video_of_a_motion_photo_is_no_sequence():
    """A still picture with a video beside it has one frame."""
    assert header(heif(brand=b"hevc") + box(b"moov", track(b"vide", (640, 360), 90)), "heic").frames == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (heif()[:60], "does not tell the size"),
        (heif(primary=9)[:-2], "does not tell the size|640"),
        (heif((0, 480)), "0 x 480 pixels"),
        (box(b"ftyp", b"heic", b"\0\0\0\0"), "does not tell the size"),
        (box(b"ftyp", b"heic") + full_box(b"meta", 0, 0, full_box(b"pitm", 0, 0)), "makes no sense"),
    ],
)
def test_a_broken_heic_says_what_is_wrong(data, reason):
    """A HEIC without a primary picture of some size is refused with the reason."""
    if "640" in reason:
        assert header(data, "heic").width == 640
    else:
        assert reason in refusal(data, "heic")


def bits(*fields):
    """A codestream from (value, number of bits), least significant bit first."""
    total, at = 0x0AFF, 16
    for number, width in fields:
        total |= number << at
        at += width
    return total.to_bytes(64, "little")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([(1, 1), (4, 5), (1, 3), (1, 1)], (40, 40, 8)),
        ([(1, 1), (4, 5), (0, 3), (9, 5), (1, 1)], (80, 40, 8)),
        ([(0, 1), (1, 2), (1079, 13), (5, 3), (1, 1)], (1920, 1080, 8)),
        ([(0, 1), (1, 2), (2999, 13), (0, 3), (1, 2), (3999, 13), (0, 1), (0, 1), (0, 1), (1, 2)], (4000, 3000, 10)),
        ([(0, 1), (0, 2), (99, 9), (7, 3), (0, 1), (0, 1), (1, 1), (1, 2)], (200, 100, 16)),
        (
            # An orientation, a size of its own, a preview and an animation stand before the depth.
            [(1, 1), (4, 5), (1, 3), (0, 1), (1, 1), (5, 3), (1, 1), (1, 1), (3, 5), (1, 3), (1, 1), (1, 1), (0, 2),
             (1, 3), (1, 1), (0, 2), (0, 2), (0, 2), (0, 1), (0, 1), (2, 2)],
            (40, 40, 12),
        ),
    ],
)  # fmt: skip
def test_a_jpeg_xl_codestream_tells_its_size_and_depth(fields, expected):
    """Small and large sizes, ratios and depths are read bit by bit."""
    width, height, depth = expected
    assert header(bits(*fields), "jxl") == PictureHeader("jxl", width, height, 1, depth)


def test_a_jpeg_xl_container_holds_a_codestream():
    """The codestream is found whole or in parts, and a frame index tells the frames."""
    stream = bits((1, 1), (4, 5), (1, 3), (1, 1))
    start = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ") + box(b"Exif", b"\0" * 9)
    assert header(start + box(b"jxlc", stream), "jxl").width == 40
    parts = box(b"jxli", b"\xac\x02") + box(b"jxlp", b"\0\0\0\0" + stream)
    assert header(start + parts, "jxl") == PictureHeader("jxl", 40, 40, 300)
    assert "no codestream" in refusal(start, "jxl")
    assert "no codestream" in refusal(start + box(b"jxlc", b"\0" * 9), "jxl")
    assert "ends before" in refusal(b"\xff\x0a", "jxl")


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ('<svg width="640" height="480">', (640, 480)),
        ("<svg width='640px' height=' 480 '>", (640, 480)),
        ('<svg width="72pt" height="6pc">', (96, 96)),
        ('<svg width="25.4mm" height="2.54cm">', (96, 96)),
        ('<svg width="1in" height="1e2">', (96, 100)),
        ('<svg viewBox="0 0 24 12">', (24, 12)),
        ('<svg viewBox="-5,-5,24.4,12.6">', (24, 13)),
        ('<svg width="100%" height="50%" viewBox="0 0 200 100">', (200, 50)),
        ('<svg width="100%" height="100%">', (300, 150)),
        ('<svg width="48" viewBox="0 0 24 12">', (48, 24)),
        ('<svg height="48" viewBox="0 0 24 12">', (96, 48)),
        ('<svg width="auto" height="7 parsecs" viewBox="0 0 24 12">', (24, 12)),
        ('<svg viewBox="0 0 0 12">', (300, 150)),
        ("<svg>", (300, 150)),
        ("<s:svg xmlns:s='x' width='9' height='8'/>", (9, 8)),
        ('<svg\n  data-a=">"\n  width="9"\n  height="8">', (9, 8)),
        ('<svg stroke-width="3" width=".4" height="8">', (1, 8)),
        ('\ufeff<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "]">\n]><svg width="9" height="8">', (9, 8)),
    ],
)
def test_an_svg_tells_its_size(root, expected):
    """Units, view boxes, shares, prologs and defaults give the size that a browser would use."""
    assert header(root.encode(), "svg") == PictureHeader("svg", *expected)
    assert header(root.encode("utf-16"), "svg") == PictureHeader("svg", *expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<svg width="0" height="5">', "not a size"),
        ('<svg width="-4" height="5">', "not a size"),
        ('<svg width="1e999" height="5">', "not a size"),
        ('<svg width="5', "no svg element"),
        ("<html><svg>", "no svg element"),
        ("text", "no svg element"),
        ("<!-- " + "-" * 100_000 + "--><svg>", "no svg element"),
        ("<svg " + "a='" * 20_001 + ">", "no svg element"),
    ],
)
def test_a_broken_svg_says_what_is_wrong(text, reason):
    """An SVG without a root or a size is refused with the reason."""
    assert reason in refusal(text.encode(), "svg")


def test_entities_of_an_svg_are_never_expanded():
    """A doctype that would unfold to gigabytes costs nothing: the size is read and the entities are not."""
    bomb = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(20))
    data = f'<!DOCTYPE svg [{bomb}]><svg width="9" height="8"><text>&a20;</text></svg>'.encode()
    assert header(data, "svg") == PictureHeader("svg", 9, 8)


THUMBNAIL = {0x00FE: (LONG, [1]), 0x0100: (LONG, [160]), 0x0101: (LONG, [120])}
SENSOR = {0x0100: (LONG, [6016]), 0x0101: (LONG, [4016]), 0x0102: (SHORT, [14])}


@pytest.mark.parametrize("format_", ["nef", "arw", "dng", "pef", "srw", "orf"])
def test_a_raw_file_tells_the_size_of_its_largest_picture(format_):
    """The sensor's picture in a part of the file counts, not the thumbnail that comes first."""
    data = tiff(THUMBNAIL, subs=[THUMBNAIL, SENSOR], magic=0x4F52 if format_ == "orf" else 42)
    assert header(data, format_) == PictureHeader(format_, 6016, 4016, 1, 14)


def test_a_raw_file_without_a_size_of_its_sensor_tells_that_of_its_exif():
    """An old CR2, whose directories only know a preview, tells the size in its EXIF tags."""
    data = tiff(THUMBNAIL, exif={0xA002: (SHORT, [3456]), 0xA003: (SHORT, [2304])})
    assert (header(data, "cr2").width, header(data, "cr2").height) == (3456, 2304)


def test_an_rw2_tells_the_picture_between_the_borders_of_its_sensor():
    """Panasonic's own tags give the size, with or without borders."""
    sensor = {2: (SHORT, [4816]), 3: (SHORT, [3464])}
    borders = {4: (SHORT, [4]), 5: (SHORT, [8]), 6: (SHORT, [3460]), 7: (SHORT, [4616])}
    assert header(tiff(sensor, magic=0x55), "rw2").width == 4816
    found = header(tiff({**sensor, **borders}, magic=0x55), "rw2")
    assert (found.width, found.height) == (4608, 3456)


def raf(records, preview=b""):
    """A RAF file with a list of sizes and a preview."""
    table = struct.pack(">I", len(records))
    for tag, data in records:
        table += struct.pack(">HH", tag, len(data)) + data
    start = b"FUJIFILMCCD-RAW ".ljust(84, b"\0")
    return (
        start + struct.pack(">IIII", 160, len(preview), 108, len(table)) + b"\0" * 8 + table.ljust(52, b"\0") + preview
    )


def test_a_raf_tells_its_cropped_size_or_that_of_its_preview():
    """The cropped size wins over the sensor's, and a RAF without either has the size of its preview."""
    full, cropped = (0x0100, struct.pack(">HH", 4196, 6384)), (0x0111, struct.pack(">HH", 4160, 6240))
    assert header(raf([full, (0x9999, b"junk"), cropped]), "raf") == PictureHeader("raf", 6240, 4160, 1, 14)
    assert header(raf([full]), "raf").width == 6384
    assert header(raf([], saved()), "raf") == PictureHeader("raf", 8, 6)
    assert "ends before" in refusal(raf([]), "raf")


def test_a_cr3_tells_the_size_of_its_largest_track():
    """The sample descriptions of a CR3 are searched for the largest picture."""

    def described(width, height):
        entry = box(b"CRAW", b"\0" * 24, struct.pack(">HH", width, height), b"\0" * 50)
        table = full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry)
        return box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table))))

    start = box(b"ftyp", b"crx \0\0\0\1crx isom")
    data = start + box(b"moov", described(1620, 1080), described(6288, 4056))
    assert header(data, "cr3") == PictureHeader("cr3", 6288, 4056, 1, 14)
    assert "does not tell" in refusal(start, "cr3")


def test_real_heic_and_jpeg_xl_files_have_the_size_that_their_decoders_find(corpus):
    """Tiled HEICs of two phones and both kinds of JPEG XL tell the sizes that libheif and libjxl decode."""
    sizes = {
        "heic/IMG_2682.heic": (4032, 3024, 8),
        "motionphoto/samsung-one-ui-6.heic": (4000, 3000, 8),
        "jxl/8bit-sRGB.jxl": (1440, 1080, 8),
        "jxl/16bit-HDR-P3-nclx.jxl": (5667, 3685, 16),
        "avif/10bit-HDR-P3-nclx.avif": (3681, 5594, 10),
    }
    for name, (width, height, depth) in sizes.items():
        path = corpus / "photos" / "formats" / name
        found = header(path.read_bytes(), path.suffix[1:])
        assert (found.width, found.height, found.frames, found.bits) == (width, height, 1, depth)
