"""PDFs are read page by page, as a reader would."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from calotype.documents.pdf import draw_page
from calotype.documents.pdf_file import iso_date
from calotype.domain.errors import UndecodableDocument
from tests.documents.reading import read, shapes, texts
from tests.documents_made import encrypted_pdf, lines_of, pdf_of, prose, scanned_pdf, stream, text_pdf


def words(document):
    """All words in their order."""
    return " ".join(texts(document)).split()


def test_text_pages_and_properties_are_read(tmp_path):
    """The text stands with its page, and the file says who wrote it and when."""
    info = {"Title": "A report", "Author": "N. N.", "CreationDate": "D:20250115103000+01'00'", "Keywords": "one, two"}
    pdf = text_pdf([["First page."], ["Second page."]], info=info, language="en-GB")
    document = read(tmp_path / "a.pdf", pdf, "pdf")
    assert [(block.text, block.page) for block in document.blocks] == [("First page.", 1), ("Second page.", 2)]
    assert (document.page_count, document.pages_to_read, document.notes) == (2, (), ())
    assert document.properties == {
        "title": "A report",
        "author": "N. N.",
        "keywords": "one, two",
        "created_at": "2025-01-15T10:30:00+01:00",
        "language": "en-GB",
    }
    with Image.open(io.BytesIO(document.picture)) as picture:
        assert (picture.format, max(picture.size)) == ("JPEG", 64)


def test_no_word_of_a_page_is_lost(tmp_path):
    """All words of dense pages come out, each once and in their order."""
    pages = [prose(number) for number in range(5)]
    document = read(tmp_path / "a.pdf", text_pdf(pages), "pdf")
    assert words(document) == " ".join(line for page in pages for line in page).split()


def test_lines_broken_for_want_of_room_are_joined(tmp_path):
    """A paragraph flows; a gap begins another, and short lines keep their ends."""
    lines = [
        "The quick brown fox jumps over the lazy dog and then",
        "it runs further into the dark forest, where nobody is",
    ]
    address = lines_of(["Mr. X", "12 Some Street", "Some Town"], top=650)
    page = lines_of([*lines, "dark night."]) + b"\n" + address
    document = read(tmp_path / "a.pdf", text_pdf([page]), "pdf")
    assert texts(document) == [" ".join([*lines, "dark night."]), "Mr. X\n12 Some Street\nSome Town"]


def test_divided_words_are_whole_again(tmp_path):
    """A hyphen at the end of a line divides a word; before a capital it is the word's own."""
    page = lines_of(
        ["A very long line of text that ends with an identi-", "fier and goes on to the well known town of Baden-"]
    )
    page += b"\n" + lines_of(["Baden, where it ends."], top=770 - 2 * 13.75)
    document = read(tmp_path / "a.pdf", text_pdf([page]), "pdf")
    assert "an identifier and" in " ".join(texts(document))
    assert "Baden-Baden" in " ".join(texts(document))


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_rotation_leaves_the_text_in_order(tmp_path, rotate):
    """A page that is shown turned has its words in the order they were written, and its paragraphs."""
    paragraphs = [prose(1, lines=6), prose(2, lines=6)]
    turn = {0: b"1 0 0 1 0 0", 90: b"0 1 -1 0 842 0", 180: b"-1 0 0 -1 842 842", 270: b"0 -1 1 0 0 842"}[rotate]
    page = turn + b" cm " + lines_of(paragraphs[0]) + b"\n" + lines_of(paragraphs[1], top=500)
    document = read(tmp_path / "a.pdf", text_pdf([page], rotate=rotate, media=(842, 842)), "pdf")
    assert words(document) == " ".join(line for lines in paragraphs for line in lines).split()
    assert len([text for text in texts(document) if len(text) > 200]) == 2


def test_what_stands_beside_the_page_is_not_read(tmp_path):
    """Text outside of what is shown of a page is for printers."""
    page = (
        lines_of(["Seen."]) + b"\n" + lines_of(["Cut off."], left=700, top=600) + b"\n" + lines_of(["Below."], top=-40)
    )
    assert texts(read(tmp_path / "a.pdf", text_pdf([page]), "pdf")) == ["Seen."]


def test_rare_characters_are_whole(tmp_path):
    """Characters of two halves and signs that stand for several letters come out whole, in their place."""
    cmap = b"1 begincodespacerange <00> <ff> endcodespacerange 2 beginbfchar <61> <D83DDE00> <62> <00660066> endbfchar"
    font = b"<< /Type /Font /Subtype /TrueType /BaseFont /Helvetica /ToUnicode 4 0 R >>"
    pdf = text_pdf([[]], font=font)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [5 0 R] >>", font, stream(cmap)]
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
    pdf = pdf_of([*objects, page, stream(lines_of(["cacbc", "", "", "ccc"]))])
    assert texts(read(tmp_path / "a.pdf", pdf, "pdf")) == ["c😀cffc", "ccc"]


