"""DOCX files are read as a reader sees them."""

from __future__ import annotations

import datetime as dt

import pytest

from calotype.domain.errors import UndecodableDocument
from tests.documents.reading import read, shapes, texts
from tests.documents_made import WORD, bare_docx, made_docx, paragraph

BREAK = "<w:r><w:lastRenderedPageBreak/></w:r>"
PAGES = '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"><Pages>{}</Pages></Properties>'


def run(text, inside=""):
    """A run of a paragraph."""
    return f"<w:r>{inside}<w:t xml:space='preserve'>{text}</w:t></w:r>"


def test_headings_lists_and_tables(tmp_path):
    """What Word's own styles make is told apart, in its order."""

    def build(document):
        document.add_heading("The title", 0)
        document.add_heading("Part one", 1)
        document.add_paragraph("Some text.")
        for text in ("one", "two"):
            document.add_paragraph(text, style="List Number")
        document.add_heading("Deeper", 3)
        document.add_paragraph("a point", style="List Bullet")
        table = document.add_table(2, 2)
        for at, text in enumerate("abcd"):
            table.cell(at // 2, at % 2).text = text
        document.add_paragraph("The end.")

    data = made_docx(build, title="Of things", author="N. N.", created=dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC))
    document = read(tmp_path / "a.docx", data, "docx")
    assert shapes(document) == [
        ("heading", 1, "The title"),
        ("heading", 1, "Part one"),
        ("paragraph", None, "Some text."),
        ("list", None, "1. one\n2. two"),
        ("heading", 3, "Deeper"),
        ("list", None, "• a point"),
        ("table", None, "a\tb\nc\td"),
        ("paragraph", None, "The end."),
    ]
    assert document.properties["title"] == "Of things"
    assert document.properties["author"] == "N. N."
    assert document.properties["created_at"] == "2025-01-02T03:04:05Z"
    assert document.properties["language"] == "en-US"
    assert {block.page for block in document.blocks} == {None}
    assert document.picture is not None


def test_text_that_stands_in_other_elements_is_read(tmp_path):
    """Links, inserted text, content controls and text boxes are read once; deleted text and instructions are not."""
    box = "<w:txbxContent>" + paragraph("in a box") + "</w:txbxContent>"
    body = (
        "<w:p>"
        + run("a ")
        + f"<w:hyperlink>{run('link ')}</w:hyperlink><w:ins>{run('inserted ')}</w:ins>"
        + "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r>"
        + f"<w:sdt><w:sdtContent>{run('controlled')}</w:sdtContent></w:sdt>"
        + "<w:r><w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t><w:noBreakHyphen/><w:t>z</w:t></w:r>"
        + "<m:AlternateContent xmlns:m='http://schemas.openxmlformats.org/markup-compatibility/2006'>"
        + f"<m:Choice>{box}</m:Choice><m:Fallback>{box}</m:Fallback></m:AlternateContent></w:p>"
        + f"<w:sdt><w:sdtContent>{paragraph('a block in a control')}</w:sdtContent></w:sdt>"
    )
    document = read(tmp_path / "a.docx", bare_docx(body), "docx")
    assert texts(document) == ["a link inserted controlled\tx\ny-z", "in a box", "a block in a control"]


def test_notes_stand_behind_the_paragraph_and_running_text_at_the_end(tmp_path):
    """Footnotes follow what refers to them; heads and feet of pages stand once, at the end."""
    notes = f'<w:footnotes xmlns:w="{WORD}"><w:footnote w:type="separator" w:id="-1">{paragraph("no")}</w:footnote>'
    notes += f'<w:footnote w:id="2">{paragraph("the note")}</w:footnote></w:footnotes>'
    body = f'<w:p>{run("text")}<w:r><w:footnoteReference w:id="2"/></w:r></w:p>{paragraph("more")}'
    heads = {f"word/header{n}.xml": f'<w:hdr xmlns:w="{WORD}">{paragraph("Letterhead")}</w:hdr>' for n in (1, 2)}
    document = read(tmp_path / "a.docx", bare_docx(body, parts={"word/footnotes.xml": notes, **heads}), "docx")
    assert texts(document) == ["text", "the note", "more", "Letterhead"]


