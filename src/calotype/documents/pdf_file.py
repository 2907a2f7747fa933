"""Opening PDF files and their pages with pdfium, and what a file says of itself.

pdfium is not thread-safe: whoever calls this does so from one thread of a child process of its own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from calotype.documents.cleaning import clean
from calotype.domain.errors import UndecodableDocument

_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?\s*(?:(Z)|([+-])(\d\d)'?(\d\d)?)?")
_KEYS = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "CreationDate": "created_at",
    "ModDate": "modified_at",
}
_PROPERTY_LENGTH = 2000
_LONGEST_TEXT = 1024 * 1024
_LANGUAGE_LENGTH = 64
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")


@contextlib.contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open a PDF as a `pypdfium2.PdfDocument`. Raises UndecodableDocument with what is wrong with it."""
    import pypdfium2 as pdfium
    from pypdfium2 import raw

    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code == raw.FPDF_ERR_PASSWORD:
            raise UndecodableDocument("The PDF is protected by a password") from error
        if code == raw.FPDF_ERR_SECURITY:
            raise UndecodableDocument("The PDF is protected in a way that cannot be read") from error
        raise UndecodableDocument("The PDF is damaged: its structure cannot be read") from error
    try:
        yield document
    finally:
        document.close()


@contextlib.contextmanager
def opened_page(document: Any, index: int) -> Iterator[Any]:
    """The raw handle of a page, by index from 0. Raises UndecodableDocument where there is none that can be read."""
    from pypdfium2 import raw

    page = raw.FPDF_LoadPage(document.raw, index)
    if not page:
        raise UndecodableDocument("its description is damaged")
    try:
        yield page
    finally:
        raw.FPDF_ClosePage(page)


def count_pages(document: Any) -> int:
    """How many pages there are. Raises UndecodableDocument when there is none."""
    count = len(document)
    if count <= 0:
        raise UndecodableDocument("The PDF is damaged: it has no pages")
    return count


def properties_of(document: Any) -> dict[str, str]:
    """What the file says of itself; dates as ISO 8601."""
    found: dict[str, str] = {}
    for key, name in _KEYS.items():
        value = clean(_entry(document, key))[:_PROPERTY_LENGTH].strip()
        if name.endswith("_at"):
            value = iso_date(value) or ""
        if value:
            found[name] = value
    if language := _language(document):
        found["language"] = language
    return found


def filled(fill: Callable[[Any, int], int]) -> str:
    """A text that pdfium writes as UTF-16 into a buffer of so many bytes, and says how long it is; broken halves are replaced."""
    import ctypes

    size = fill(None, 0)
    if not 2 < size <= _LONGEST_TEXT:
        return ""
    # Some functions of pdfium count bytes and some count units of two; there is room for either.
    buffer = (ctypes.c_ushort * size)()
    fill(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def iso_date(text: str) -> str | None:
    """A date of a PDF (ISO 32000, 7.9.4) as ISO 8601 with what it has; None when it is none."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, zulu, sign, hours, minutes = match.groups()
    date = "-".join(part for part in (year, month, month and day) if part)
    if not day or not hour:
        return date
    offset = "Z" if zulu else f"{sign}{hours}:{minutes or '00'}" if sign else ""
    return f"{date}T{hour}:{minute or '00'}:{second or '00'}{offset}"


def _entry(document: Any, key: str) -> str:
    from pypdfium2 import raw

    def fill(buffer: Any, size: int) -> int:
        return int(raw.FPDF_GetMetaText(document.raw, key.encode(), buffer, size))

    return filled(fill)


def _language(document: Any) -> str:
    from pypdfium2 import raw

    def fill(buffer: Any, size: int) -> int:
        return int(raw.FPDFCatalog_GetLanguage(document.raw, buffer, size))

    text = filled(fill).strip()
    return text if len(text) < _LANGUAGE_LENGTH and _LANGUAGE.fullmatch(text) else ""
