"""Words from markup as they are kept: without control characters, in one line, capped."""

from __future__ import annotations

import re

_NOT_KEPT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")


def storable(text: str) -> str:
    """Text without control characters, but for those that are white space, and without what no database stores."""
    return _NOT_KEPT.sub("", text)


def one_line(text: str | None, limit: int) -> str | None:
    """A text in one line, trimmed, at most `limit` characters; None for nothing."""
    # What is far longer than it may be is white space or an attack.
    words = storable((text or "")[: 16 * limit])
    return " ".join(words.split())[:limit].rstrip() or None
