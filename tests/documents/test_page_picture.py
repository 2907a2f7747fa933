"""Every document has a picture of its first page, where one can be made."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from calotype.documents.page_picture import typeset
from calotype.domain.document import Block, BlockKind
from tests.documents.reading import read
from tests.documents_made import bare_docx, made_docx, paragraph, text_pdf


def opened(data):
    """The pixels of a picture in grey."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def block(text, kind=BlockKind.PARAGRAPH, level=None):
    """A block of text."""
    return Block(kind, text, level)


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (text_pdf([["Some text."]]), "pdf"),
        (bare_docx(paragraph("Some text.")), "docx"),
        (b"Some text.", "txt"),
        (b"# Some text.", "md"),
    ],
)
def test_every_format_has_a_picture(tmp_path, data, format_):
    """The first page has the asked size, and dark letters on white."""
    pixels = opened(read(tmp_path / "a", data, format_, side=500).picture)
    assert max(pixels.shape) == 500
    assert pixels.max() == 255
    assert pixels[:120].min() < 100
    assert (pixels > 250).mean() > 0.9


def test_typeset_pages_show_umlauts_and_stop_at_the_end(tmp_path):
    """Letters of Western Europe have their form, a long text fills one page and leaves its margin free."""
    accented, plain = (opened(typeset([block(text)], longest_side=800)) for text in ("é" * 40, "e" * 40))
    assert (accented != plain).any()
    pixels = opened(typeset([block("word " * 20_000)], longest_side=800))
    assert pixels[-30:].min() > 250
    assert pixels[600:740].min() < 100


def test_headings_are_larger_than_text():
    """A heading shows."""
    heading, text = (
        opened(typeset([block("Word", kind, level)], longest_side=800)) < 128
        for kind, level in ((BlockKind.HEADING, 1), (BlockKind.PARAGRAPH, None))
    )
    assert heading.sum() > 2 * text.sum()


@pytest.mark.parametrize("text", ["床前明月光，疑是地上霜", "Привет, мир", "", "   "])  # noqa: RUF001 - other scripts
def test_scripts_the_fonts_lack_have_no_picture(text):
    """A page of question marks would show nothing; nor would an empty one."""
    assert typeset([block(text)], longest_side=400) is None


def test_a_thumbnail_of_the_document_is_its_picture(tmp_path):
    """What a program saved is shown as it is, unless it is blank, tiny, or no picture."""

    def thumbnail(picture, name="docProps/thumbnail.jpeg"):
        out = io.BytesIO()
        picture.save(out, "JPEG")
        return read(
            tmp_path / "a", bare_docx(paragraph("x"), parts={name: out.getvalue()}), "docx"
        ).picture, out.getvalue()

    shown = Image.linear_gradient("L")
    picture, data = thumbnail(shown)
    assert picture == data
    for useless in (Image.new("L", (300, 400), 255), shown.resize((40, 60))):
        picture, data = thumbnail(useless)
        assert picture != data
    broken = read(tmp_path / "a", bare_docx(paragraph("x"), parts={"docProps/thumbnail.jpeg": b"\xff\xd8no"}), "docx")
    assert broken.picture is not None
    template = read(tmp_path / "a", made_docx(lambda document: document.add_paragraph("x")), "docx")
    assert opened(template.picture).shape == (64, 46)


def test_a_document_without_a_drawable_page_is_read_all_the_same(tmp_path):
    """A picture that cannot be made takes nothing away from the text."""
    document = read(tmp_path / "a", b"\xe4\xbd\xa0\xe5\xa5\xbd", "txt")
    assert document.picture is None
    assert document.blocks[0].text == "你好"
