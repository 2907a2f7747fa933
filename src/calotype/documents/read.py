"""Reading a document of any format into text and a picture, or one error that says why not."""

from __future__ import annotations

from dataclasses import replace

from calotype.documents.page_picture import page_picture
from calotype.domain.document import DOCUMENT_FORMATS, ReadDocument
from calotype.domain.errors import UndecodableDocument

_NAMES = {"pdf": "PDF", "docx": "DOCX", "txt": "text file", "md": "Markdown file"}


def read_document(
    path: str,
    format: str,
    *,
    max_characters: int,
    max_pages: int,
    picture_side: int,
) -> ReadDocument:
    """The text of a document, what it says of itself, and a picture of its first page.

    The longer side of the picture has `picture_side` pixels. `format` is "pdf", "docx", "txt" or "md". At most about
    `max_characters` and, of a PDF, `max_pages` are read; a note says so.
    Raises UndecodableDocument with a sentence for people; ValueError for another format.
    """
    if format not in DOCUMENT_FORMATS:
        raise ValueError(format)
    try:
        read = _read(path, format, max_characters, max_pages)
    except (UndecodableDocument, MemoryError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        # Libraries raise whatever the step raises at which broken bytes trip them; for the owner of the file it is all one.
        raise UndecodableDocument(f"The {_NAMES[format]} is damaged: {type(error).__name__} at reading it") from error
    try:
        return replace(read, picture=page_picture(path, format, read.blocks, longest_side=picture_side))
    except MemoryError:
        raise
    except Exception:
        # Without a picture a document is found all the same.
        return read


def _read(path: str, format_: str, max_characters: int, max_pages: int) -> ReadDocument:
    if format_ == "pdf":
        from calotype.documents.pdf import read_pdf

        return read_pdf(path, max_characters=max_characters, max_pages=max_pages)
    if format_ == "docx":
        from calotype.documents.docx import read_docx

        return read_docx(path, max_characters=max_characters)
    if format_ == "md":
        from calotype.documents.markdown import read_markdown

        return read_markdown(path, max_characters=max_characters)
    from calotype.documents.plain_text import read_text

    return read_text(path, max_characters=max_characters)
