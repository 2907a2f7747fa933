"""Trying every format of documents and a web page on a tiny sample, to find out what this installation can read."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from calotype.domain.errors import CalotypeError

_WORD = "Calotype"
# A reader of PDFs builds the table of references itself where there is none.
_PDF = b"""%%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R
/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >> endobj
4 0 obj << /Length %d >> stream
%s
endstream endobj
trailer << /Root 1 0 R >>
%%%%EOF
"""
_TEXT = f"BT /F1 24 Tf 20 40 Td ({_WORD}) Tj ET".encode()
_DOCX = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml"'
        ' ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
        "</Relationships>"
    ),
    "word/document.xml": (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
        f"<w:t>{_WORD}</w:t></w:r></w:p></w:body></w:document>"
    ),
}
_PAGE = (
    f"<title>Sample</title><article><p>{_WORD} takes in pictures, films, documents and links.</p></article>".encode()
)


def selftest() -> dict[str, str | None]:
    """Return for each format None when its sample is read rightly, otherwise the reason in words.

    Meant for a limited child process, as `read_document` is.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sample.pdf").write_bytes(_PDF % (len(_TEXT), _TEXT))
        with zipfile.ZipFile(folder / "sample.docx", "w") as package:
            for part, content in _DOCX.items():
                package.writestr(part, content)
        for kind in ("txt", "md"):
            (folder / f"sample.{kind}").write_text(_WORD)
        return {kind: _fault(kind, folder) for kind in ("pdf", "docx", "txt", "md", "html")}


def _fault(kind: str, folder: Path) -> str | None:
    try:
        text = _page_text() if kind == "html" else _document_text(kind, folder / f"sample.{kind}")
    except CalotypeError as error:
        return error.message
    except Exception as error:
        # A broken library may raise anything, and the other formats are still to be tried.
        return f"{type(error).__name__}: {error}"
    return None if _WORD in text else "reads no text"


def _document_text(kind: str, path: Path) -> str:
    from calotype.documents.read import read_document

    read = read_document(str(path), kind, max_characters=1000, max_pages=1, picture_side=64)
    return " ".join(block.text for block in read.blocks)


def _page_text() -> str:
    from calotype.documents.html_page import read_page

    return read_page(_PAGE, "http://localhost/", "utf-8").text or ""
