"""Which files are documents: by their bytes, and plain text, which has no signature, by its name or declared type."""

from __future__ import annotations

from calotype.documents.plain_text import could_be_text
from calotype.domain.document import DOCX, MARKDOWN, PDF, PLAIN_TEXT
from calotype.domain.picture import MediaType

_PDF_WITHIN = 1024
_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_NAMES = {".txt": PLAIN_TEXT, ".md": MARKDOWN, ".markdown": MARKDOWN}
_DECLARED = {"text/plain": PLAIN_TEXT, "text/markdown": MARKDOWN, "text/x-markdown": MARKDOWN}


def sniff_document(head: bytes, filename: str, declared: str | None) -> MediaType | None:
    """The kind of document that begins with these bytes (64 KiB are enough); None when it is none.

    `declared` is the content type the sender names. A ZIP is taken for DOCX here; `check_docx` knows. A name tells more than a
    declared type, because programs declare text/plain for all they do not know.
    """
    head = bytes(head)
    if head.startswith(_PDF):
        return PDF
    if head.startswith(_ZIP):
        return DOCX
    media = _by_name(filename) or _DECLARED.get((declared or "").partition(";")[0].strip().lower())
    if media is not None and could_be_text(head):
        return media  # which may speak of PDF in its first lines
    return PDF if _PDF in head[:_PDF_WITHIN] else None


def why_unsupported(head: bytes, filename: str) -> str | None:
    """A sentence about a file that looks like a document that people could send in another form; None for any other."""
    head = bytes(head)
    if head.startswith(_OLE):
        if filename.lower().endswith((".docx", ".docm")) or _ENCRYPTED in head:
            return "The document is protected by a password"
        if filename.lower().endswith((".doc", ".dot")):
            return "Word documents in the old format (.doc) are not accepted; they can be saved as .docx"
    if head.startswith(b"{\\rtf"):
        return "RTF documents are not accepted; they can be saved as .docx"
    return None


def _by_name(filename: str) -> MediaType | None:
    stem, dot, ending = filename.strip().lower().rpartition(".")
    return _NAMES.get(dot + ending) if stem else None
