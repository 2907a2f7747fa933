"""What kind of file some bytes begin, decided by the content and never by a name."""

from __future__ import annotations

import re
import struct

from calotype.domain.picture import MediaType
from calotype.imaging.header_bmp import HEADER_SIZES
from calotype.imaging.header_jxl import CONTAINER
from calotype.imaging.header_svg import skip_prolog, text_of
from calotype.imaging.tiff import EXIF_IFD, SUB_IFDS, Directory, Layout, read_directory, read_layout

HEAD_BYTES = 64 * 1024
"""How many bytes from the beginning of a file are enough to tell its kind."""

_RAW_TYPES = {
    "arw": "image/x-sony-arw",
    "cr2": "image/x-canon-cr2",
    "cr3": "image/x-canon-cr3",
    "dng": "image/x-adobe-dng",
    "nef": "image/x-nikon-nef",
    "orf": "image/x-olympus-orf",
    "pef": "image/x-pentax-pef",
    "raf": "image/x-fuji-raf",
    "rw2": "image/x-panasonic-rw2",
    "srw": "image/x-samsung-srw",
}
_PICTURE_TYPES = {"svg": "image/svg+xml", **_RAW_TYPES}
_VIDEO_TYPES = {
    "3gp": "video/3gpp",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "m2ts": "video/mp2t",
    "m4v": "video/x-m4v",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "ogv": "video/ogg",
    "ts": "video/mp2t",
    "wmv": "video/x-ms-wmv",
}
_DOCUMENT_TYPES = {
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "pdf": "application/pdf",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rtf": "application/rtf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf", b"heif"})
_MP4_BRANDS = (
    b"iso",
    b"mp4",
    b"avc",
    b"hvc",
    b"dash",
    b"3gp",
    b"3g2",
    b"MSNV",
    b"f4v",
    b"mmp4",
    b"XAVC",
    b"cmf",
)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_SYNC, _PACKET = 0x47, 188
_LEAST_PACKETS, _MOST_PACKETS = 5, 300
_QUICKTIME_BOXES = frozenset({b"moov", b"mdat", b"wide", b"pnot"})
_MAKE, _SUBFILE, _COMPRESSION, _PHOTOMETRIC, _DNG_VERSION = 0x010F, 0x00FE, 0x0103, 0x0106, 0xC612
_TIFF_TAGS = frozenset({_MAKE, _SUBFILE, _COMPRESSION, _PHOTOMETRIC, _DNG_VERSION, SUB_IFDS, EXIF_IFD, 0x0100, 0x0101})
_MAKERS = {b"NIKON": "nef", b"SONY": "arw", b"PENTAX": "pef", b"RICOH": "pef", b"SAMSUNG": "srw"}
# Sony's, Samsung's, Nikon's and Pentax's own compressions, and the colour filter array of a sensor.
_RAW_COMPRESSIONS = frozenset({32767, 32770, 34713, 65535})
_SENSOR_PHOTOMETRIC = 32803
_HTML = re.compile(r"<(!doctype\s+html|html|head|body|script|title|iframe)[\s>/]", re.IGNORECASE)
_SVG = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]")


def sniff(head: bytes) -> MediaType | None:
    """The kind of file that begins with these bytes (64 KiB are enough); None for one that is not known."""
    head = bytes(head[:HEAD_BYTES])
    return _by_signature(head) or _container(head) or _film(head) or _tiff(head) or _text(head) or _paper(head)


def _picture(format_: str) -> MediaType:
    return MediaType("image", _PICTURE_TYPES.get(format_, f"image/{format_}"), format_)


def _video(format_: str) -> MediaType:
    return MediaType("video", _VIDEO_TYPES.get(format_, f"video/{format_}"), format_)


def _document(format_: str) -> MediaType:
    return MediaType("document", _DOCUMENT_TYPES[format_], format_)


_SINGLE_BRANDS = {
    b"crx ": _picture("cr3"),
    b"qt  ": _video("mov"),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP"), _video("m4v")),
}
_PHONE_BRANDS = (b"3gp", b"3g2")


def _by_signature(head: bytes) -> MediaType | None:
    for signature, format_ in (
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
        (CONTAINER, "jxl"),
        (b"\xff\x0a", "jxl"),
        (b"FUJIFILMCCD-RAW", "raf"),
    ):
        if head.startswith(signature):
            return _picture(format_)
    # The first marker of a JPEG begins at the third byte; 00 and FF cannot name one, C0 is the lowest.
    if head[:3] == b"\xff\xd8\xff" and 0xC0 <= int.from_bytes(head[3:4], "big") < 0xFF:
        return _picture("jpeg")
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in HEADER_SIZES:
        return _picture("bmp")
    return None


def _container(head: bytes) -> MediaType | None:
    """Kinds whose members are told apart by what they hold: RIFF, ISO base media, Matroska and ZIP."""
    if head[:4] == b"RIFF":
        return {b"WEBP": _picture("webp"), b"AVI ": _video("avi")}.get(head[8:12])
    # Text may have these letters there as well, but never a size whose first byte is this small.
    if head[4:8] == b"ftyp" and head[0] < 32:
        return _iso(head)
    if head[4:8] in _QUICKTIME_BOXES and head[0] < 32:
        return _video("mov")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _video("webm" if b"webm" in head[:128] else "mkv")
    return _zip(head) if head[:4] == b"PK\x03\x04" else None