def test_pages_are_those_word_noted(tmp_path):
    """A paragraph stands on the page on which its text begins; without notes of Word no pages are known."""
    body = paragraph("one") + f"<w:p>{BREAK}{run('two')}</w:p><w:p>{run('still two')}{BREAK}{run(' and three')}</w:p>"
    row = f"<w:tr><w:tc><w:p>{BREAK}{run('four')}</w:p></w:tc></w:tr>"
    body += f"{paragraph('three')}<w:tbl><w:tr><w:tc>{paragraph('three')}</w:tc></w:tr>{row}</w:tbl>"
    document = read(tmp_path / "a.docx", bare_docx(body, parts={"docProps/app.xml": PAGES.format(5)}), "docx")
    assert [(block.text, block.page) for block in document.blocks] == [
        ("one", 1),
        ("two", 2),
        ("still two and three", 2),
        ("three", 3),
        ("three", 3),
        ("four", 4),
    ]
    assert document.page_count == 5


@pytest.mark.parametrize(
    ("body", "claimed", "pages"),
    [
        (paragraph("x"), 1, 1),
        (paragraph("x"), 3, 3),
        ("<w:p><w:r><w:br w:type='page'/></w:r></w:p>" * 2, 1, None),
        (paragraph("word " * 5000), 1, None),
        (paragraph("x"), "many", None),
    ],
)
def test_the_claimed_number_of_pages_must_fit_the_text(tmp_path, body, claimed, pages):
    """Programs keep the figure of their template; what contradicts the text is not believed."""
    data = bare_docx(body, parts={"docProps/app.xml": PAGES.format(claimed)})
    document = read(tmp_path / "a.docx", data, "docx")
    assert document.page_count == pages
    assert {block.page for block in document.blocks} <= {1 if pages == 1 else None}


