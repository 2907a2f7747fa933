"""What stands on one page of a PDF: its paragraphs, and whether they are to be read from its picture."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

from calotype.documents.cleaning import clean, whole_characters
from calotype.documents.pdf_layout import Line, paragraphs, without_geometry

# pdfium puts this for the hyphen of a word that is divided at the end of a line.
_DIVIDED = "\ufffe"
_KEPT_HYPHEN = re.compile("\ufffe(?=[A-Z0-9]|\\Z)")
# A scanned page may have a number or a stamp of its own; and a picture of a page covers most of it.
_HARDLY_ANY = 60
_COVERED = 0.25
_MANY_PATHS = 500
_SAMPLES = 40
_MOST_OBJECTS = 20_000
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class PageText:
    """The paragraphs of a page; `in_picture` tells that its text is only in its picture, `cut` that it was longer."""

    paragraphs: tuple[str, ...]
    in_picture: bool = False
    cut: bool = False


class PageReader:
    """Reads pages one by one into memory that is used again."""

    def __init__(self) -> None:
        self._buffer = (ctypes.c_ushort * 0x4000)()

    def read(self, page: Any, most: int) -> PageText | None:
        """The text of a page (a raw handle), of at most about `most` characters; None when pdfium cannot tell it."""
        from pypdfium2 import raw

        handle = raw.FPDFText_LoadPage(page)
        if not handle:
            return None
        try:
            return self._read(page, handle, most)
        finally:
            raw.FPDFText_ClosePage(handle)

    def _read(self, page: Any, handle: Any, most: int) -> PageText:
        from pypdfium2 import raw

        count = raw.FPDFText_CountChars(handle)
        text = self._text(handle, min(count, most))[:most] if count > 0 else ""
        letters = sum(map(len, text.split())) if len(text) < 4 * _HARDLY_ANY else len(text)
        if letters < _HARDLY_ANY and _is_picture(page, has_letters=letters > 0):
            return PageText(_paragraphs(text, None), in_picture=True)
        if letters and _is_garbage(handle, count, text):
            return PageText((), in_picture=True)
        where = _Places(page, handle) if min(count, most) == _units(text) else None
        return PageText(_paragraphs(text, where), cut=count > most)

    def _text(self, handle: Any, most: int) -> str:
        """The text of a page. Asking for all of it is a hundred times faster than asking for what stands inside of its bounds."""
        from pypdfium2 import raw

        # A character may stand for more signs than one; pdfium writes them all, whatever room there is.
        wanted = max(2 * most, raw.FPDFText_GetTextIndexFromCharIndex(handle, most - 1)) + 64
        if len(self._buffer) < wanted:
            self._buffer = (ctypes.c_ushort * wanted)()
        size = raw.FPDFText_GetText(handle, 0, most, self._buffer)
        return bytes(memoryview(self._buffer)[: max(0, size - 1)]).decode("utf-16-le", "surrogatepass")


class _Places:
    """Where the characters of a page stand as it is shown, turned by the page's rotation."""

    def __init__(self, page: Any, handle: Any) -> None:
        from pypdfium2 import raw

        self._handle = handle
        self._rotation = raw.FPDFPage_GetRotation(page)
        self._box = raw.FS_RECTF()
        self._loose_box = raw.FPDFText_GetLooseCharBox
        page_box = raw.FS_RECTF()
        self._page = self._shown(page_box) if raw.FPDF_GetPageBoundingBox(page, page_box) else None

    def box(self, index: int) -> tuple[float, float, float, float] | None:
        """Left, bottom, right and top of a character, of the height of its type; None where there is no such."""
        box = self._box
        if not self._loose_box(self._handle, index, box):
            return None
        return self._shown(box)

    def hides(self, line: Line) -> bool:
        """Whether a line stands outside of what is shown of the page."""
        if self._page is None:
            return False
        left, bottom, right, top = self._page
        return line.right <= left or line.left >= right or line.y >= top or line.y + line.height <= bottom

    def _shown(self, box: Any) -> tuple[float, float, float, float]:
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        if self._rotation:
            corners = [_turned(x, y, self._rotation) for x, y in ((left, bottom), (right, top))]
            (left, right), (bottom, top) = (sorted(values) for values in zip(*corners, strict=True))
        return left, bottom, right, top


