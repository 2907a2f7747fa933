"""Reading DOCX files: the text is walked through as it is unpacked, so that memory does not grow with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from calotype.documents.cleaning import clean
from calotype.documents.docx_package import MAIN_PART, Package, opened_package
from calotype.documents.docx_styles import Lists, Style, Styles, formatting
from calotype.documents.docx_text import Reading, note_text
from calotype.documents.docx_xml import child, events, forget, local, number, small_part, value
from calotype.documents.notes import Notes
from calotype.domain.document import Block, BlockKind, ReadDocument
from calotype.domain.errors import UndecodableDocument

_PROPERTIES = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "created": "created_at",
    "modified": "modified_at",
    "language": "language",
}
_PROPERTY_LENGTH = 2000
# Tables and lists go on as a new block at such a length.
_BLOCK = 4000
# No page has more; a file that claims so has the figure of its template.
_MOST_ON_A_PAGE = 12_000
_FEW = 20
_RUNNING = re.compile(r"word/(?:header|footer)\d*\.xml")


def read_docx(path: str, *, max_characters: int) -> ReadDocument:
    """The text of a DOCX. Raises UndecodableDocument when nothing of it can be read."""
    with opened_package(path) as package:
        if MAIN_PART not in package.parts:
            raise UndecodableDocument("The DOCX is damaged: it has no text")
        reading = _Document(package, max_characters)
        blocks = reading.blocks()
        pages = reading.page_count(blocks)
        if not (reading.gathered.rendered or pages == 1):
            blocks = [Block(block.kind, block.text, block.level) for block in blocks]
        return ReadDocument(tuple(blocks), pages, (), reading.properties(), reading.notes.all)


class _Document:
    """One DOCX while it is read."""

    def __init__(self, package: Package, max_characters: int) -> None:
        self.notes = Notes()
        self.gathered = Reading()
        self._package = package
        self._most = max_characters
        self._styles = Styles(package)
        self._lists = Lists(package)
        self._texts = {kind: _note_texts(package, kind) for kind in ("footnote", "endnote")}

    def blocks(self) -> list[Block]:
        """The blocks of the text, then what stands at the head and the foot of its pages."""
        found: list[Block] = []
        left = self._most
        try:
            for block in _joined(self._blocks()):
                found.append(block)
                left -= len(block.text)
                if left <= 0:
                    self.notes.add(f"Only the first {self._most} characters were read")
                    return found
        except UndecodableDocument as error:
            if not found:
                raise
            self.notes.add(error.message)
        found.extend(self._running(left))
        return found

    def page_count(self, blocks: list[Block]) -> int | None:
        """The number of pages as the file has it; None where that contradicts its text."""
        app = small_part(self._package, "docProps/app.xml")
        claimed = number(getattr(child(app, "Pages"), "text", None))
        least = max(self.gathered.page if self.gathered.rendered else 1, self.gathered.breaks + 1)
        characters = sum(len(word) for block in blocks for word in block.text.split())
        counted = number(getattr(child(app, "Characters"), "text", None), characters)
        # Who did not count the characters again did not count the pages either.
        is_new = counted <= 2 * characters + _FEW and characters <= 2 * counted + _FEW
        if claimed >= least and is_new and claimed * _MOST_ON_A_PAGE >= characters:
            return claimed
        return self.gathered.page if self.gathered.rendered else None

    def properties(self) -> dict[str, str]:
        """What the file says of itself."""
        root = small_part(self._package, "docProps/core.xml")
        found: dict[str, str] = {}
        for element in [] if root is None else root:
            name = _PROPERTIES.get(local(element))
            text = clean(element.text or "").strip()[:_PROPERTY_LENGTH]
            if name and text:
                found[name] = text
        if self._styles.language:
            found.setdefault("language", clean(self._styles.language)[:64])
        return found

    def _blocks(self) -> Iterator[Block]:
        """One block for each paragraph, list item and table row, with what they refer to behind them."""
        outer = None
        waiting: list[Block] = []
        for event, element in events(self._package, MAIN_PART, ("p", "tr", "tbl")):
            name = local(element)
            if event == "start":
                outer = element if outer is None and name != "tbl" else outer
            elif element is outer:
                outer = None
                if name == "p":
                    yield from self._paragraph(element)
                    yield from self._aside()
                else:
                    text, page = self.gathered.row(element)
                    if text:
                        yield Block(BlockKind.TABLE, text, page=page)
                    waiting.extend(self._aside())
                forget(element)
            elif name == "tbl" and outer is None:
                yield from waiting
                # An empty line that parts this table from one that follows at once.
                yield Block(BlockKind.TABLE, "")
                waiting = []
        yield from waiting

    def _paragraph(self, element: object) -> Iterator[Block]:
        properties = child(element, "pPr")
        text, page = self.gathered.paragraph(element)
        if not text:
            return
        name = value(child(properties, "pStyle")) or ""
        own, style = formatting(properties), self._styles[name]
        level = own.level if own.level is not None else style.level
        marker, depth = self._marker(own, style, name)
        marked = f"{marker} {text}" if marker else text
        if level:
            yield Block(BlockKind.HEADING, " ".join(marked.split()), level, page)
        elif marker is not None:
            yield Block(BlockKind.LIST, "  " * depth + marked, page=page)
        else:
            yield Block(BlockKind.PARAGRAPH, text, page=page)

    def _marker(self, own: Style, style: Style, name: str) -> tuple[str | None, int]:
        """What stands before a paragraph that belongs to a list, and how deep in it; None where it belongs to none."""
        list_id = own.list_id if own.list_id is not None else style.list_id
        if list_id is None or list_id == "0":
            return None, 0
        marker, depth = self._lists.marker(list_id, own.depth if own.depth is not None else style.depth, name)
        return marker, min(depth, 8)

    def _aside(self) -> Iterator[Block]:
        """The text boxes and notes that a paragraph or a row refers to."""
        page = self.gathered.page
        for text in self.gathered.take_boxes():
            yield Block(BlockKind.PARAGRAPH, text, page=page)
        for kind, name in self.gathered.take_references():
            if text := self._texts[kind].pop(name, ""):
                yield Block(BlockKind.PARAGRAPH, text, page=page)

    def _running(self, left: int) -> Iterator[Block]:
        """What stands at the head and the foot of every page, once, where it has letters."""
        seen: set[str] = set()
        for name in sorted(filter(_RUNNING.fullmatch, self._package.parts)):
            text = Reading().paragraph(root)[0] if (root := small_part(self._package, name)) is not None else ""
            if text not in seen and any(character.isalpha() for character in text) and len(text) <= left:
                seen.add(text)
                left -= len(text)
                yield Block(BlockKind.PARAGRAPH, text, page=1)


def _note_texts(package: Package, kind: str) -> dict[str, str]:
    """The texts of the foot- or endnotes by their ids."""
    root = small_part(package, f"word/{kind}s.xml")
    notes = [] if root is None else [element for element in root if local(element) == kind]
    return {name: text for element in notes if (name := value(element, "id")) and (text := note_text(element))}


def _joined(blocks: Iterator[Block]) -> Iterator[Block]:
    """Items of a list and rows of a table as one block, a line each, as long as they stand on one page."""
    lines: list[str] = []
    first: Block | None = None
    for block in blocks:
        joins = first is not None and block.text and (first.kind, first.page) == (block.kind, block.page)
        if first is not None and not (joins and sum(map(len, lines)) < _BLOCK):
            yield Block(first.kind, "\n".join(lines), page=first.page)
            first, lines = None, []
        if block.kind not in {BlockKind.LIST, BlockKind.TABLE}:
            yield block
        elif block.text:
            first = first or block
            lines.append(block.text)
    if first is not None:
        yield Block(first.kind, "\n".join(lines), page=first.page)
