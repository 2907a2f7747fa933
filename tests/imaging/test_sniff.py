"""What a file is, is told by its first bytes."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from calotype.imaging.sniff import HEAD_BYTES, sniff
from tests.films import film
from tests.imaging.containers import ASCII, BYTE, LONG, SHORT, box, heif, saved, tiff, webp

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
FRAME = {0x0100: (LONG, [160]), 0x0101: (LONG, [120])}


def raw(make, sub=True, **tags):
    """The beginning of a RAW file built like a TIFF: a thumbnail first, the sensor's picture in a part."""
    main = {**FRAME, 0x00FE: (LONG, [1]), 0x010F: (ASCII, make + b"\0")}
    main.update({int(tag, 16): given for tag, given in tags.items()})
    return tiff(main, subs=[{0x0100: (LONG, [6000]), 0x0101: (LONG, [4000])}] if sub else ())


def ftyp(main, *others):
    """The beginning of ISO base media of these brands."""
    return box(b"ftyp", main, b"\0\0\0\0", *others) + b"\0" * 64


def zipped(name):
    """A ZIP with a file of this name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(name, "x")
    return file.getvalue()


PICTURES = {
    "jpeg": [saved(), b"\xff\xd8\xff\xdb\0\x43"],
    "png": [saved(format_="PNG")],
    "gif": [saved(format_="GIF"), b"GIF87a" + b"\0" * 20],
    "webp": [saved(format_="WEBP"), webp(b"VP8X")],
    "bmp": [saved(format_="BMP")],
    "tiff": [
        saved(format_="TIFF"),
        saved(format_="TIFF", big_tiff=True),
        tiff({**FRAME, 0x010F: (ASCII, b"NIKON CORPORATION\0"), 0x0103: (SHORT, [1])}),
        tiff({**FRAME, 0x0100: (LONG, [6000]), 0x010F: (ASCII, b"SONY\0")}, subs=[FRAME]),
        tiff(FRAME, order=">"),
    ],
    "avif": [saved(format_="AVIF"), ftyp(b"avis", b"msf1"), ftyp(b"mif1", b"miaf", b"avif")],
    "heic": [
        heif(),
        ftyp(b"heix"),
        ftyp(b"hevc", b"msf1"),
        ftyp(b"mif1", b"heic"),
        ftyp(b"msf1", b"hevc"),
    ],
    "heif": [ftyp(b"mif1", b"miaf"), ftyp(b"msf1")],
    "jxl": [b"\xff\x0a\xba\x21", b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl "],
    "svg": [
        SVG.encode(),
        b"\xef\xbb\xbf" + SVG.encode(),
        f'<?xml version="1.0"?>\n<!-- <html> --><!DOCTYPE svg [<!ENTITY a "b">]>\n{SVG}'.encode(),
        SVG.encode("utf-16"),
        b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"/>',
    ],
    "nef": [raw(b"NIKON CORPORATION"), raw(b"NIKON", sub=False)],
    "arw": [raw(b"SONY"), raw(b"SONY ", sub=False)],
    "srw": [raw(b"SAMSUNG")],
    "pef": [tiff({**FRAME, 0x0100: (LONG, [6000]), 0x010F: (ASCII, b"PENTAX\0"), 0x0103: (SHORT, [65535])})],
    "dng": [raw(b"Apple", C612=(BYTE, [1, 4, 0, 0]))],
    "cr2": [b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 64],
    "orf": [b"IIRO\x08\0\0\0" + b"\0" * 32, b"IIRS\x08\0\0\0" + b"\0" * 32, b"MMOR\0\0\0\x08" + b"\0" * 32],
    "rw2": [b"IIU\0\x18\0\0\0" + b"\0" * 32],
    "raf": [b"FUJIFILMCCD-RAW 0201" + b"\0" * 100],
    "cr3": [ftyp(b"crx ", b"crx ", b"isom")],
}
OTHERS = {
    "mp4": [ftyp(b"isom", b"mp42"), ftyp(b"mp42"), ftyp(b"XXXX", b"iso4"), ftyp(b"isom", b"3gp5")],
    "mov": [ftyp(b"qt  "), b"\0\0\0\x08wide\0\0\1\0mdat"],
    "m4v": [ftyp(b"M4V ", b"isom")],
    "webm": [b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm"],
    "mkv": [b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska"],
    "avi": [b"RIFF\0\0\0\0AVI LIST"],
    "3gp": [ftyp(b"3gp5"), ftyp(b"3g2a", b"3gp4")],
    "ts": [(b"G" + b"\0" * 187) * 5, (b"G" + b"\0" * 187) * 60 + b"off" + (b"G" + b"\0" * 184)],
    "m2ts": [(b"abcdG" + b"\0" * 187) * 5],
    "mpeg": [b"\0\0\x01\xba\x44\0\x04\0", b"\0\0\x01\xba\x21\0\x01\0"],
    "flv": [b"FLV\x01\x05\0\0\0\x09\0\0\0\0", b"FLV\x01\x01\0\0\0\x09"],
    "wmv": [bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\0" * 20],
    "ogv": [
        b"OggS\0\x02" + b"\0" * 22 + b"\x80theora\x03",
        b"OggS\0\x02" + b"\0" * 22 + b"fishead\0" + b"\0" * 80 + b"\x80theora",
    ],
    "pdf": [b"%PDF-1.7\n", b"\n\n%PDF-1.4"],
    "docx": [zipped("word/document.xml")],
    "xlsx": [zipped("xl/workbook.xml")],
    "pptx": [zipped("ppt/presentation.xml")],
    "zip": [zipped("a.txt")],
    "html": [
        b"<!DOCTYPE html><html><body><svg/></body>",
        b"  \n<HTML>",
        b"<!-- a --><html>",
        b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html xmlns="y">',
        "<html>".encode("utf-16"),
        b"<script>alert(1)</script>",
    ],
}
FILMS = {"mp4", "mov", "m4v", "webm", "mkv", "avi", "3gp", "ts", "m2ts", "mpeg", "flv", "wmv", "ogv"}
NOTHING = [
    b"",
    b"\0",
    b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff",
    b"\x7fELF\x02\x01\x01",
    b"#!/bin/sh\n",
    b"BM is how this text begins, and no bitmap",
    b"The wide sea and the mdat of it",
    b"nul ftypisom",
    b"\xff\xd8\xff\x00",
    b"\xff\xd8",
    b"RIFF\0\0\0\0WAVEfmt ",
    ftyp(b"M4A ", b"isom"),
    b"FLV\x01\x04\0\0\0\x09\0\0\0\0",
    b"FLV is no film here",
    b"OggS\0\x02" + b"\0" * 22 + b"\x01vorbis",
    b"OggS\0\x02" + b"\0" * 22 + b"OpusHead",
    b"\0\0\x01\xba\0\0",
    b"\0\0\x01\xba",
    (b"G" + b"\0" * 187) * 4,
    (b"G" + b"\0" * 187) * 5 + b"\0" * 18800,
    b"Good words, and nothing else. " * 400,
    b"<note>about <svg> elements</note>",
    b"<svgfoo/>",
    b"II*\0",
]


@pytest.mark.parametrize(("format_", "head"), [(name, head) for name, heads in PICTURES.items() for head in heads])
def test_every_picture_format_is_known_by_its_content(format_, head):
    """Every accepted format is told from its bytes, as an image with a content type of its own."""
    found = sniff(head)
    assert found is not None
    assert (found.media_type, found.format) == ("image", format_)
    assert found.content_type.startswith("image/")


@pytest.mark.parametrize(("format_", "head"), [(name, head) for name, heads in OTHERS.items() for head in heads])
def test_videos_and_documents_are_told_from_pictures(format_, head):
    """What is not accepted still has a name, so that a refusal can say what came."""
    found = sniff(head)
    assert found is not None
    assert found.format == format_
    assert found.media_type == ("video" if format_ in FILMS else "document")


@pytest.mark.parametrize("head", NOTHING)
def test_everything_else_is_unknown(head):
    """Programs, scripts, plain text, sound and fragments are nothing that is known."""
    assert sniff(head) is None


@pytest.mark.parametrize("name", sorted(FILMS - {"ogv"}))
def test_real_films_are_known_by_their_content(name):
    """A film of each container is told from its first bytes, and so is one of which these are all there is."""
    data = film(name, fps=25, seconds=0.4)
    assert sniff(data).format == sniff(data[:HEAD_BYTES]).format == name


def test_sound_in_containers_of_films_is_told_where_the_first_bytes_tell():
    """Sound alone in Flash or Ogg is no film."""
    assert sniff(film("flv", scenes=(), audio="aac")) is None
    assert sniff(film("ogv", scenes=(), audio="libopus")) is None


@given(st.binary(min_size=1000, max_size=4000))
def test_chance_makes_no_transport_stream(data):
    """Bytes that mean nothing are never taken for packets."""
    found = sniff(b"\x01" + data)
    assert found is None or found.format not in {"ts", "m2ts"}


def test_content_types_are_those_of_the_registries():
    """Content types of common formats are the registered ones, and RAW formats have their usual names."""
    types = {name: sniff(heads[0]).content_type for name, heads in PICTURES.items()}
    assert types["jpeg"] == "image/jpeg"
    films = {name: sniff(heads[0]).content_type for name, heads in OTHERS.items()}
    assert films["ts"] == films["m2ts"] == "video/mp2t"
    assert (films["mpeg"], films["flv"], films["wmv"]) == ("video/mpeg", "video/x-flv", "video/x-ms-wmv")
    assert (films["ogv"], films["3gp"]) == ("video/ogg", "video/3gpp")
    assert types["svg"] == "image/svg+xml"
    assert types["nef"] == "image/x-nikon-nef"
    assert len(set(types.values())) == len(types)


@given(st.binary(max_size=200), st.sampled_from([head for heads in PICTURES.values() for head in heads]))
def test_no_bytes_make_it_raise(junk, head):
    """Whatever the bytes are, and wherever a real file is damaged, there is an answer."""
    middle = len(head) // 2
    for found in (sniff(junk), sniff(head[:12] + junk + head[12:]), sniff(head[:middle] + junk)):
        assert found is None or found.media_type in {"image", "video", "document", "link"}


def test_a_tiff_directory_behind_the_head_is_a_plain_tiff():
    """A TIFF whose first directory lies behind the first bytes is still a TIFF."""
    assert sniff(b"II*\0" + struct.pack("<I", 10_000_000) + b"\0" * 100).format == "tiff"


def test_only_the_head_is_looked_at():
    """A root element behind the first 64 KiB is not searched for."""
    assert sniff(b"<!--" + b"-" * HEAD_BYTES + b"-->" + SVG.encode()) is None


def test_real_photographs_are_known(corpus):
    """The type of every photograph in the corpus is the one that its name claims."""
    names = {"jpg": "jpeg", "jpeg": "jpeg", "heic": "heic", "avif": "avif", "jxl": "jxl", "png": "png", "webp": "webp"}
    files = [path for path in corpus.rglob("*") if path.suffix[1:] in names]
    assert files
    for path in files:
        with path.open("rb") as file:
            assert sniff(file.read(4096)).format == names[path.suffix[1:]], path.name


def test_a_picture_pillow_can_write_is_never_unknown():
    """Every mode in which Pillow writes a JPEG, PNG or TIFF is known."""
    for mode in ("L", "RGB", "CMYK", "1", "P", "RGBA", "I;16", "LA"):
        image = Image.new(mode, (3, 3))
        for format_ in ("JPEG", "PNG", "TIFF", "BMP", "GIF"):
            try:
                data = saved(image, format_)
            except (OSError, ValueError):
                continue
            assert sniff(data).format == format_.lower()