def _turned(x: float, y: float, rotation: int) -> tuple[float, float]:
    """A point of a page that is shown turned clockwise by so many quarters."""
    return ((x, y), (y, -x), (-x, -y), (-y, x))[rotation % 4]


def _paragraphs(text: str, where: _Places | None) -> tuple[str, ...]:
    lines = _placed(text, where) if where is not None else None
    if lines is None:
        lines = without_geometry([_hyphened(line) for line in text.split("\r\n")])
    return tuple(paragraphs(lines))


def _placed(text: str, where: _Places) -> list[Line] | None:
    """The lines of a page with their positions; None when one is not known."""
    lines = []
    start = 0
    ascii_only = text.isascii()
    for full in text.split("\r\n"):
        # Positions count units of 16 bits, of which rare characters have two.
        length = len(full) if ascii_only else _units(full)
        shown = full.strip()
        if shown:
            first = where.box(start + len(full) - len(full.lstrip()))
            last = where.box(start + length - 1 - (len(full) - len(full.rstrip())))
            if first is None or last is None:
                return None
            line = Line(_hyphened(shown), first[0], last[2], first[1], last[1], first[3] - first[1])
            if not where.hides(line):
                lines.append(line)
        start += length + 2
    return lines


def _hyphened(text: str) -> str:
    """Words that were divided at the end of a line are whole again; what stands before a capital or a digit keeps its hyphen."""
    if _DIVIDED not in text:
        return text
    return _KEPT_HYPHEN.sub("-", text).replace(_DIVIDED, "")


def _units(text: str) -> int:
    """The length in units of 16 bits."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_garbage(handle: Any, count: int, text: str) -> bool:
    """Whether the fonts of a page do not tell what their signs mean, by a sample of them.

    Where signs without meaning come out as letters all the same, fonts are odd but their text is right.
    """
    from pypdfium2 import raw

    step = max(1, count // _SAMPLES)
    sample = range(0, count, step)
    unknown = sum(raw.FPDFText_HasUnicodeMapError(handle, index) == 1 for index in sample)
    if 2 * unknown <= len(sample):
        return False
    shown = clean(whole_characters(text)).split()
    letters = sum(character.isalnum() for word in shown for character in word)
    return 2 * letters < count


def _is_picture(page: Any, *, has_letters: bool) -> bool:
    """Whether pictures cover a good part of the page, or, where there is no letter at all, many strokes are drawn on it."""
    from pypdfium2 import raw

    width, height = raw.FPDF_GetPageWidthF(page), raw.FPDF_GetPageHeightF(page)
    area = max(1.0, width * height)
    covered, paths = 0.0, 0
    # Pictures inside of forms have positions of their own; a form that shows one counts as far as it reaches itself.
    for index in range(min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        part = raw.FPDFPage_GetObject(page, index)
        kind = raw.FPDFPageObj_GetType(part)
        if kind == raw.FPDF_PAGEOBJ_IMAGE or (kind == raw.FPDF_PAGEOBJ_FORM and _shows_picture(part, _DEPTH)):
            covered += _extent(part)
        elif kind == raw.FPDF_PAGEOBJ_PATH:
            paths += 1
    return covered >= _COVERED * area or (paths >= _MANY_PATHS and not has_letters)


def _shows_picture(form: Any, depth: int) -> bool:
    from pypdfium2 import raw

    for index in range(min(raw.FPDFFormObj_CountObjects(form), 100)):
        part = raw.FPDFFormObj_GetObject(form, index)
        kind = raw.FPDFPageObj_GetType(part)
        if kind == raw.FPDF_PAGEOBJ_IMAGE or (
            kind == raw.FPDF_PAGEOBJ_FORM and depth and _shows_picture(part, depth - 1)
        ):
            return True
    return False


def _extent(part: Any) -> float:
    """The area an object takes up on its page, in square points."""
    from pypdfium2 import raw

    edges = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(part, *edges):
        return 0.0
    left, bottom, right, top = (edge.value for edge in edges)
    return max(0.0, right - left) * max(0.0, top - bottom)
