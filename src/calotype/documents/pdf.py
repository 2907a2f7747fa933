"""Reading PDF files: page by page, so that memory does not grow with their number."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import Any

from calotype.documents.notes import Notes
from calotype.documents.pdf_file import count_pages, opened, opened_page, properties_of
from calotype.documents.pdf_outline import Entry, outline_of, with_headings
from calotype.documents.pdf_page import PageReader, PageText
from calotype.domain.document import Block, ReadDocument
from calotype.domain.errors import UndecodableDocument

# Nobody asks for more, and a page is a bomb if its size alone decides how many pixels are made of it.
LONGEST_SIDE = 8000
_QUALITY = 90


def read_pdf(path: str, *, max_characters: int, max_pages: int) -> ReadDocument:
    """The text of a PDF. Raises UndecodableDocument when it cannot be opened, or when not one of its pages can be read."""
    with opened(path) as document:
        count = count_pages(document)
        return _Reading(document, count, max_characters).run(min(count, max_pages))


def draw_page(path: str, number: int, *, longest_side: int) -> bytes:
    """A page of a PDF, by number from 1, as a JPEG on white of so many pixels at its longer side. Raises UndecodableDocument."""
    with opened(path) as document:
        if not 1 <= number <= count_pages(document):
            raise UndecodableDocument(f"The PDF has no page {number}")
        return drawn(document, number, max(1, min(longest_side, LONGEST_SIDE)))


class _Reading:
    """One PDF while it is read."""

    def __init__(self, document: Any, count: int, max_characters: int) -> None:
        from pypdfium2 import raw

        self._document = document
        self._count = count
        self._most = self._left = max_characters
        self._notes = Notes()
        self._reader = PageReader()
        self._has_form = raw.FPDF_GetFormType(document.raw) != raw.FORMTYPE_NONE
        self._titles: dict[int, list[Entry]] = defaultdict(list)

    def run(self, pages: int) -> ReadDocument:
        blocks: list[Block] = []
        pictures: list[int] = []
        failed = 0
        for entry in outline_of(self._document, self._count):
            self._titles[entry.page].append(entry)
        for number in range(1, pages + 1):
            text = self._page(number)
            failed += text is None
            if text is None:
                continue
            if text.in_picture:
                pictures.append(number)
            found = with_headings(number, text.paragraphs, self._titles.pop(number, ()))
            blocks.extend(found)
            self._left -= sum(len(block.text) for block in found)
            if text.cut or self._left <= 0:
                self._notes.add(f"Only the first {self._most} characters were read")
                break
        if failed == pages:
            raise UndecodableDocument("The PDF is damaged: none of its pages can be read")
        if pages < self._count:
            self._notes.add(f"Only the first {pages} of {self._count} pages were read")
        return ReadDocument(
            blocks=tuple(blocks),
            page_count=self._count,
            pages_to_read=tuple(pictures),
            properties=properties_of(self._document),
            notes=self._notes.all,
        )

    def _page(self, number: int) -> PageText | None:
        """The text of a page, or a note that says why there is none."""
        try:
            if self._has_form:
                self._flatten(number)
            with opened_page(self._document, number - 1) as page:
                text = self._reader.read(page, self._left)
        except UndecodableDocument as error:
            self._notes.add(f"Page {number} could not be read: {error.message}")
            return None
        if text is None:
            self._notes.add(f"Page {number} could not be read: its text is damaged")
        return text

    def _flatten(self, number: int) -> None:
        """Make what is filled in a form part of its page, where its text is looked for."""
        from pypdfium2 import raw

        with opened_page(self._document, number - 1) as page:
            if raw.FPDFPage_GetAnnotCount(page) > 0:
                raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)


def drawn(document: Any, number: int, longest_side: int) -> bytes:
    """A page of an open PDF as a JPEG; see `draw_page`."""
    import pypdfium2 as pdfium

    try:
        document.init_forms()
        page = document[number - 1]
        width, height = page.get_size()
        longer = max(width, height)
        if not 0 < longer < float("inf"):
            raise UndecodableDocument(f"Page {number} could not be drawn: it has no size")
        bitmap = page.render(scale=longest_side / longer, rev_byteorder=True, limit_image_cache=True)
        picture = bitmap.to_pil().convert("RGB")
    except (pdfium.PdfiumError, ValueError, OverflowError) as error:
        raise UndecodableDocument(f"Page {number} could not be drawn: it is damaged") from error
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