def test_lists_count_as_they_say(tmp_path):
    """Numbers of deeper levels begin anew, letters and Roman figures are written, and a new list starts over."""
    levels = (
        '<w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
    )
    numbering = (
        f'<w:numbering xmlns:w="{WORD}"><w:abstractNum w:abstractNumId="7">{levels}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="7"/>'
        '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="3"/></w:lvlOverride></w:num></w:numbering>'
    )

    def item(text, depth, list_id=1):
        return paragraph(text, extra=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{list_id}"/></w:numPr>')

    body = item("a", 0) + item("b", 1) + item("c", 1) + item("d", 0) + item("e", 1) + item("f", 0, 2)
    document = read(tmp_path / "a.docx", bare_docx(body, parts={"word/numbering.xml": numbering}), "docx")
    assert texts(document) == ["III. a\n  III.a) b\n  III.b) c\nIV. d\n  IV.a) e\nIII. f"]


def item(text, depth, list_id):
    """An item of a list."""
    return paragraph(text, extra=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{list_id}"/></w:numPr>')


def level(depth, text):
    """A level of a list that counts in numbers."""
    return f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="{text}"/></w:lvl>'


def with_lists(tmp_path, body, numbering):
    """The texts of a document with these lists."""
    numbering = f'<w:numbering xmlns:w="{WORD}">{numbering}</w:numbering>'
    return texts(read(tmp_path / "a.docx", bare_docx(body, parts={"word/numbering.xml": numbering}), "docx"))


def test_a_list_starts_where_it_is_told_to(tmp_path):
    """A list may start at other numbers than others of its kind do, at each depth."""

    def start(depth, at):
        return f'<w:lvlOverride w:ilvl="{depth}"><w:startOverride w:val="{at}"/></w:lvlOverride>'

    numbering = (
        f'<w:abstractNum w:abstractNumId="7">{level(0, "%1.")}{level(1, "%1.%2.")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>'
        f'<w:num w:numId="2"><w:abstractNumId w:val="7"/>{start(0, 5)}</w:num>'
        f'<w:num w:numId="3"><w:abstractNumId w:val="7"/><w:lvlOverride w:ilvl="0"/>{start(1, 4)}{start(8, 2)}</w:num>'
    )
    body = item("a", 0, 1) + item("b", 0, 2) + item("c", 1, 2) + item("d", 0, 2)
    body += item("e", 0, 3) + item("f", 1, 3) + item("g", 1, 3) + item("h", 0, 1)
    written = "1. a\n5. b\n  5.1. c\n6. d\n1. e\n  1.4. f\n  1.5. g\n2. h"
    assert with_lists(tmp_path, body, numbering) == [written]


def test_lists_of_a_style_count_as_it_says(tmp_path):
    """A list that is only a link to a style of lists is numbered as the style is; links that lead nowhere give bullets."""
    numbering = (
        '<w:abstractNum w:abstractNumId="1"><w:numStyleLink w:val="Steps"/></w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="2"><w:styleLink w:val="Steps"/>{level(0, "Step %1:")}</w:abstractNum>'
        '<w:abstractNum w:abstractNumId="3"><w:styleLink w:val="A"/><w:numStyleLink w:val="B"/></w:abstractNum>'
        '<w:abstractNum w:abstractNumId="4"><w:styleLink w:val="B"/><w:numStyleLink w:val="A"/></w:abstractNum>'
        '<w:abstractNum w:abstractNumId="5"><w:numStyleLink w:val="Gone"/></w:abstractNum>'
    ) + "".join(f'<w:num w:numId="{at}"><w:abstractNumId w:val="{at}"/></w:num>' for at in range(1, 6))
    body = item("a", 0, 1) + item("b", 0, 1) + item("c", 0, 3) + item("d", 0, 4) + item("e", 0, 5)
    assert with_lists(tmp_path, body, numbering) == ["Step 1: a\nStep 2: b\n• c\n• d\n• e"]


def test_styles_that_go_round_in_circles_end(tmp_path):
    """A style that is based on itself says nothing."""
    styles = f'<w:styles xmlns:w="{WORD}"><w:style w:styleId="a"><w:basedOn w:val="a"/></w:style></w:styles>'
    data = bare_docx(paragraph("x", "a"), parts={"word/styles.xml": styles})
    assert shapes(read(tmp_path / "a.docx", data, "docx")) == [("paragraph", None, "x")]


def test_outline_levels_make_headings_in_any_language(tmp_path):
    """Styles count by their built-in names and levels, not by their ids; level 10 is body text."""
    styles = f"""<w:styles xmlns:w="{WORD}">
      <w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
      <w:style w:styleId="own"><w:basedOn w:val="berschrift2"/></w:style>
      <w:style w:styleId="level"><w:pPr><w:outlineLvl w:val="3"/></w:pPr></w:style></w:styles>"""
    body = paragraph("a", "berschrift2") + paragraph("b", "own") + paragraph("c", "level")
    body += paragraph("d", "own", extra='<w:outlineLvl w:val="9"/>')
    document = read(tmp_path / "a.docx", bare_docx(body, parts={"word/styles.xml": styles}), "docx")
    assert shapes(document) == [
        ("heading", 2, "a"),
        ("heading", 2, "b"),
        ("heading", 4, "c"),
        ("paragraph", None, "d"),
    ]


def test_a_long_table_is_several_blocks(tmp_path):
    """No block holds a table of thousands of rows, and no row is lost."""
    rows = "".join(
        f"<w:tr><w:tc>{paragraph(f'row {n}')}</w:tc><w:tc>{paragraph('x' * 50)}</w:tc></w:tr>" for n in range(500)
    )
    document = read(tmp_path / "a.docx", bare_docx(f"<w:tbl>{rows}</w:tbl>"), "docx")
    assert [line.split("\t")[0] for text in texts(document) for line in text.split("\n")] == [
        f"row {n}" for n in range(500)
    ]
    assert max(map(len, texts(document))) < 5000


def test_the_limit_of_characters_is_noted(tmp_path):
    """Beyond the limit nothing is read."""
    document = read(tmp_path / "a.docx", bare_docx(paragraph("x" * 99) * 50), "docx", most=1000)
    assert sum(map(len, texts(document))) < 1200
    assert document.notes == ("Only the first 1000 characters were read",)


def test_what_breaks_off_is_kept_with_a_note(tmp_path):
    """The text before a fault is worth having; a file that begins with one is refused."""
    whole = paragraph("before")
    document = read(tmp_path / "a.docx", bare_docx(whole + "<w:p></w:r>"), "docx")
    assert (texts(document), document.notes) == (["before"], ("The DOCX is damaged: its text breaks off",))
    with pytest.raises(UndecodableDocument, match="its text breaks off"):
        read(tmp_path / "a.docx", bare_docx("</w:p>"), "docx")


def test_entities_stay_unread_without_the_check_at_the_door(tmp_path):
    """The reader itself refuses a part that declares entities, and never opens a file of the machine."""
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    prolog = f'<!DOCTYPE d [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    with pytest.raises(UndecodableDocument, match="declares entities"):
        read(tmp_path / "a.docx", bare_docx(paragraph("&x;"), prolog=prolog), "docx")
