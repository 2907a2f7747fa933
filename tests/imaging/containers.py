"""Builders of the containers that pictures and their metadata come in, byte for byte."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime

from PIL import Image

from calotype.imaging.metadata import read_metadata

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
NORTH, EAST = (2, b"N\0"), (2, b"E\0")
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_CODES = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}


def reader(data):
    """`read_at` over bytes, with every call noted in its attribute `calls` as (offset, length)."""

    def read_at(offset, length):
        read_at.calls.append((offset, length))
        return data[offset : offset + length]

    read_at.calls = []
    return read_at


def saved(image=None, format_="JPEG", **options):
    """A picture as Pillow writes it; 8 x 6 pixels where none is given."""
    file = io.BytesIO()
    (image or Image.new("RGB", (8, 6), (200, 30, 40))).save(file, format_, **options)
    return file.getvalue()


def value(order, kind, values):
    """The bytes and the count of a tag's values; text and bytes are taken as they are."""
    if isinstance(values, (bytes, bytearray)):
        return bytes(values), len(values)
    flat = [part for each in values for part in (each if isinstance(each, tuple) else (each,))]
    return struct.pack(f"{order}{len(flat)}{_CODES[kind]}", *flat), len(values)


def directory(order, tags, offset, following=0):
    """One TIFF directory that lies at `offset`, with the values behind it; `tags` are {tag: (kind, values)}."""
    table = struct.pack(order + "H", len(tags))
    values = b""
    behind = offset + 2 + 12 * len(tags) + 4
    for tag, (kind, given) in sorted(tags.items()):
        data, count = value(order, kind, given)
        table += struct.pack(order + "HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", behind + len(values))
            values += data + b"\0" * (len(data) % 2)
    return table + struct.pack(order + "I", following) + values


def tiff(main, exif=None, gps=None, order="<", subs=(), magic=42):
    """A TIFF stream with a main directory and, where given, an EXIF, a GPS and further directories (SubIFDs)."""
    parts = [(0x8769, exif), (0x8825, gps), *((0x014A, sub) for sub in subs)]
    parts = [(tag, part) for tag, part in parts if part is not None]

    def pointers(offsets):
        found = {}
        for (tag, _), offset in zip(parts, offsets, strict=True):
            found.setdefault(tag, []).append(offset)
        return {tag: (LONG, values) for tag, values in found.items()}

    at = 8 + len(directory(order, {**main, **pointers([0] * len(parts))}, 8))
    offsets, bodies = [], b""
    for _, part in parts:
        offsets.append(at + len(bodies))
        bodies += directory(order, part, at + len(bodies))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, 8)
    return head + directory(order, {**main, **pointers(offsets)}, 8) + bodies


def segment(marker, content):
    """A JPEG segment."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(*segments, jpeg=None):
    """A JPEG with these segments put in behind its first marker."""
    jpeg = jpeg or saved()
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(kind, data):
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks, png=None):
    """A PNG with these chunks put in behind its header."""
    png = png or saved(format_="PNG")
    return png[:33] + b"".join(chunks) + png[33:]


def riff(kind, data):
    """A RIFF chunk."""
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp(*chunks):
    """A WebP of these chunks."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind, *parts):
    """An ISO base media box."""
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def full_box(kind, version, flags, *parts):
    """An ISO base media box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def heif(size=(640, 480), brand=b"heic", items=(), properties=(), primary=1, extra=b""):
    """A HEIF file whose primary item is a picture of this size and whose other items hold metadata.

    `items` are (type, content type or b"", data), `properties` further boxes of the primary item.
    """
    ftyp = box(b"ftyp", brand, b"\0\0\0\0", b"mif1", brand)
    infos = [full_box(b"infe", 2, 0, struct.pack(">HH", 1, 0), b"hvc1", b"\0")]
    for number, (kind, content_type, _) in enumerate(items, start=2):
        tail = b"\0" + (content_type + b"\0" if content_type else b"")
        infos.append(full_box(b"infe", 2, 0, struct.pack(">HH", number, 0), kind, tail))
    ispe = full_box(b"ispe", 0, 0, struct.pack(">II", *size))
    tile = full_box(b"ispe", 0, 0, struct.pack(">II", 512, 512))
    ipco = box(b"ipco", tile, ispe, *properties)
    links = bytes([2 + number for number in range(1 + len(properties))])
    ipma = full_box(b"ipma", 0, 0, struct.pack(">I", 1), struct.pack(">HB", primary, len(links)), links)

    def meta(offsets):
        rows = b"".join(
            struct.pack(">HHHII", number, 0, 1, offset, len(data))
            for number, (offset, (_, _, data)) in enumerate(zip(offsets, items, strict=True), start=2)
        )
        return full_box(
            b"meta",
            0,
            0,
            full_box(b"hdlr", 0, 0, b"\0\0\0\0pict" + b"\0" * 13),
            full_box(b"pitm", 0, 0, struct.pack(">H", primary)),
            full_box(b"iinf", 0, 0, struct.pack(">H", len(infos)), *infos),
            full_box(b"iloc", 0, 0, b"\x44\x00", struct.pack(">H", len(items)), rows),
            box(b"iprp", ipco, ipma),
            extra,
        )

    at = len(ftyp) + len(meta([0] * len(items))) + 8
    offsets = []
    for _, _, data in items:
        offsets.append(at)
        at += len(data)
    return ftyp + meta(offsets) + box(b"mdat", *(data for _, _, data in items))


def iim(record, number, data):
    """An IPTC record."""
    return struct.pack(">BBBH", 0x1C, record, number, len(data)) + data


def resources(*records, number=0x0404, name=b"\0\0"):
    """Photoshop's resources with IPTC records, behind another resource of odd length."""
    data = b"".join(records)
    other = b"8BIM" + struct.pack(">H", 0x03ED) + b"\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    return other + b"8BIM" + struct.pack(">H", number) + name + struct.pack(">I", len(data)) + data


def xmp(properties="", attributes=""):
    """An XMP packet whose description has these attributes and elements."""
    spaces = {
        "dc": "http://purl.org/dc/elements/1.1/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "aux": "http://ns.adobe.com/exif/1.0/aux/",
        "tiff": "http://ns.adobe.com/tiff/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    }
    declared = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in spaces.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {declared} {attributes}>{properties}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def text(words):
    """A tag of text."""
    return (ASCII, words.encode() + b"\0")


def rational(*pairs):
    """A tag of fractions."""
    return (RATIONAL, list(pairs))


def place(latitude, longitude):
    """A GPS directory from degrees, minutes and seconds."""
    return {1: NORTH, 2: rational(*latitude), 3: EAST, 4: rational(*longitude)}


def clock(date, hour, minute, second):
    """A GPS directory with the time of the satellites."""
    return {7: rational((hour, 1), (minute, 1), (second, 1)), 29: text(date)}


def alternatives(name, **texts):
    """A property in several languages."""
    items = "".join(f'<rdf:li xml:lang="{lang.replace("_", "-")}">{words}</rdf:li>' for lang, words in texts.items())
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def bag(*words):
    """Keywords."""
    return "<dc:subject><rdf:Bag>" + "".join(f"<rdf:li>{word}</rdf:li>" for word in words) + "</rdf:Bag></dc:subject>"


def told(main=None, exif=None, gps=None, *, packet=None, iptc=None, order="<"):
    """What EXIF of these tags, and XMP and IPTC beside it, say in the summer of 2025."""
    data = tiff(main or {0x0112: (SHORT, [1])}, exif, gps, order)
    return read_metadata(data, packet, iptc, now=NOW)
