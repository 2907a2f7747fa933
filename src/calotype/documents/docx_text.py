"""The text inside of a paragraph or a table row of a DOCX, as a reader sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calotype.documents.cleaning import clean, trimmed
from calotype.documents.docx_xml import local, number, value

# Deleted text, instructions of fields, formatting, the reading aid above East Asian words, and the second form in which old
# versions of Word find a text box.
_UNSEEN = frozenset(
    {
        "del",
        "moveFrom",
        "delText",
        "instrText",
        "delInstrText",
        "pPr",
        "rPr",
        "tblPr",
        "trPr",
        "tcPr",
        "sdtPr",
        "rt",
        "Fallback",
    }
)
_SIGNS = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "-"}
_PRIVATE = range(0xE000, 0xF900)


class Reading:
    """What is gathered while elements of a document are walked through in their order.

    `page` counts the pages that Word noted when it saved the file, from 1; `breaks` those an author set by hand. `boxes` are the
    text boxes and `references` the foot- and endnotes met since they were last taken.
    """

    def __init__(self) -> None:
        self.page = 1
        self.rendered = 0
        self.breaks = 0
        self._boxes: list[str] = []
        self._references: list[tuple[str, str]] = []
        self._parts: list[str] = []
        self._begun_on: int | None = None

    def paragraph(self, element: Any) -> tuple[str, int]:
        """The text of a paragraph and the page it begins on."""
        self._parts, self._begun_on = [], None
        self._walk(element)
        text, self._parts = trimmed("".join(self._parts)), []
        return text.strip(), self._begun_on or self.page

    def row(self, element: Any) -> tuple[str, int]:
        """The cells of a table row, parted by tabs, and the page it begins on."""
        first: int | None = None
        cells: list[str] = []
        for cell in _cells(element):
            self._parts, self._begun_on = [], None
            self._walk(cell)
            cells.append(" ".join(clean("".join(self._parts)).split()))
            first = first or self._begun_on
        self._parts = []
        return "\t".join(cells).strip(), first or self.page

    def take_boxes(self) -> list[str]:
        """The texts of boxes met since the last call."""
        boxes, self._boxes = self._boxes, []
        return boxes

    def take_references(self) -> list[tuple[str, str]]:
        """The notes referred to since the last call: "footnote" or "endnote", and an id."""
        references, self._references = self._references, []
        return references

    def _walk(self, element: Any) -> None:
        for inner in element:
            name = local(inner)
            if name == "t":
                self._say(inner.text or "")
            elif name in _SIGNS:
                self._say(_SIGNS[name])
            elif name == "txbxContent":
                self._box(inner)
            elif name in {"footnoteReference", "endnoteReference"}:
                self._references.append((name.removesuffix("Reference"), value(inner, "id") or ""))
            elif name in {"lastRenderedPageBreak", "br"}:
                self._break(inner, rendered=name != "br")
            elif name == "sym":
                self._symbol(inner)
            elif name not in _UNSEEN:
                self._walk(inner)
                # Of nested paragraphs and tables, which stand in cells.
                self._parts.append("\n" if name in {"p", "tc", "tr"} else "")

    def _say(self, text: str) -> None:
        if self._begun_on is None and text.strip():
            self._begun_on = self.page
        self._parts.append(text)

    def _box(self, element: Any) -> None:
        parts, self._parts = self._parts, []
        self._walk(element)
        if text := trimmed("".join(self._parts)).strip():
            self._boxes.append(text)
        self._parts = parts

    def _break(self, element: Any, *, rendered: bool) -> None:
        if rendered:
            self.page += 1
            self.rendered += 1
            return
        if value(element, "type") == "page":
            self.breaks += 1
        self._parts.append("\n")

    def _symbol(self, element: Any) -> None:
        try:
            code = int(value(element, "char") or "", 16)
        except ValueError:
            return
        # Signs of fonts such as Wingdings have no meaning outside of them.
        if code not in _PRIVATE and 0x20 < code < 0x110000:
            self._say(chr(code))


def note_text(element: Any) -> str:
    """The text of a foot- or endnote; empty for the lines that part them from the page."""
    if value(element, "type") not in {None, "normal"} or number(value(element, "id"), -1) < 0:
        return ""
    return Reading().paragraph(element)[0]


def _cells(row: Any) -> Sequence[Any]:
    """The cells of a row, those in content controls included."""
    found: list[Any] = []
    for inner in row:
        if local(inner) == "tc":
            found.append(inner)
        elif local(inner) in {"sdt", "sdtContent", "ins", "customXml"}:
            found.extend(_cells(inner))
    return found
