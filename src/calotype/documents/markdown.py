"""Reading Markdown: its text as a reader sees it, with headings, lists, tables and code told apart."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from calotype.documents.cleaning import trimmed
from calotype.documents.plain_text import load_text, paragraphs
from calotype.domain.document import Block, BlockKind, ReadDocument

if TYPE_CHECKING:
    from markdown_it.token import Token

# Beyond this, files are logs and dumps under a wrong name, and the parser takes seconds.
_LONGEST = 2_000_000
_FRONT = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*:\s*(\S.*)")
_FIELDS = {
    "title": "title",
    "author": "author",
    "description": "subject",
    "keywords": "keywords",
    "date": "created_at",
    "lang": "language",
    "language": "language",
}
_PROPERTY_LENGTH = 2000
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>|<![A-Z][^<>]*>|<\?.*?\?>", re.DOTALL)


def read_markdown(path: str, *, max_characters: int) -> ReadDocument:
    """The blocks of a Markdown file (CommonMark with tables and struck-out text)."""
    text, encoding, notes = load_text(path, max_characters=max_characters)
    front, body, properties = _front_matter(text)
    blocks = (*front, *(paragraphs(body) if len(body) > _LONGEST else markdown_blocks(body)))
    return ReadDocument(blocks=blocks, properties=properties, notes=notes, encoding=encoding)


def markdown_blocks(text: str) -> tuple[Block, ...]:
    """The blocks of clean Markdown text."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return tuple(block for block in _Walk(tokens).blocks() if block.text.strip())


class _Walk:
    """The tokens of a text, which come in the order of reading with a start and an end of each thing."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._depth = 0
        self._counts: list[int | None] = []
        self._items: list[str] = []
        self._cells: list[str] = []
        self._rows: list[str] = []
        self._marker = ""
        self._level = 0

    def blocks(self) -> Iterator[Block]:
        for token in self._tokens:
            if token.nesting:
                yield from self._turn(token)
            elif token.type == "inline":
                yield from self._inline(_seen(token.children or ()))
            elif token.type in {"fence", "code_block"}:
                yield from self._leaf(BlockKind.CODE, token.content)
            elif token.type == "html_block":
                yield from self._leaf(BlockKind.PARAGRAPH, html.unescape(_TAG.sub("", token.content)))

    def _turn(self, token: Token) -> Iterator[Block]:
        """Something begins or ends."""
        kind = token.type
        if kind.endswith(("list_open", "list_close", "item_open")):
            yield from self._list(token)
        elif kind in {"heading_open", "heading_close"}:
            self._level = int(token.tag[1:]) if token.nesting > 0 else 0
        elif kind in {"th_open", "td_open"}:
            self._cells.append("")
        elif kind == "tr_close":
            self._rows.append("\t".join(self._cells))
            self._cells = []
        elif kind == "table_close":
            rows, self._rows = self._rows, []
            yield from self._leaf(BlockKind.TABLE, "\n".join(rows))

    def _list(self, token: Token) -> Iterator[Block]:
        if token.type == "list_item_open":
            count = self._counts[-1]
            self._marker = "• " if count is None else f"{count}. "
            if count is not None:
                self._counts[-1] = count + 1
        elif token.nesting > 0:
            self._counts.append(int(token.attrs.get("start", 1)) if token.type.startswith("ordered") else None)
        else:
            self._counts.pop()
            if not self._counts:
                yield from self._flush_list()

    def _inline(self, text: str) -> Iterator[Block]:
        if self._cells:
            self._cells[-1] += " ".join(text.split())
        elif self._level:
            yield from self._leaf(BlockKind.HEADING, " ".join(text.split()))
        else:
            yield from self._leaf(BlockKind.PARAGRAPH, text)

    def _leaf(self, kind: BlockKind, text: str) -> Iterator[Block]:
        """A whole thing; inside of a list it is one of its items, or a further piece of one."""
        text = trimmed(text)
        if not self._counts:
            if text:
                yield Block(kind, text, self._level or None)
            return
        indent = "  " * (len(self._counts) - 1)
        before = indent + (self._marker or "  ")
        self._marker = ""
        self._items.append(before + text.replace("\n", "\n" + indent + "  "))

    def _flush_list(self) -> Iterator[Block]:
        items, self._items = self._items, []
        if any(item.strip() for item in items):
            yield Block(BlockKind.LIST, "\n".join(items))


def _seen(tokens: Sequence[Token]) -> str:
    """The text of a paragraph without its marks; of pictures that which stands for them."""
    parts = []
    for token in tokens:
        if token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak":
            parts.append("\n")
        elif token.type == "image":
            parts.append(_seen(token.children or ()))
        elif token.type in {"text", "code_inline", "text_special"}:
            parts.append(token.content)
        elif token.type == "html_inline" and re.match(r"<br\b", token.content, re.IGNORECASE):
            parts.append("\n")
    return "".join(parts)


def _front_matter(text: str) -> tuple[tuple[Block, ...], str, dict[str, str]]:
    """The fields that stand before the text, the text, and those fields that are properties."""
    match = _FRONT.match(text)
    if match is None or not _FIELD.match(match[1].lstrip()):
        return (), text, {}
    found: dict[str, str] = {}
    for line in match[1].splitlines():
        field = _FIELD.match(line)
        name = _FIELDS.get(field[1].lower()) if field else None
        if field and name:
            found[name] = field[2].strip().strip("\"'")[:_PROPERTY_LENGTH]
    block = trimmed(match[1])
    return ((Block(BlockKind.CODE, block),) if block else ()), text[match.end() :], found
