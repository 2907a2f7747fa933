"""Cutting a document into chunks: passages long enough to mean something and short enough to mean one thing.

Paragraphs are packed until a chunk is full, a heading begins a new one, and what is too long for any is cut where a reader would
pause. Every character that is not white space is in exactly one chunk, in its order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from calotype.domain.document import Block, BlockKind, Chunk
from calotype.domain.search_text import count_words
from calotype.domain.sentences import first_end, last_end

TARGET = 1_200
"""Characters at which a chunk is full (docs/decisions/0036-chunks.md)."""

LONGEST = 2_000
"""Most characters of a chunk, which is what a single paragraph may have before it is cut."""

LONGEST_HEADING = 200
"""Most characters of a heading as chunks carry it; every chunk of a section does."""

_SHORT = 200  # characters below which the end of a section joins what comes before it
_DEEPEST = 9  # levels of headings that are told apart
_MOST_MARKS = 32  # combining marks that are kept with their letter; more are noise
_BETWEEN = "\n\n"
_LINE = re.compile(r"\n")
_PAUSE = re.compile(r"\s|[\uff0c\u3001\uff1b\uff1a\u060c]")  # commas of scripts that put no space behind them


def chunked(blocks: Iterable[Block]) -> list[Chunk]:
    """The chunks of a document, whose text is `blocks`, in their order.

    A chunk has the kind of its first block, the pages its blocks begin on, and the headings its text stands under, each on one
    line; one that it begins with is among them.
    """
    packing = _Packing()
    for block in blocks:
        packing.add(block)
    packing.close_section()
    return [_chunk(index, passage) for index, passage in enumerate(packing.done)]


@dataclass(slots=True)
class _Passage:
    """A chunk while it is filled: its blocks, their length with what is put between them, the headings above its text."""

    blocks: list[Block] = field(default_factory=list)
    length: int = 0
    headings: tuple[str, ...] = ()
    has_text: bool = False

    def length_with(self, more: int) -> int:
        return self.length + len(_BETWEEN) + more if self.blocks else more

    def add(self, block: Block, headings: tuple[str, ...]) -> None:
        self.length = self.length_with(len(block.text))
        self.blocks.append(block)
        if not self.has_text:
            self.headings = headings
        self.has_text = self.has_text or block.kind is not BlockKind.HEADING


class _Packing:
    """What has been packed, and what is known above the next block."""

    def __init__(self) -> None:
        self.done: list[_Passage] = []
        self._section = 0  # where in `done` the present section begins
        self._open = _Passage()
        self._above: list[tuple[int, str]] = []

    def add(self, block: Block) -> None:
        if block.kind is BlockKind.HEADING:
            # Headings that follow each other, such as a chapter's and its first section's, stay together.
            if self._open.has_text:
                self.close_section()
            self._stand_under(block)
        headings = tuple(text for _, text in self._above)
        for piece in _pieces(block, self._taken()):
            whole = self._open.length_with(len(piece.text))
            full = TARGET if self._open.has_text or block.kind is BlockKind.HEADING else LONGEST
            if self._open.blocks and whole > full:
                self._close()
            self._open.add(piece, headings)

    def close_section(self) -> None:
        """End the present section; its last few words are not left alone."""
        self._close()
        if len(self.done) - self._section > 1:
            before, last = self.done[-2:]
            if last.length < _SHORT and before.length_with(last.length) <= LONGEST:
                for block in last.blocks:
                    before.add(block, last.headings)
                self.done.pop()
        self._section = len(self.done)

    def _close(self) -> None:
        if self._open.blocks:
            self.done.append(self._open)
            self._open = _Passage()

    def _taken(self) -> int:
        """Characters of the open chunk that the next piece has to share it with, because headings are not left alone."""
        return 0 if self._open.has_text else self._open.length_with(0)

    def _stand_under(self, heading: Block) -> None:
        level = min(max(heading.level or 1, 1), _DEEPEST)
        text = " ".join(heading.text[: 2 * LONGEST_HEADING].split())[:LONGEST_HEADING].rstrip()
        self._above = [(other, above) for other, above in self._above if other < level]
        if text:
            self._above.append((level, text))


def _chunk(index: int, passage: _Passage) -> Chunk:
    content = _BETWEEN.join(block.text for block in passage.blocks)
    pages = {block.page for block in passage.blocks if block.page is not None}
    return Chunk(
        index=index,
        content=content,
        page_numbers=tuple(sorted(pages)) or None,
        headings=passage.headings,
        kind=passage.blocks[0].kind,
        word_count=count_words(content),
    )


def _pieces(block: Block, taken: int) -> Iterator[Block]:
    """A block, cut where it is longer than a chunk may be; of the first one `taken` characters are not to be had."""
    text, start = block.text, 0
    room = min(taken, TARGET // 2)
    while len(text) - start > LONGEST - room:
        end = _cut(text, start, TARGET - room, LONGEST - room, block.kind)
        yield from _trimmed(block, text[start:end])
        start, room = end, 0
    yield from _trimmed(block, text[start:])


def _trimmed(block: Block, text: str) -> Iterator[Block]:
    # The blanks a line of code begins with say where it belongs.
    kept = text.strip("\n").rstrip() if block.kind is BlockKind.CODE else text.strip()
    if kept.strip():
        yield replace(block, text=kept)


def _cut(text: str, start: int, target: int, longest: int, kind: BlockKind) -> int:
    """Where a piece from `start` on ends: at a sentence's end, or a line's, or a blank, near the target."""
    half, full, most = start + target // 2, start + target, start + longest
    in_lines = kind in {BlockKind.LIST, BlockKind.TABLE, BlockKind.CODE}
    for last, first in (_BY_LINES, _BY_SENTENCES) if in_lines else (_BY_SENTENCES, _BY_LINES):
        end = last(text, half, full) or first(text, full, most)
        if end is not None:
            return end
    return _last(_PAUSE, text, half, full) or _between_characters(text, full)


def _last(pattern: re.Pattern[str], text: str, start: int, stop: int) -> int | None:
    ends = [match.end() for match in pattern.finditer(text, start, stop)]
    return ends[-1] if ends else None


def _first(pattern: re.Pattern[str], text: str, start: int, stop: int) -> int | None:
    match = pattern.search(text, start, stop)
    return match.end() if match else None


def _last_line(text: str, start: int, stop: int) -> int | None:
    return _last(_LINE, text, start, stop)


def _first_line(text: str, start: int, stop: int) -> int | None:
    return _first(_LINE, text, start, stop)


_Search = Callable[[str, int, int], int | None]
_BY_SENTENCES: tuple[_Search, _Search] = (last_end, first_end)
_BY_LINES: tuple[_Search, _Search] = (_last_line, _first_line)


def _between_characters(text: str, end: int) -> int:
    """The place to cut a text without any pause: before the letter that marks behind it belong to."""
    for place in range(end, end - _MOST_MARKS, -1):
        if not (unicodedata.category(text[place])[0] == "M" or "\u200d" in text[place - 1 : place + 1]):
            return place
    return end
