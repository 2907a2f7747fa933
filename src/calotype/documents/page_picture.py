"""A picture of the first page of a document: drawn, as its program saved it, or typeset from its first text."""

from __future__ import annotations

import io
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from calotype.documents.docx_package import opened_package
from calotype.documents.pdf import draw_page, drawn
from calotype.domain.document import Block, BlockKind
from calotype.domain.errors import UndecodableDocument

_THUMBNAILS = ("docProps/thumbnail.jpeg", "docProps/thumbnail.jpg", "docProps/thumbnail.png")
_THUMBNAIL_BYTES = 4 * 1024**2
_THUMBNAIL_PIXELS = 16_000_000
_SMALLEST_THUMBNAIL = 128
# A page whose pixels are nearly all alike shows nothing; templates hold such pictures.
_BLANK = 0.998
# A4, its margins and its type, in points; letters of Helvetica are half as wide as high on the average.
_WIDTH, _HEIGHT, _MARGIN = 595, 842, 56
_SIZE, _LEADING, _LETTER = 11.0, 1.35, 0.5
_HEADINGS = (18.0, 15.0, 12.5)
_PARTED = 0.6
# Where more than one letter in ten is not in the fonts, the page would say nothing.
_MISSING = 0.1
_LONGEST_SIDE = 8000


def page_picture(path: str, format: str, blocks: Sequence[Block], *, longest_side: int) -> bytes | None:
    """The first page as JPEG or PNG of so many pixels at its longer side; None where there is nothing to show.

    `blocks` is the text that was read. Thumbnails that files bring along keep their size. Raises UndecodableDocument where a
    PDF cannot be drawn.
    """
    side = max(16, min(longest_side, _LONGEST_SIDE))
    if format == "pdf":
        return draw_page(path, 1, longest_side=side)
    if format == "docx" and (thumbnail := _thumbnail(path)) is not None:
        return thumbnail
    return typeset(blocks, longest_side=side)


def typeset(blocks: Iterable[Block], *, longest_side: int) -> bytes | None:
    """A page of the first text, as JPEG; None where there is no text, or the built-in fonts lack its letters.

    pdfium sets it: it has fonts of its own, with the letters of Western Europe.
    """
    import pypdfium2 as pdfium

    commands: list[bytes] = []
    top = float(_HEIGHT - _MARGIN)
    seen = missing = 0
    for text, size, bold in _lines(blocks):
        top -= size * (_LEADING if text else _PARTED)
        if top < _MARGIN:
            break
        written, lost = _written(text)
        seen += sum(not character.isspace() for character in text)
        missing += lost
        commands.append(b"BT /F%d %.1f Tf %d %.1f Td (%s) Tj ET" % (2 if bold else 1, size, _MARGIN, top, written))
    if not seen or missing > _MISSING * seen:
        return None
    with pdfium.PdfDocument(_page_of(b"\n".join(commands))) as document:
        return drawn(document, 1, longest_side)


def _lines(blocks: Iterable[Block]) -> Iterator[tuple[str, float, bool]]:
    """The lines of a page from its top, each with its size in points and whether it is bold."""
    for block in blocks:
        bold = block.kind is BlockKind.HEADING
        size = _HEADINGS[min(block.level or 1, len(_HEADINGS)) - 1] if bold else _SIZE
        letters = int((_WIDTH - 2 * _MARGIN) / (size * _LETTER))
        # More than a page is never shown.
        for line in block.text[:8000].split("\n"):
            for part in textwrap.wrap(line.expandtabs(4), letters) or [" "]:
                yield part, size, bold
        yield "", size, bold


def _written(text: str) -> tuple[bytes, int]:
    """A line as a string of a PDF, and how many of its letters the fonts do not have."""
    parts = []
    missing = 0
    for character in text:
        code = character.encode("windows-1252", "ignore")
        # The letter without its accent says more than none.
        code = code or unicodedata.normalize("NFKD", character)[0].encode("windows-1252", "ignore")
        missing += not code
        parts.append(b"\\" + code if code in {b"(", b")", b"\\"} else code or b"?")
    return b"".join(parts), missing


def _page_of(commands: bytes) -> bytes:
    """A PDF of one page; without a table of references, which pdfium makes itself."""
    fonts = b" ".join(
        b"/F%d << /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % (number, name)
        for number, name in ((1, b"Helvetica"), (2, b"Helvetica-Bold"))
    )
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << %s >> >> /Contents 4 0 R >>"
    return b"%PDF-1.7\n" + b"\n".join(
        (
            b"1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj",
            b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj",
            b"3 0 obj " + page % (_WIDTH, _HEIGHT, fonts) + b" endobj",
            b"4 0 obj << /Length %d >> stream\n%s\nendstream endobj" % (len(commands), commands),
            b"trailer << /Root 1 0 R >>\n%%EOF\n",
        )
    )


def _thumbnail(path: str) -> bytes | None:
    """The picture that a program saved with the document, where it shows something."""
    from PIL import Image

    try:
        with opened_package(path) as package:
            name = next((name for name in _THUMBNAILS if 0 < package.size(name) <= _THUMBNAIL_BYTES), None)
            data = package.read(name, _THUMBNAIL_BYTES) if name is not None else b""
        if not data:
            return None
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > _THUMBNAIL_PIXELS or max(picture.size) < _SMALLEST_THUMBNAIL:
                return None
            histogram = picture.convert("L").histogram()
    except (UndecodableDocument, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return None if max(histogram) >= _BLANK * sum(histogram) else data
