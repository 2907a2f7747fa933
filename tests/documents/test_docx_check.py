"""At the door a DOCX is told from other ZIPs, and from what would exhaust its reader."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.documents.docx_check import check_docx
from calotype.documents.docx_package import MAX_ENTRIES
from calotype.domain.errors import UndecodableDocument, Unsupported
from tests.documents_made import bare_docx, made_docx, paragraph

MACROS = "application/vnd.ms-word.document.macroEnabled.main+xml"
LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {b} '&{a};&{a};'>" for a, b in zip("abcdef", "bcdefg", strict=True))
    + "]>"
)


def checked(tmp_path, data):
    """Check a file of these bytes."""
    path = tmp_path / "a.docx"
    path.write_bytes(data)
    check_docx(str(path))


def zipped(parts):
    """A ZIP of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        made_docx(lambda document: document.add_heading("Title")),
        bare_docx(),
        bare_docx(paragraph("x" * 5_000_000)),
        bare_docx(prolog="<!-- a comment --><?an instruction?>"),
        bare_docx(parts={"word/document.xml": ("\ufeff<w:document xmlns:w='x'/>").encode("utf-16-le")}),
        bare_docx(parts={"word/media/white.bmp": bytes(20_000_000), "customXml/item1.xml": b""}),
        bare_docx(method=zipfile.ZIP_STORED),
    ],
)
def test_honest_files_pass(tmp_path, data):
    """What programs write is accepted, large pictures and much text included."""
    checked(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped({"readme.txt": "x"}), "ZIP but no Word document"),
        (zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<workbook/>"}), "ZIP but no Word document"),
        (bare_docx(types=MACROS), "macros"),
        (bare_docx(parts={"word/vbaProject.bin": b"x"}), "macros"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(3000), "protected by a password"),
    ],
)
def test_other_kinds_are_unsupported(tmp_path, data, message):
    """Another ZIP, another format of Office, macros and passwords are told in words."""
    with pytest.raises(Unsupported, match=message):
        checked(tmp_path, data)


@pytest.mark.parametrize(
    "data",
    [
        bare_docx(prolog=LAUGHS),
        bare_docx(prolog="<!DOCTYPE l SYSTEM 'http://localhost/x.dtd'>"),
        bare_docx(prolog="<!-- " + "x" * 3000 + " -->" + LAUGHS),
        bare_docx(prolog="<!-- " + "x" * 100_000 + " -->"),
        bare_docx(
            parts={"word/styles.xml": "<!DOCTYPE s [<!ENTITY a '" + "b" * 100_000 + "'>]><s>" + "&a;" * 1000 + "</s>"}
        ),
        bare_docx(parts={"word/_rels/document.xml.rels": LAUGHS + "<r/>"}),
        bare_docx(parts={"word/document.xml": ("\ufeff" + LAUGHS + "<w/>").encode("utf-16-be")}),
        bare_docx(parts={"word/document.xml": (LAUGHS + "<w/>").encode("utf-16-le")}),
        bare_docx(parts={"word/document.xml": (LAUGHS + "<w/>").encode("cp037")}),
        bare_docx(parts={"word/document.xml": b"<?xml version='1.0' encoding='UTF-7'?>+ADw-!DOCTYPE x+AD4-"}),
    ],
)
def test_entities_are_refused(tmp_path, data):
    """Billion laughs, quadratic blow-up and external definitions are refused, however they are hidden."""
    with pytest.raises(UndecodableDocument, match="declares entities or is no XML"):
        checked(tmp_path, data)


def test_bombs_are_refused(tmp_path):
    """Text that shrinks as no text does, and claims beyond any document, are refused before anything is unpacked."""
    bomb = bare_docx(parts={"word/document.xml": b"<a>" + b" " * 20_000_000 + b"</a>"})
    with pytest.raises(UndecodableDocument, match="far more than it is"):
        checked(tmp_path, bomb)
    claims = bytearray(bare_docx("x" * 100))
    at = claims.rindex(b"PK\x01\x02", 0, claims.rindex(b"word/document.xml"))
    struct.pack_into("<I", claims, at + 24, 3_000_000_000)
    with pytest.raises(UndecodableDocument, match="far more than it is"):
        checked(tmp_path, bytes(claims))


def test_shared_bytes_are_refused(tmp_path):
    """Parts that overlap hold the same bomb many times in a small file."""
    data = bytearray(bare_docx(parts={"word/a.bin": b"x" * 100, "word/b.bin": b"y" * 100}))
    first, last = data.index(b"PK\x01\x02"), data.rindex(b"PK\x01\x02")
    data[last + 42 : last + 46] = data[first + 42 : first + 46]
    with pytest.raises(UndecodableDocument, match="overlap"):
        checked(tmp_path, bytes(data))


def test_too_many_parts_are_refused_before_they_are_read(tmp_path):
    """The end of the file tells how many there are, in either form."""
    many = zipped({str(n): "" for n in range(MAX_ENTRIES + 1)})
    with pytest.raises(UndecodableDocument, match="too many parts"):
        checked(tmp_path, many)
    data = bare_docx()
    end = data.index(b"PK\x05\x06")
    size, start = struct.unpack_from("<II", data, end + 12)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**7, 10**7, size, start)
    hidden = data[:end] + record + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1) + data[end:]
    with pytest.raises(UndecodableDocument, match="too many parts"):
        checked(tmp_path, hidden)


def test_two_parts_of_one_name_and_secret_ones_are_refused(tmp_path):
    """Which of two parts counts depends on the reader; and encryption inside of the ZIP is not known to DOCX."""
    out = io.BytesIO(bare_docx())
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("word/Document.xml", "<x/>")
    with pytest.raises(UndecodableDocument, match="same name"):
        checked(tmp_path, out.getvalue())
    data = bytearray(bare_docx())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UndecodableDocument, match="password"):
        checked(tmp_path, bytes(data))


WHOLE = made_docx(lambda document: document.add_paragraph("Some text. " * 30))


@given(st.data())
def test_broken_files_are_refused_in_words(tmp_path_factory, data):
    """Whatever is cut off, flipped or mixed up, the check passes or raises one of its two errors."""
    broken = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1) | st.integers(max(0, len(broken) - 1500), len(broken) - 1))
        broken[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(broken)) | st.just(len(broken)))
    path = tmp_path_factory.getbasetemp() / "broken.docx"
    path.write_bytes(bytes(broken[:cut]))
    with contextlib.suppress(UndecodableDocument, Unsupported):
        check_docx(str(path))
