"""Headers of JPEG, PNG, GIF, WebP, BMP and TIFF, and what holds for headers of every format."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from calotype.domain.errors import UndecodablePicture
from calotype.domain.picture import PictureHeader
from calotype.imaging.header import read_header
from calotype.imaging.sniff import sniff
from tests.examples import examples
from tests.imaging.containers import (
    LONG,
    SHORT,
    chunk,
    heif,
    jpeg_with,
    png_with,
    reader,
    riff,
    saved,
    segment,
    tiff,
    webp,
)

SIZED = {0x0100: (LONG, [60]), 0x0101: (LONG, [40])}


def header(data, format_):
    """The header of a whole file."""
    return read_header(reader(data), len(data), format_)


def refusal(data, format_):
    """Why a file is refused."""
    with pytest.raises(UndecodablePicture) as caught:
        header(data, format_)
    return caught.value.message


def frames(count, size=(20, 10)):
    """Pictures that differ, so that no writer merges them."""
    return [Image.new("RGB", size, (20 * number % 256, 40, 90)) for number in range(count)]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_tells_its_size(mode, progressive):
    """Grey, coloured, CMYK, baseline and progressive JPEGs tell their size."""
    data = saved(Image.new(mode, (123, 45)), "JPEG", progressive=progressive)
    assert header(data, "jpeg") == PictureHeader("jpeg", 123, 45, 1, 8)


def test_a_jpeg_with_large_segments_is_read_with_few_reads():
    """Half a megabyte of profiles before the frame header is stepped over, not read."""
    data = jpeg_with(*(segment(0xE2, b"\xff\xc0" * 32_000) for _ in range(10)))
    read_at = reader(data)
    assert read_header(read_at, len(data), "jpeg").width == 8
    assert sum(length for _, length in read_at.calls) < 300_000


def test_stray_and_fill_bytes_between_segments_are_passed_over():
    """Bytes between segments, which decoders skip, do not hide the frame header."""
    assert header(jpeg_with(b"\xff\xff\xff", b"\0\1\2", segment(0xE1, b"x")), "jpeg").height == 6


def test_tables_before_the_frame_header_are_no_frame_headers():
    """Huffman tables and reserved markers, whose numbers lie among those of frames, are stepped over."""
    tables = [segment(marker, b"\x08\0\1\0\1\1\1\x11\0") for marker in (0xC4, 0xC8, 0xCC)]
    assert header(jpeg_with(*tables), "jpeg").width == 8


@pytest.mark.parametrize(("marker", "bits"), [(0xC0, 8), (0xC1, 12), (0xC2, 8), (0xC3, 16), (0xC9, 8), (0xCA, 8)])
def test_every_kind_of_frame_header_counts(marker, bits):
    """Extended, lossless and arithmetic frames tell their size and depth as baseline ones do."""
    frame = segment(marker, struct.pack(">BHHB", bits, 300, 500, 1) + b"\1\x11\0")
    assert header(b"\xff\xd8" + frame, "jpeg") == PictureHeader("jpeg", 500, 300, 1, bits)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xd8", "ends before its frame header"),
        (saved()[:100], "ends before its frame header"),
        (b"\xff\xd8\xff\xd9", "has no frame header"),
        (b"\xff\xd8" + segment(0xDA, b"\1\1\0\0\x3f\0"), "has no frame header"),
        (b"\xff\xd8\xff\xe0\0\1" + b"\0" * 99, "impossible length"),
        (b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", 8, 0, 500, 1) + b"\1\x11\0"), "500 x 0 pixels"),
        (b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", 8, 9, 9, 9) + b"\1\x11\0" * 9), "makes no sense"),
        (b"\xff\xd8" + segment(0xC0, b"\x08"), "ends before its frame header"),
        (b"\xff\xd8" + b"\0" * 900_000, "stray bytes|spreads|ends before"),
        (b"GIF89a" * 9, "does not begin like a JPEG"),
    ],
)
def test_a_broken_jpeg_says_what_is_wrong(data, reason):
    """A JPEG without a sound frame header is refused with the reason."""
    assert any(part in refusal(data, "jpeg") for part in reason.split("|"))


@pytest.mark.parametrize(("mode", "bits"), [("RGB", 8), ("RGBA", 8), ("L", 8), ("P", 8), ("1", 1), ("I;16", 16)])
def test_a_png_tells_its_size_and_depth(mode, bits):
    """PNGs of every colour type tell their size and depth."""
    assert header(saved(Image.new(mode, (31, 17)), "PNG"), "png") == PictureHeader("png", 31, 17, 1, bits)


def test_an_animated_png_tells_its_frames():
    """The frames of an animated PNG are counted."""
    first, *others = frames(5)
    data = saved(first, "PNG", save_all=True, append_images=others)
    assert header(data, "png").frames == 5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(format_="PNG")[:30], "ends before its header is complete"),
        (saved(format_="PNG")[:40], "ends before its picture data"),
        (png_with()[:20] + b"\xff" + png_with()[21:], "checksum is wrong"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 14), "IHDR chunk of 13 bytes"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"\0" * 13), "IHDR chunk of 13 bytes"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 3, 2, 0, 0, 0)), "makes no sense"),
        (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b""),
            "0 x 9 pixels",
        ),
        (png_with(chunk(b"tEXt", b"a\0" + b"x" * 20_000) * 99), "spreads its header"),
        (png_with(b"\xff\xff\xff\xfftEXt"), "chunk that makes no sense"),
    ],
)
def test_a_broken_png_says_what_is_wrong(data, reason):
    """A PNG with a wrong header is refused with the reason."""
    assert reason in refusal(data, "png")


@pytest.mark.parametrize("count", [1, 2, 37])
def test_the_frames_of_a_gif_are_counted(count):
    """A GIF tells its canvas and exactly how many frames it has."""
    first, *others = frames(count)
    data = saved(first, "GIF", save_all=True, append_images=others, loop=0, comment=b"x" * 700)
    assert header(data, "gif") == PictureHeader("gif", 20, 10, count, 8)


def test_the_frames_of_a_long_gif_are_estimated():
    """Behind the bound frames are estimated from those before it, and the estimate is close."""
    noise = [Image.effect_noise((200, 200), 90 + number) for number in range(45)]
    data = saved(noise[0], "GIF", save_all=True, append_images=noise[1:])
    assert len(data) > 1_500_000
    read_at = reader(data)
    found = read_header(read_at, len(data), "gif")
    assert 42 <= found.frames <= 50
    assert len(read_at.calls) <= 64


def test_a_gif_frame_outside_the_canvas_widens_it():
    """A frame larger than the canvas counts with its own size, as decoders make room for it."""
    image = b"\x2c" + struct.pack("<4HB", 10, 0, 500, 300, 0) + b"\x02\x01\x00\x00"
    data = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + image + b"\x3b"
    assert header(data, "gif") == PictureHeader("gif", 510, 300)


def test_a_gif_that_is_cut_off_counts_the_frames_it_has():
    """A GIF whose end is missing has the frames that came before."""
    first, *others = frames(10)
    data = saved(first, "GIF", save_all=True, append_images=others)
    assert 1 <= header(data[: len(data) // 2], "gif").frames < 10


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GIF89a", "screen descriptor"),
        (b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"\x3b", "before its first picture"),
        (b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"\x77" * 9, "unknown block"),
        (b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x87, 0, 0), "before its first picture"),
    ],
)
def test_a_broken_gif_says_what_is_wrong(data, reason):
    """A GIF without any picture is refused with the reason."""
    assert reason in refusal(data, "gif")


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": tiff(SIZED)}])
def test_a_webp_tells_its_size(options):
    """Lossy, lossless and extended WebPs tell their size."""
    assert header(saved(Image.new("RGB", (321, 123)), "WEBP", **options), "webp") == PictureHeader("webp", 321, 123)


def test_an_animated_webp_tells_its_frames():
    """The frames of an animated WebP are counted."""
    first, *others = frames(7)
    assert header(saved(first, "WEBP", save_all=True, append_images=others), "webp").frames == 7


def test_a_gif_of_one_large_frame_has_one_frame():
    """A picture that reaches behind the bound is not taken for thousands."""
    data = saved(Image.effect_noise((1500, 1200), 100), "GIF")
    assert len(data) > 1024 * 1024
    assert header(data, "gif").frames == 1


def test_the_frames_of_a_long_webp_are_estimated():
    """Behind the bound the frames of a WebP are estimated from those before it."""
    canvas = riff(b"VP8X", b"\x02\0\0\0" + (99).to_bytes(3, "little") * 2)
    data = webp(canvas, *(riff(b"ANMF", b"\0" * 40_000) for _ in range(200)))
    read_at = reader(data)
    assert 195 <= read_header(read_at, len(data), "webp").frames <= 205
    assert len(read_at.calls) <= 64


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(format_="WEBP")[:24], "ends before"),
        (webp(riff(b"VP8 ", b"\0\0\0\1\2\3" + b"\0" * 20)), "key frame"),
        (webp(riff(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + b"\0" * 20)), "0 x 0 pixels"),
        (webp(riff(b"VP8L", b"\x30" + b"\0" * 20)), "no picture"),
        (webp(riff(b"VP8X", b"\x02\0\0\0" + b"\0" * 6)), "no frames"),
        (webp(riff(b"ALPH", b"\0" * 20)), "no picture"),
    ],
)
def test_a_broken_webp_says_what_is_wrong(data, reason):
    """A WebP with an unsound first chunk is refused with the reason."""
    assert reason in refusal(data, "webp")


def test_bitmaps_of_all_versions_tell_their_size():
    """Windows, OS/2 and top-down bitmaps tell their size."""
    assert header(saved(Image.new("RGB", (31, 17)), "BMP"), "bmp") == PictureHeader("bmp", 31, 17)
    old = b"BM" + b"\0" * 12 + struct.pack("<IHHHH", 12, 7, 5, 1, 24)
    assert header(old, "bmp") == PictureHeader("bmp", 7, 5)
    down = b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, 7, -5, 1, 24)
    assert header(down, "bmp") == PictureHeader("bmp", 7, 5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"BM" + b"\0" * 10, "ends before"),
        (b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 41, 7, 5, 1, 24), "does not begin"),
        (b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, -7, 5, 1, 24), "makes no sense"),
        (b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, 7, 5, 1, 23), "makes no sense"),
        (b"BM" + b"\0" * 12 + struct.pack("<IiiHH", 40, 7, 0, 1, 24), "7 x 0 pixels"),
    ],
)
def test_a_broken_bitmap_says_what_is_wrong(data, reason):
    """A bitmap whose fields make no sense is refused with the reason."""
    assert reason in refusal(data, "bmp")


@pytest.mark.parametrize(("mode", "bits"), [("RGB", 8), ("L", 8), ("1", 1), ("I;16", 16), ("F", 32), ("CMYK", 8)])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_tells_its_size_and_depth(mode, bits, big):
    """TIFFs and BigTIFFs of every depth tell their size."""
    data = saved(Image.new(mode, (31, 17)), "TIFF", big_tiff=big)
    assert header(data, "tiff") == PictureHeader("tiff", 31, 17, 1, bits)


def test_the_pages_of_a_tiff_are_counted():
    """The pages of a TIFF are counted, its thumbnails are not."""
    first, *others = frames(6)
    assert header(saved(first, "TIFF", save_all=True, append_images=others), "tiff").frames == 6
    data = bytearray(tiff(SIZED))
    thumbnail = tiff({**SIZED, 0x00FE: (LONG, [1])})[8:]
    data[-4:] = struct.pack("<I", len(data))
    assert header(bytes(data) + thumbnail, "tiff").frames == 1


def test_a_tiff_whose_pages_form_a_ring_is_counted_once():
    """A directory that names itself as the next one ends the count."""
    data = tiff(SIZED)
    assert header(data[:-4] + struct.pack("<I", 8), "tiff") == PictureHeader("tiff", 60, 40, 1, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"II*\0", "ends before"),
        (b"II*\0\xff\xff\xff\x7f" + b"\0" * 30, "outside the file"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 30, "directory of tags"),
        (tiff({0x0100: (LONG, [5])}), "5 x 0 pixels"),
        (tiff({0x0100: (LONG, [5]), 0x0101: (SHORT, [0])}), "5 x 0 pixels"),
        (b"II\x2b\0\x04\0\0\0" + b"\0" * 30, "does not begin like a TIFF"),
    ],
)
def test_a_broken_tiff_says_what_is_wrong(data, reason):
    """A TIFF whose offsets or sizes make no sense is refused with the reason."""
    assert reason in refusal(data, "tiff")


def test_an_empty_file_and_an_unknown_format_are_refused():
    """A file without bytes, and a format that is none, are refused like broken pictures."""
    assert refusal(b"", "jpeg") == "the file is empty"
    assert "no picture format" in refusal(b"123", "mp4")


def whole_files():
    """A small sound file of every format, by its name."""
    first, *others = frames(3)
    animated = {"save_all": True, "append_images": others}
    return {
        "jpeg": saved(first, exif=tiff(SIZED), icc_profile=b"\0" * 200),
        "png": saved(first, "PNG", **animated),
        "gif": saved(first, "GIF", **animated),
        "webp": saved(first, "WEBP", **animated),
        "bmp": saved(first, "BMP"),
        "tiff": saved(first, "TIFF", **animated),
        "avif": saved(first, "AVIF", **animated),
        "heic": heif(items=[(b"Exif", b"", b"\0\0\0\0" + tiff(SIZED))]),
        "nef": tiff(SIZED, exif=SIZED, subs=[SIZED, SIZED]),
        "rw2": tiff({2: (SHORT, [500]), 3: (SHORT, [400])}, magic=0x55),
        "jxl": b"\xff\x0a\xba\x21\x03\x01\xc5\x85\x00@\x14",
        "svg": b'<?xml version="1.0"?><!-- --><svg width="10mm" height=\'5%\' viewBox="0 0 1 2"></svg>',
    }


FILES = whole_files()


@pytest.mark.parametrize("format_", FILES)
def test_the_sound_files_are_sound(format_):
    """The files that are damaged below are accepted as they are."""
    assert header(FILES[format_], format_).pixels > 0


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=6)), max_size=6),
    st.integers(0, 3000),
)
def test_damage_is_refused_and_never_crashes(format_, patches, length):
    """However a file is patched and cut, it is read within the bound or refused, and nothing else happens."""
    data = bytearray(FILES[format_])
    for offset, patch in patches:
        data[offset : offset + len(patch)] = patch
    cut = bytes(data[:length])
    read_at = reader(cut)
    with contextlib.suppress(UndecodablePicture):
        found = read_header(read_at, len(cut), format_)
        assert min(found.width, found.height, found.frames) > 0
    assert len(read_at.calls) <= 64
    assert sum(length for _, length in read_at.calls) <= 1024 * 1024


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*sorted(FILES), "cr3", "raf"]), st.binary(max_size=300), st.integers(0, 10**12))
def test_arbitrary_bytes_and_sizes_are_refused_or_read(format_, junk, size):
    """Bytes that were never a picture, with a length that is a lie, are refused or read within the bound."""
    head = FILES.get(format_, b"FUJIFILMCCD-RAW")[:16]
    read_at = reader(head + junk)
    with contextlib.suppress(UndecodablePicture):
        read_header(read_at, size, format_)
    assert len(read_at.calls) <= 64


def test_real_photographs_have_the_size_that_decoders_find(corpus):
    """The header of every photograph Pillow can open has the size that Pillow finds."""
    seen = 0
    for path in sorted(corpus.rglob("*")):
        if path.suffix not in {".jpg", ".jpeg", ".png", ".webp", ".avif"}:
            continue
        data = path.read_bytes()
        found = header(data, sniff(data[:4096]).format)
        with Image.open(path) as image:
            size = image.size
        # Pillow opens AVIF turned, as its container says.
        assert size in {(found.width, found.height), (found.height, found.width)}
        seen += 1
    assert seen > 30