def _paper(head: bytes) -> MediaType | None:
    """Documents with a signature: PDF (which may stand behind other bytes), old Office files, RTF."""
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _document("doc")
    if head.startswith(b"{\\rtf"):
        return _document("rtf")
    return _document("pdf") if b"%PDF-" in head[:1024] else None


def _zip(head: bytes) -> MediaType:
    for folder, format_ in ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx")):
        if folder in head:
            return _document(format_)
    return _document("zip")


def _iso(head: bytes) -> MediaType | None:
    """ISO base media by its main brand and, where that is a general one, by the compatible ones."""
    size = min(int.from_bytes(head[:4], "big"), 512)
    main = head[8:12]
    brands = {main, *(head[at : at + 4] for at in range(16, size, 4))}
    if main in _SINGLE_BRANDS:
        return _SINGLE_BRANDS[main]
    if main in _AVIF_BRANDS or (main in _HEIF_BRANDS and brands & _AVIF_BRANDS):
        return _picture("avif")
    if main in _HEIC_BRANDS or main in _HEIF_BRANDS:
        return _picture("heic" if brands & _HEIC_BRANDS else "heif")
    # Sound alone is no kind that is known here.
    is_film = not main.startswith(b"M4A") and any(brand.startswith(_MP4_BRANDS) for brand in brands)
    if not is_film:
        return None
    return _video("3gp" if main.startswith(_PHONE_BRANDS) else "mp4")


def _film(head: bytes) -> MediaType | None:
    """Films of other kinds: Flash, Windows Media, Ogg, and the streams of broadcasts and discs."""
    if head[:4] == b"FLV\x01" and head[5:9] == b"\0\0\0\x09":
        # A bit each tells whether there is sound and whether there are pictures; some writers leave both out.
        return _video("flv") if head[4] & 1 or not head[4] else None
    if head.startswith(_ASF):
        return _video("wmv")
    if head.startswith(b"OggS\0\x02"):
        # The first page holds one header whole; for a film that is Theora's, or that of a list of streams with it.
        page = head[28 : 28 + 64]
        is_film = page.startswith((b"\x80theora", b"fishead\0")) and b"\x80theora" in head
        return _video("ogv") if is_film else None
    # A pack header of MPEG-2 or of MPEG-1.
    if head[:4] == b"\0\0\x01\xba" and len(head) > 4 and (head[4] & 0xC4 == 0x44 or head[4] & 0xF1 == 0x21):
        return _video("mpeg")
    return _packets(head)


def _packets(head: bytes) -> MediaType | None:
    """A transport stream: packets of 188 bytes, each begun by 47, or with four bytes before each, as discs have them."""
    for format_, size, first in (("ts", _PACKET, 0), ("m2ts", _PACKET + 4, 4)):
        starts = range(first, len(head), size)
        if len(starts) < _LEAST_PACKETS:
            continue
        # A little of a damaged stream may be off, but chance makes not even half of them right.
        right = sum(head[start] == _SYNC for start in starts[:_MOST_PACKETS])
        if all(head[start] == _SYNC for start in starts[:_LEAST_PACKETS]) and right * 10 >= 9 * len(
            starts[:_MOST_PACKETS]
        ):
            return _video(format_)
    return None


def _tiff(head: bytes) -> MediaType | None:
    layout = read_layout(head[:16])
    if layout is None:
        return None
    mark = head[2:4] if layout.order == "<" else head[3:1:-1]
    for marks, format_ in (((b"RO", b"RS"), "orf"), ((b"U\0",), "rw2")):
        if mark in marks:
            return _picture(format_)
    if head[8:10] == b"CR" and not layout.big:
        return _picture("cr2")
    return _picture(_raw_maker(head, layout) or "tiff")


def _raw_maker(head: bytes, layout: Layout) -> str | None:
    """The RAW format of a TIFF stream by its first directory, or None for a plain TIFF.

    A plain TIFF may name a camera too; only a RAW file begins with a thumbnail or with the sensor's own data.
    """
    try:
        found = read_directory(lambda offset, length: head[offset : offset + length], layout, layout.first, _TIFF_TAGS)
        return _raw_format(found[0]) if found is not None else None
    except (ValueError, struct.error):
        return None


def _raw_format(tags: Directory) -> str | None:
    if _DNG_VERSION in tags:
        return "dng"
    make = tags[_MAKE].data.strip(b"\0 ").upper() if _MAKE in tags else b""
    format_ = next((format_ for maker, format_ in _MAKERS.items() if make.startswith(maker)), None)
    if format_ is None:
        return None
    first = {tag: next(iter(entry.integers()), 0) for tag, entry in tags.items()}
    sensor = first.get(_COMPRESSION) in _RAW_COMPRESSIONS or first.get(_PHOTOMETRIC) == _SENSOR_PHOTOMETRIC
    thumbnail = first.get(_SUBFILE) == 1 or 0x0100 not in first or first[0x0100] <= 1024
    return format_ if sensor or (thumbnail and (SUB_IFDS in tags or first.get(_SUBFILE) == 1)) else None


def _text(head: bytes) -> MediaType | None:
    if not head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith(b"<"):
        return None
    text = text_of(head)
    if _HTML.match(text.lstrip(" \t\r\n\ufeff")):
        return _document("html")
    start = skip_prolog(text)
    if start < 0:
        return None
    if _SVG.match(text, start):
        return _picture("svg")
    return _document("html") if _HTML.match(text, start) else None
