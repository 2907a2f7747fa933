"""Whatever bytes come, reading ends in text or in one error."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.documents.pdf import draw_page
from calotype.documents.read import read_document
from calotype.domain.errors import UndecodableDocument
from calotype.sandbox.pool import Sandbox
from tests.documents_made import bare_docx, encrypted_pdf, made_docx, paragraph, prose, scanned_pdf, text_pdf
from tests.examples import examples


def _fill(document):
    document.add_heading("Title", 1)
    document.add_paragraph("Some text. " * 20)
    document.add_paragraph("item", style="List Bullet")
    document.add_table(2, 2).cell(0, 0).text = "cell"


WHOLE = {
    "pdf": [
        text_pdf([prose(1, lines=5), prose(2, lines=5)], outline=[("One", 1, 1), ("Two", 2, 2)], info={"Title": "T"}),
        text_pdf([prose(3, lines=8)]).replace(b"/FlateDecode", b"/ASCIIHexDecode"),
        scanned_pdf(size=(100, 140)),
        encrypted_pdf(b""),
    ],
    "docx": [made_docx(_fill), bare_docx(paragraph("text") * 5, method=0)],
    "txt": [("Grüße, 你好\n\n" * 5).encode(), ("Grüße\n" * 5).encode("utf-16")],
    "md": [b"# Head\n\n- a\n- b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx\n```\n"],
}


def read_or_refused(path, data, format_):
    """Read a file that may be broken; its text is clean, or there is a sentence."""
    path.write_bytes(data)
    try:
        document = read_document(str(path), format_, max_characters=100_000, max_pages=20, picture_side=32)
    except UndecodableDocument:
        return
    for block in document.blocks:
        assert block.text.strip()
        assert "\0" not in block.text
        block.text.encode()
    assert all(value and value.encode() for value in (document.properties or {}).values())


@given(st.data())
@settings(max_examples=examples(100))
def test_broken_files_are_read_or_refused(tmp_path_factory, data):
    """Cut-off, flipped and spliced files end in text or in UndecodableDocument, never in anything else."""
    format_ = data.draw(st.sampled_from(sorted(WHOLE)))
    broken = bytearray(data.draw(st.sampled_from(WHOLE[format_])))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(broken) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "splice", "insert"])):
            case "flip":
                broken[at] = data.draw(st.integers(0, 255))
            case "cut":
                del broken[at : at + data.draw(st.integers(1, 200))]
            case "splice":
                start = data.draw(st.integers(0, len(broken) - 1))
                broken[at : at + 50] = broken[start : start + data.draw(st.integers(1, 100))]
            case "insert":
                broken[at:at] = data.draw(st.binary(max_size=8))
        broken = broken or bytearray(b" ")
    if data.draw(st.booleans()):
        broken = broken[: data.draw(st.integers(0, len(broken)))]
    read_or_refused(tmp_path_factory.getbasetemp() / "broken", bytes(broken), format_)


@given(st.binary(max_size=200), st.sampled_from(sorted(WHOLE)))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, format_):
    """Bytes that are no document at all end no otherwise."""
    read_or_refused(tmp_path_factory.getbasetemp() / "any", data, format_)


@pytest.mark.parametrize("format_", ["html", "", "PDF"])
def test_other_formats_are_a_mistake_of_the_caller(tmp_path, format_):
    """Only the four formats are read."""
    with pytest.raises(ValueError):
        read_document(str(tmp_path / "a"), format_, max_characters=1, max_pages=1, picture_side=1)


async def test_documents_are_read_in_a_limited_child(tmp_path):
    """All formats are read, and a page drawn, in a child without network and with little memory; its answer travels."""
    sandbox = Sandbox("reader", 1, 1024**3)
    try:
        for format_, files in WHOLE.items():
            path = tmp_path / format_
            path.write_bytes(files[0])
            limits = {"max_characters": 10_000, "max_pages": 10, "picture_side": 100}
            there = await sandbox.run(read_document, str(path), format_, **limits, timeout=60)
            assert there == read_document(str(path), format_, **limits)
        page = await sandbox.run(draw_page, str(tmp_path / "pdf"), 2, longest_side=300, timeout=60)
        assert page.startswith(b"\xff\xd8")
    finally:
        await sandbox.close()
