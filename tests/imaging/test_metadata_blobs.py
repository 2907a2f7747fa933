"""Metadata is cut out of every container it comes in."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.imaging.metadata import MetadataBlobs, extract_blobs, read_metadata
from calotype.imaging.original import open_original
from calotype.imaging.pipeline import read_original_metadata
from tests.examples import examples
from tests.imaging.containers import (
    ASCII,
    BYTE,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    box,
    chunk,
    heif,
    iim,
    jpeg_with,
    png_with,
    reader,
    resources,
    riff,
    saved,
    segment,
    tiff,
    webp,
    xmp,
)
from tests.imaging.test_header import FILES

EXIF = tiff({0x010F: (ASCII, b"Maker\0"), 0x0112: (SHORT, [6])}, {0x8827: (SHORT, [100])})
XMP = xmp(attributes='xmp:Rating="4"')
IPTC = iim(2, 25, b"keyword")


def blobs(data, format_):
    """The metadata of a whole file."""
    return extract_blobs(reader(data), len(data), format_)


def app1(data):
    """A segment of EXIF or XMP."""
    return segment(0xE1, data)


XMP_SEGMENT = app1(b"http://ns.adobe.com/xap/1.0/\0" + XMP)
EXTENDED = app1(b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 100)


def test_a_jpeg_has_all_three():
    """EXIF, XMP and IPTC are found in their segments, and extended XMP is passed over."""
    photoshop = segment(0xED, b"Photoshop 3.0\0" + resources(IPTC))
    data = jpeg_with(EXTENDED, XMP_SEGMENT, photoshop, app1(b"Exif\0\0" + EXIF))
    assert blobs(data, "jpeg") == MetadataBlobs(EXIF, XMP, IPTC)


def test_of_two_parts_of_a_kind_the_first_counts():
    """A second EXIF or XMP segment does not replace the first one."""
    other = app1(b"Exif\0\0" + tiff({0x0112: (SHORT, [3])}))
    data = jpeg_with(app1(b"Exif\0\0" + EXIF), other, XMP_SEGMENT, app1(b"http://ns.adobe.com/xap/1.0/\0<x/>"))
    assert blobs(data, "jpeg") == MetadataBlobs(EXIF, XMP, None)


def test_iptc_may_go_on_in_the_next_segment():
    """Photoshop's resources that are cut in two by the length of a segment are joined."""
    whole = resources(*(iim(2, 25, b"word%d" % number) for number in range(99)))
    parts = [segment(0xED, b"Photoshop 3.0\0" + part) for part in (whole[:500], whole[500:])]
    assert len(read_metadata(None, None, blobs(jpeg_with(*parts), "jpeg").iptc).keywords) == 99


def test_a_jpeg_that_is_cut_off_keeps_what_came_before():
    """Parts before the place where a file ends are found."""
    data = jpeg_with(app1(b"Exif\0\0" + EXIF), XMP_SEGMENT)
    assert blobs(data[: len(EXIF) + 40], "jpeg").exif == EXIF


def profile(name, data, kind=b"zTXt"):
    """A profile in a PNG text chunk, as ImageMagick writes it."""
    text = b"\n%s\n%8d\n%s\n" % (name, len(data), data.hex().encode())
    body = b"Raw profile type " + name + b"\0"
    return chunk(kind, body + (b"\0" + zlib.compress(text) if kind == b"zTXt" else text))


def international(text, *, packed=False):
    """An XMP chunk of a PNG."""
    body = zlib.compress(text) if packed else text
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"en\0\0" + body)


@pytest.mark.parametrize(
    "data",
    [
        png_with(chunk(b"eXIf", EXIF), international(XMP), profile(b"iptc", resources(IPTC))),
        png_with(
            international(XMP, packed=True), profile(b"exif", b"Exif\0\0" + EXIF), profile(b"8bim", resources(IPTC))
        ),
        png_with(
            profile(b"APP1", b"Exif\0\0" + EXIF, b"tEXt"),
            profile(b"APP1", b"http://ns.adobe.com/xap/1.0/\0" + XMP),
            profile(b"iptc", resources(IPTC), b"tEXt"),
        ),
        png_with()[:-12] + chunk(b"eXIf", EXIF) + international(XMP) + profile(b"iptc", resources(IPTC)),
    ],
)
def test_a_png_has_all_three(data):
    """Chunks of their own, and profiles as text, are found before and behind the picture data."""
    assert blobs(data, "png") == MetadataBlobs(EXIF, XMP, IPTC)