def test_columns_are_read_one_after_the_other(tmp_path):
    """A sentence that goes on at the head of the next column goes on in the text."""
    left = lines_of(["This is the left column of text", "which ends in the middle of"], size=10)
    right = lines_of(["a sentence and ends here.", "Another."], left=320, size=10)
    document = read(tmp_path / "a.pdf", text_pdf([left + b"\n" + right]), "pdf")
    assert "in the middle of a sentence" in texts(document)[0]


def test_the_outline_makes_headings(tmp_path):
    """Titles of the outline are headings where they are printed, else at the head of their page; nothing stands twice."""
    pages = [
        ["Intro text stands here."],
        lines_of(["2 Methods"], size=18) + b"\n" + lines_of(["Text of methods."], top=700),
    ]
    outline = [("Beginning", 1, 1), ("Methods", 1, 2), ("Of something not printed", 2, 2)]
    document = read(tmp_path / "a.pdf", text_pdf(pages, outline=outline), "pdf")
    assert [(kind, level) for kind, level, _ in shapes(document) if kind == "heading"] == [
        ("heading", 1),
        ("heading", 1),
        ("heading", 2),
    ]
    assert texts(document) == [
        "Beginning",
        "Intro text stands here.",
        "2 Methods",
        "Of something not printed",
        "Text of methods.",
    ]
    assert [block.page for block in document.blocks] == [1, 1, 2, 2, 2]


def test_an_outline_in_a_circle_ends(tmp_path):
    """An outline whose titles lead back to themselves is read once."""
    pdf = text_pdf([["Text."]], outline=[("One", 1, 1), ("Two", 1, 1)])
    circle = pdf.replace(b"/Title <feff00540077006f> ", b"/Next 6 0 R /Title <feff00540077006f> ")
    document = read(tmp_path / "a.pdf", circle, "pdf")
    assert texts(document).count("One") == 1


def test_broken_titles_take_nothing_away(tmp_path):
    """A title or a property that is no valid text is shown with signs in the place of what is broken."""
    pdf = text_pdf([["Text."]], outline=[("One", 1, 1)], info={"Title": "T"})
    pdf = pdf.replace(b"<feff004f006e0065>", b"<feff004fde10ffff>").replace(b"(T)", b"<feffdead0041>")
    document = read(tmp_path / "a.pdf", pdf, "pdf")
    assert texts(document) == ["O\ufffd", "Text."]
    assert document.properties == {"title": "\ufffdA"}


def test_scanned_pages_are_named(tmp_path):
    """A page that is a picture is to be read from it, and so is one that has but a number of its own."""
    document = read(tmp_path / "a.pdf", scanned_pdf(["ONE", "TWO"]), "pdf")
    assert (document.page_count, document.pages_to_read, document.blocks) == (2, (1, 2), ())


def test_text_with_little_on_it_is_no_scan(tmp_path):
    """A page of few words and no picture is complete as it is."""
    assert read(tmp_path / "a.pdf", text_pdf([["Hi."], []]), "pdf").pages_to_read == ()


def test_letters_without_meaning_are_read_from_the_picture(tmp_path):
    """Where a font does not tell what its signs mean, the page is to be read from its picture instead of as garbage."""
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 1 /LastChar 3 "
        b"/Widths [1 1 1] /CharProcs << /x 4 0 R /y 4 0 R /z 4 0 R >> /Encoding << /Differences [1 /x1 /y1 /z1] >> >>"
    )
    page = b"BT /F1 11 Tf 14 TL 72 700 Td " + b"(" + b"\1\2\3" * 30 + b") Tj ET"
    document = read(tmp_path / "a.pdf", text_pdf([page], font=font), "pdf")
    assert document.pages_to_read == (1,)
    assert document.blocks == ()


def test_what_is_filled_in_a_form_is_read(tmp_path):
    """The fields of a form show text that stands outside of the page's own."""
    look = b"/Tx BMC q BT /F1 11 Tf 2 5 Td (Filled by hand) Tj ET Q EMC"
    fonts = b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] >> >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots [4 0 R] %s /Contents 6 0 R >>" % fonts,
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /F 4 /Rect [72 700 300 720] /AP << /N 5 0 R >> >>",
        stream(look, b"/Type /XObject /Subtype /Form /BBox [0 0 228 20] " + fonts),
        stream(lines_of(["Name:"])),
    ]
    document = read(tmp_path / "a.pdf", pdf_of(objects), "pdf")
    assert "Filled by hand" in "\n".join(texts(document))


