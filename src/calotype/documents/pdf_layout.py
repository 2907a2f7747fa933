"""From the lines of a PDF page to its paragraphs: a PDF knows where letters stand, not what belongs together."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from calotype.documents.cleaning import clean

# A gap of so many usual distances between lines parts paragraphs, and so does a change of the height of the type.
_GAP = 1.4
_WIDE_GAP = 2.5
_HEIGHT_CHANGE = 1.25
# An indentation is at least so many heights of the type.
_INDENT = 0.8
# A line comes near the right side when it has this much of the width.
_NEARLY = 0.85
_BULLETS = frozenset("•◦▪▫●○■□‣*·\u2043\u2013\u2014")
# The dots of a table of contents, and the number of a page behind them.
_PAGE_NUMBER_ENDS = (*"0123456789ivxlc.",)
_LEADER = re.compile(r"(?:\.\s?){4,}\S{0,6}\Z")
_SENTENCE_ENDS = (".", "!", "?", ":", "\u3002", "\uff01", "\uff1f", "\u201d", '"')


@dataclass(slots=True)
class Line:
    """A line of a page; positions in points as the page is shown, x to the right, y upwards.

    It begins at `left`, `y` and ends at `right`, `end`, which is lower where a divided word joins two lines of print.
    """

    text: str
    left: float
    right: float
    y: float
    end: float
    height: float


def without_geometry(texts: Sequence[str]) -> list[Line]:
    """Lines whose positions are not known, as if set in letters of one width."""
    return [Line(text, 0, len(text), -index, -index, 1) for index, text in enumerate(texts) if text.strip()]


def paragraphs(lines: Sequence[Line]) -> list[str]:
    """The paragraphs of a page: lines that were broken for want of room are joined, others keep their ends."""
    return [text for group, right in _groups(lines) if (text := _flowing(group, right))]


def _groups(lines: Sequence[Line]) -> list[tuple[list[Line], float]]:
    """The lines of each paragraph, with how far to the right its column reaches."""
    groups: list[tuple[list[Line], float]] = []
    for column in _columns(lines):
        pitch = _pitch(column)
        left, right = min(line.left for line in column), max(line.right for line in column)
        begins = not (groups and _goes_on(groups[-1][0][-1], column[0]))
        for index, line in enumerate(column):
            if index:
                begins = _parted(column[index - 1], line, pitch, left, right)
            if begins:
                groups.append(([], right))
            groups[-1][0].append(line)
    return groups


def _flowing(group: Sequence[Line], right: float) -> str:
    right = _margin(group, right)
    parts = [group[0].text]
    for before, line in itertools.pairwise(group):
        parts.extend((_joint(before, line, right), line.text))
    return clean("".join(parts)).strip()


def _margin(group: Sequence[Line], right: float) -> float:
    """Where the lines of a paragraph had to end: its own right side where most of them come near it, else the column's."""
    own, left = max(line.right for line in group), min(line.left for line in group)
    full = sum(line.right - left > _NEARLY * (own - left) for line in group[:-1])
    return own if full > 1 and 2 * full > len(group) - 1 else right


def _columns(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Runs of lines that go down the page."""
    column: list[Line] = []
    for line in lines:
        if column and line.y > column[-1].end + line.height:
            yield column
            column = []
        column.append(line)
    if column:
        yield column


def _pitch(column: Sequence[Line]) -> float:
    """The usual distance from a line to the next, in points."""
    steps = [before.end - line.y for before, line in itertools.pairwise(column)]
    steps = [step for step, line in zip(steps, column[1:], strict=False) if step > line.height / 2]
    return statistics.median_low(steps) if steps else 0.0


def _parted(before: Line, line: Line, pitch: float, left: float, right: float) -> bool:
    """Whether a new paragraph begins with `line`, in a column from `left` to `right`."""
    step = before.end - line.y
    if step > min(_GAP * pitch, _WIDE_GAP * line.height):
        return True
    low, high = sorted((before.height, line.height))
    if high > _HEIGHT_CHANGE * low and step > high / 2:
        return True
    indented = line.left - max(left, before.left) > _INDENT * line.height
    return indented and not _broken(before, line, right)


def _goes_on(before: Line, line: Line) -> bool:
    """Whether a sentence goes on at the head of the next column."""
    text = before.text.rstrip()
    return bool(text) and not text.endswith(_SENTENCE_ENDS) and line.text[:1].islower() and text[-1:].isalpha()


def _joint(before: Line, line: Line, right: float) -> str:
    if abs(before.end - line.y) < line.height / 4 and line.left > before.right:
        return "\t"
    if line.text[:1] in _BULLETS or not _broken(before, line, right):
        return "\n"
    return "" if _wide(before.text[-1:]) and _wide(line.text[:1]) else " "


def _broken(before: Line, line: Line, right: float) -> bool:
    """Whether `before` ended because the first word of `line` had no room behind it."""
    if before.text.endswith(_PAGE_NUMBER_ENDS) and _LEADER.search(before.text):
        return False
    word = line.text.split(maxsplit=1)[0] if not _wide(line.text[:1]) else line.text[:1]
    straight = before.end == before.y and before.right > before.left
    letter = (before.right - before.left) / len(before.text) if straight else before.height / 2
    return before.right + (len(word) + 1) * letter > right


def _wide(character: str) -> bool:
    """Whether the character is of a script that puts no blanks between words."""
    return "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\uffef" or "\u0e00" <= character <= "\u0eff"