def test_metadata_behind_a_large_picture_is_found(tmp_path):
    """However many chunks of picture data a PNG or an animated WebP has, its EXIF and XMP are read behind them."""
    png = png_with(*[chunk(b"IDAT", b"\0" * 8192)] * 1000)[:-12] + chunk(b"eXIf", EXIF) + international(XMP)
    frames = [riff(b"ANMF", b"\0" * 20_000)] * 500
    animated = webp(riff(b"VP8X", b"\x0e\0\0\0" + b"\7\0\0" * 2), *frames, riff(b"EXIF", EXIF), riff(b"XMP ", XMP))
    for data in (png, animated):
        (tmp_path / "original").write_bytes(data)
        told = read_original_metadata(open_original(tmp_path / "original"))
        assert (told.orientation, told.iso, told.rating) == (6, 100, 4)


def test_a_file_of_a_million_chunks_is_not_walked_to_its_end():
    """The walk along tiny chunks ends, and what was found before is kept."""
    tiny = chunk(b"teSt", b"") * 1_000_000
    data = png_with(chunk(b"eXIf", EXIF))[:-12] + tiny + international(XMP)
    read_at = reader(data)
    assert extract_blobs(read_at, len(data), "png", at_hand=True) == MetadataBlobs(EXIF, None, None)
    assert sum(length for _, length in read_at.calls) < len(data) // 2


def test_text_of_a_png_that_unpacks_without_end_is_cut():
    """A text chunk that unpacks to a hundred megabytes gives at most one."""
    bomb = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * 100_000_000))
    assert len(blobs(png_with(bomb), "png").xmp) == 1024 * 1024


def test_a_webp_has_exif_and_xmp():
    """Both chunks are found behind the picture, with and without the mark of JPEG."""
    picture = riff(b"VP8X", b"\x0c\0\0\0" + b"\7\0\0" * 2) + riff(b"VP8 ", b"\0" * 31)
    for mark in (b"", b"Exif\0\0"):
        data = webp(picture, riff(b"EXIF", mark + EXIF), riff(b"XMP ", XMP))
        assert blobs(data, "webp") == MetadataBlobs(EXIF, XMP, None)


def test_pillow_and_this_reader_agree():
    """What Pillow writes into JPEG, PNG, WebP and AVIF is found."""
    for format_ in ("JPEG", "PNG", "WEBP", "AVIF"):
        data = saved(format_=format_, exif=b"Exif\0\0" + EXIF, **({} if format_ == "PNG" else {"xmp": XMP}))
        found = blobs(data, format_.lower())
        assert read_metadata(found.exif, None, None).iso == 100
        assert format_ == "PNG" or found.xmp == XMP


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("format_", ["tiff", "nef", "dng", "orf"])
def test_a_tiff_is_its_own_exif(order, format_):
    """Of a file that is a TIFF stream, a small copy of the used tags is made, and XMP and IPTC are cut out."""
    strip = {0x0111: (LONG, [8]), 0x0117: (LONG, [9_000_000])}
    data = tiff(
        {
            **strip,
            0x010F: (ASCII, b"Maker\0"),
            0x02BC: (BYTE, XMP),
            0x83BB: (UNDEFINED, IPTC),
            0x0112: (SHORT, [8]),
        },
        {0x829A: (RATIONAL, [(1, 60)]), 0x927C: (UNDEFINED, b"maker's own" * 1000)},
        {
            1: (ASCII, b"S\0"),
            2: (RATIONAL, [(33, 1)] * 3),
            3: (ASCII, b"E\0"),
            4: (RATIONAL, [(151, 1), (0, 1), (0, 1)]),
        },
        order,
        magic=0x4F52 if format_ == "orf" else 42,
    )
    found = blobs(data + b"\0" * 9_000_000, format_)
    assert (found.xmp, found.iptc) == (XMP, IPTC)
    assert len(found.exif) < 500
    told = read_metadata(found.exif, None, None)
    assert (told.camera_make, told.exposure_time, told.orientation) == ("Maker", 1 / 60, 8)
    assert told.gps.latitude < -33


