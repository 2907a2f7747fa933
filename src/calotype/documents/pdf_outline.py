"""The outline of a PDF, and where its titles stand in the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from calotype.documents.cleaning import clean
from calotype.documents.pdf_file import filled
from calotype.domain.document import Block, BlockKind

_MOST_ENTRIES = 5000
_DEEPEST = 12
_TITLE_LENGTH = 500
# What a printed title has before the words of the outline: a number, a letter, or such with a word ("Chapter 2:").
_NUMBERING = re.compile(
    r"(?:(?:(?:chapter|part|section|appendix|kapitel|teil|chapitre|capítulo) )?"
    r"(?:[\d.]{1,12}|[ivxlc]{1,7}|[a-z])(?:[.\d]*)[.):]? )?"
)
_NUMBER_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A title of the outline: its level from 1, and the number of its page from 1."""

    title: str
    level: int
    page: int


def outline_of(document: Any, pages: int) -> list[Entry]:
    """The titles of the outline that lead to a page; those that go round in circles or are very deep are left out."""
    found: list[Entry] = []
    for seen, item in enumerate(document.get_toc(max_depth=_DEEPEST)):
        if seen >= _MOST_ENTRIES:
            break
        title = " ".join(clean(_title(item)).split())[:_TITLE_LENGTH]
        target = item.get_dest()
        index = target.get_index() if target is not None else None
        if title and index is not None and 0 <= index < pages:
            found.append(Entry(title, item.level + 1, index + 1))
    return found


def _title(item: Any) -> str:
    from pypdfium2 import raw

    def fill(buffer: Any, size: int) -> int:
        return int(raw.FPDFBookmark_GetTitle(item.raw, buffer, size))

    return filled(fill)


def with_headings(number: int, paragraphs: Iterable[str], entries: Sequence[Entry]) -> list[Block]:
    """The blocks of a page: where a title of the outline is printed it is a heading, else it stands at the head of the page."""
    blocks = [Block(BlockKind.PARAGRAPH, text, page=number) for text in paragraphs]
    at = 0
    for entry in entries:
        found = _place(entry, blocks, at)
        if found is None:
            blocks.insert(at, Block(BlockKind.HEADING, entry.title, entry.level, number))
            at += 1
        else:
            index, parts = found
            blocks[index : index + 1] = parts
            at = next(i for i in range(index, len(blocks)) if blocks[i].kind is BlockKind.HEADING) + 1
    return blocks


def _place(entry: Entry, blocks: Sequence[Block], start: int) -> tuple[int, list[Block]] | None:
    """The block from `start` on that prints a title, and that block taken apart around it."""
    title = _plain(entry.title)
    for index in range(start, len(blocks)):
        block = blocks[index]
        if block.kind is BlockKind.HEADING:
            continue
        if _prints(block.text, title):
            return index, [_heading(block.text, entry)]
        lines = block.text.split("\n")
        for position, line in enumerate(lines):
            if len(lines) > 1 and _prints(line, title):
                around = ("\n".join(lines[:position]), "\n".join(lines[position + 1 :]))
                before, after = (
                    [Block(BlockKind.PARAGRAPH, text, page=entry.page)] if text.strip() else [] for text in around
                )
                return index, [*before, _heading(line, entry), *after]
    return None


def _prints(text: str, title: str) -> bool:
    """Whether a text is a title, but for the number that is printed before it."""
    if not len(title) <= len(text) <= 2 * len(title) + _NUMBER_LENGTH:
        return False
    plain = _plain(text)
    return plain.endswith(title) and _NUMBERING.fullmatch(plain, 0, len(plain) - len(title)) is not None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _heading(text: str, entry: Entry) -> Block:
    return Block(BlockKind.HEADING, " ".join(text.split()), entry.level, entry.page)
