"""Documents are told by their bytes, and text by its name."""

from __future__ import annotations

import pytest

from calotype.documents.sniff import sniff_document, why_unsupported
from tests.documents_made import bare_docx, text_pdf

OLE = bytes.fromhex("d0cf11e0a1b11ae1")


@pytest.mark.parametrize(
    ("head", "filename", "declared", "format_"),
    [
        (text_pdf([["x"]]), "a.bin", None, "pdf"),
        (b"\n" * 900 + b"%PDF-1.4", "a.bin", "application/pdf", "pdf"),
        (b"About PDF\n%PDF-1.4", "a.txt", "text/plain", "txt"),
        (b"\n" * 1100 + b"%PDF-1.4", "a.bin", None, None),
        (bare_docx(), "a", None, "docx"),
        (b"Hello", "a.txt", None, "txt"),
        (b"Hello", "A.TXT ", "application/octet-stream", "txt"),
        (b"Hello", "a.md", "text/plain", "md"),
        (b"Hello", "a.markdown", None, "md"),
        (b"Hello", "notes", "text/plain; charset=utf-8", "txt"),
        (b"Hello", "notes", "Text/Markdown", "md"),
        (b"Hello", "notes", None, None),
        (b"Hello", ".txt", None, None),
        (b"He\0llo", "a.txt", "text/plain", None),
        ("\ufeffHello".encode("utf-16-le"), "a.txt", None, "txt"),
        (OLE, "a.doc", None, None),
    ],
)
def test_kinds_of_documents(head, filename, declared, format_):
    """A signature comes first, then the name, then what the sender declares."""
    media = sniff_document(head, filename, declared)
    assert (media.format if media else None) == format_
    assert media is None or media.media_type == "document"


@pytest.mark.parametrize(
    ("head", "filename", "words"),
    [
        (OLE, "a.docx", "protected by a password"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a", "protected by a password"),
        (OLE, "a.doc", "old format"),
        (b"{\\rtf1", "a.rtf", "RTF"),
        (OLE, "thumbs.db", None),
        (b"Hello", "a.txt", None),
    ],
)
def test_people_are_told_what_to_do_instead(head, filename, words):
    """Files that look like documents but cannot be taken have a sentence of their own."""
    sentence = why_unsupported(head, filename)
    assert sentence is None if words is None else words in sentence