def test_a_tiff_may_keep_iptc_among_photoshops_resources():
    """Where the tag of IPTC is missing, that of Photoshop is searched."""
    data = tiff({0x8649: (BYTE, resources(IPTC)), 0x0112: (SHORT, [1])})
    assert blobs(data, "tiff").iptc == IPTC


def test_a_heic_has_items_of_exif_and_xmp():
    """Metadata items are found by the tables; the one that describes the primary picture comes first."""
    other = (b"mime", b"application/rdf+xml", b"<of-the-depth-map/>")
    items = [(b"Exif", b"", b"\0\0\0\6Exif\0\0" + EXIF), other, (b"mime", b"application/rdf+xml", XMP)]
    described = box(b"iref", b"\0\0\0\0", *(box(b"cdsc", struct.pack(">HHH", n, 1, to)) for n, to in ((3, 7), (4, 1))))
    data = heif(items=items, extra=described)
    assert blobs(data, "heic") == MetadataBlobs(EXIF, XMP, None)
    assert blobs(heif(items=items), "avif").xmp == other[2]


def test_an_item_in_several_parts_or_beyond_the_bound_is_handled():
    """An item longer than a megabyte is left out, and the other ones are still found."""
    items = [(b"Exif", b"", b"\0" * 1_100_000), (b"mime", b"application/rdf+xml", XMP)]
    assert blobs(heif(items=items), "heic") == MetadataBlobs(None, XMP, None)


def test_a_jpeg_xl_container_has_boxes_of_both():
    """The boxes are found behind the codestream; a bare codestream has none."""
    start = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"jxlc", b"\xff\x0a" + b"\0" * 50_000)
    data = start + box(b"Exif", b"\0\0\0\0" + EXIF) + box(b"xml ", XMP)
    assert blobs(data, "jxl") == MetadataBlobs(EXIF, XMP, None)
    assert blobs(b"\xff\x0a" + data, "jxl") == MetadataBlobs()


def test_a_raf_has_the_metadata_of_its_preview():
    """The EXIF of a RAF is that of the JPEG inside it."""
    preview = jpeg_with(app1(b"Exif\0\0" + EXIF))
    head = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 160, len(preview))
    assert blobs(head.ljust(160, b"\0") + preview, "raf").exif == EXIF


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cr3_keeps_its_directories_in_streams_of_their_own(order):
    """The main, EXIF and GPS streams of a CR3 are joined to one."""
    streams = box(
        b"uuid",
        bytes.fromhex("85c0b687820f11e08111f4ce462b6a48"),
        box(b"CMT1", tiff({0x010F: (ASCII, b"Canon\0"), 0x0110: (ASCII, b"Canon EOS R5\0")}, order=order)),
        box(b"CMT2", tiff({0x8827: (SHORT, [800]), 0x9003: (ASCII, b"2021:03:04 05:06:07\0")}, order=order)),
        box(b"CMT4", tiff({1: (ASCII, b"N\0"), 2: (RATIONAL, [(1, 1)] * 3)}, order=order)),
    )
    found = read_metadata(blobs(box(b"ftyp", b"crx \0\0\0\0") + box(b"moov", streams), "cr3").exif, None, None)
    assert (found.camera_model, found.iso, found.captured.wall.year) == ("EOS R5", 800, 2021)


@pytest.mark.parametrize("format_", ["gif", "bmp", "svg", "mp4", "nothing"])
def test_formats_without_metadata_have_none(format_):
    """Formats that hold no metadata of these kinds, and unknown ones, give nothing."""
    assert blobs(b"GIF89a" + EXIF, format_) == MetadataBlobs()


@settings(max_examples=examples(100), deadline=None)
@given(
    st.sampled_from(sorted({*FILES, "cr3", "raf"})),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=6)), max_size=6),
    st.integers(0, 3000),
    st.booleans(),
)
def test_damaged_files_give_what_can_be_read(format_, patches, length, at_hand):
    """However a file is patched and cut, cutting metadata out of it never raises, and reads a bounded part."""
    data = bytearray(FILES.get(format_, FILES["heic"]))
    for offset, patch in patches:
        data[offset : offset + len(patch)] = patch
    cut = bytes(data[:length])
    read_at = reader(cut)
    found = extract_blobs(read_at, len(cut), format_, at_hand=at_hand)
    read_metadata(found.exif, found.xmp, found.iptc)
    assert sum(length for _, length in read_at.calls) <= 4 * 1024 * 1024