def test_a_password_is_told(tmp_path):
    """A PDF that asks for a password is refused with that sentence, also when a page is to be drawn."""
    with pytest.raises(UndecodableDocument, match="The PDF is protected by a password"):
        read(tmp_path / "a.pdf", encrypted_pdf(), "pdf")
    with pytest.raises(UndecodableDocument, match="password"):
        draw_page(str(tmp_path / "a.pdf"), 1, longest_side=100)


def test_an_empty_password_opens(tmp_path):
    """A PDF that is encrypted but asks for nothing is read as everybody's viewer does."""
    assert texts(read(tmp_path / "a.pdf", encrypted_pdf(b"", "Everybody reads this"), "pdf")) == [
        "Everybody reads this"
    ]


def test_a_damaged_page_is_noted(tmp_path):
    """One page that cannot be read does not take the others with it."""
    pdf = text_pdf([["One."], ["Two."], ["Three."]])
    at = pdf.index(b"/Type /Page /Parent", pdf.index(b"/Type /Page /Parent") + 1)
    broken = pdf[:at] + b"/Type /Pagf /Parent" + pdf[at + 19 :]
    kids = broken.replace(b"7 0 R 9 0 R]", b"99 0 R 9 0 R]")
    document = read(tmp_path / "a.pdf", kids, "pdf")
    assert [text for text in texts(document) if text != "Two."] == ["One.", "Three."]
    assert [note for note in document.notes if note.startswith("Page 2 could not be read: ")]


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(5000), text_pdf([["x"]])[:120]])
def test_rubble_is_refused(tmp_path, data):
    """What only begins as a PDF is damaged."""
    with pytest.raises(UndecodableDocument, match="The PDF is damaged"):
        read(tmp_path / "a.pdf", data, "pdf")


def test_a_pdf_without_its_end_is_repaired(tmp_path):
    """A file whose table of references is lost is read by looking for its objects."""
    pdf = text_pdf([["Still here."]])
    assert texts(read(tmp_path / "a.pdf", pdf[: pdf.index(b"xref\n")] + b"trailer << /Root 1 0 R >>", "pdf")) == [
        "Still here."
    ]


def test_limits_are_noted(tmp_path):
    """Beyond the limits of pages and characters nothing is read, and a note says so."""
    path, pdf = tmp_path / "a.pdf", text_pdf([prose(number) for number in range(6)])
    few = read(path, pdf, "pdf", pages=2)
    assert ({block.page for block in few.blocks}, few.page_count) == ({1, 2}, 6)
    assert few.notes == ("Only the first 2 of 6 pages were read",)
    short = read(path, pdf, "pdf", most=3000)
    assert sum(map(len, texts(short))) <= 3000
    assert short.notes == ("Only the first 3000 characters were read",)


def test_memory_does_not_grow_with_the_pages(tmp_path):
    """Two thousand pages take no more memory than their text."""
    page = lines_of(prose(1, lines=12))
    pdf = text_pdf([page] * 2000)

    def peak():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    read(tmp_path / "a.pdf", text_pdf([page] * 20), "pdf")
    # The highest mark of this process begins anew, see proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    document = read(tmp_path / "b.pdf", pdf, "pdf", most=10_000_000)
    assert (document.page_count, document.blocks[-1].page) == (2000, 2000)
    assert peak() - before < 20_000


@pytest.mark.parametrize("media", [(595, 842), (14400, 10), (3, 9000)])
def test_a_drawn_page_has_the_asked_size_whatever_the_page_says(tmp_path, media):
    """Pages of any shape are drawn with so many pixels at the longer side, on white."""
    path = tmp_path / "a.pdf"
    path.write_bytes(text_pdf([[]], media=media))
    with Image.open(io.BytesIO(draw_page(str(path), 1, longest_side=400))) as picture:
        assert (picture.format, picture.mode, max(picture.size)) == ("JPEG", "RGB", 400)
        assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_there_is_no_page_beyond_the_last(tmp_path):
    """Drawing a page that does not exist is refused."""
    path = tmp_path / "a.pdf"
    path.write_bytes(text_pdf([["One."]]))
    for number in (0, 2):
        with pytest.raises(UndecodableDocument, match=f"no page {number}"):
            draw_page(str(path), number, longest_side=100)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("D:20250115103000Z", "2025-01-15T10:30:00Z"),
        ("D:20250115103000-05'30'", "2025-01-15T10:30:00-05:30"),
        ("D:20250115", "2025-01-15"),
        ("2025", "2025"),
        ("D:202501151030", "2025-01-15T10:30:00"),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_have_what_they_have(text, iso):
    """Dates of PDFs become ISO 8601, as exact as they are."""
    assert iso_date(text) == iso
