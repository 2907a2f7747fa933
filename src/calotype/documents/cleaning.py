"""What is taken out of the text of any document: what no database stores and no reader sees."""

from __future__ import annotations

import re

# Control characters but for tab and newline, and what a byte order mark leaves behind when files are joined.
_UNSEEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_NEWLINES = re.compile("\r\n?|\x0c|\u2028|\u2029|\x85")
_HALVES = re.compile("[\ud800-\udfff]+")
_TRAILING = re.compile("[ \t]+$", re.MULTILINE)


def clean(text: str) -> str:
    """The text with newlines only between its lines, without control characters; half characters become U+FFFD."""
    if not text.isascii():
        text = whole_characters(text)
    return _UNSEEN.sub("", _NEWLINES.sub("\n", text))


def whole_characters(text: str) -> str:
    """Join the halves of characters that stand side by side, and put U+FFFD for those that are left."""
    return _HALVES.sub(_joined, text)


def trimmed(text: str) -> str:
    """Clean text without blank lines around it and without blanks behind its lines; the first line stays indented."""
    return _TRAILING.sub("", clean(text)).strip("\n")


def _joined(halves: re.Match[str]) -> str:
    return halves[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
