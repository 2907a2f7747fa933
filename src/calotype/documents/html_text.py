"""The text that readers come to a page for, without menus and footers; all that is visible where none stands out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml.etree import iterwalk
from lxml.html import HtmlElement

from calotype.documents.html_words import storable

MAX_TEXT = 2_000_000
_MAX_ELEMENTS = 20_000  # of a page that is searched for its main text; beyond, it is a list of everything
_SHORT = 250  # characters; with less, the heuristics fall back to all the text there is, menus included
_REPEATED = 40  # characters; shorter lines may well be the same

_UNSEEN = frozenset(
    """head title script style template svg math iframe object embed audio video canvas noscript noframes select datalist
    option textarea button map""".split()  # noqa: SIM905 - names
)
_AROUND = frozenset({"nav", "footer", "aside", "dialog", "menu"})
_BLOCKS = frozenset(
    """address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure footer
    form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre search section summary table tbody tfoot thead
    tr ul""".split()  # noqa: SIM905 - names
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f\v]+")


def read_text(root: HtmlElement) -> str:
    """The text of a page, a line a paragraph, none of any length twice; at most `MAX_TEXT` characters."""
    text = _main_text(root)
    if len(text) < _SHORT:
        apart = (_UNSEEN | _AROUND, _UNSEEN, _UNSEEN - {"head", "noscript", "noframes"})
        text = next((seen for unseen in apart if (seen := visible_text(root, unseen))), "")
    return _without_repetition(text)[:MAX_TEXT].strip()


def _main_text(root: HtmlElement) -> str:
    if root.xpath("count(//*)") > _MAX_ELEMENTS:
        return ""
    import trafilatura

    try:
        return trafilatura.extract(root, fast=True, include_comments=False, deduplicate=False) or ""
    except Exception:  # thousands of lines of heuristics; what can be seen is left
        return ""


def visible_text(root: HtmlElement, unseen: Iterable[str]) -> str:
    """All text in the order of the page, a line a block, without elements of these names and those that are hidden."""
    unseen = frozenset(unseen)
    parts: list[str] = []
    walk = iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            if tag in unseen or _is_hidden(element):
                walk.skip_subtree()
            else:
                parts.append("\n" if tag in _BLOCKS else " " if tag in {"td", "th"} else "")
                parts.append(_SPACES.sub(" ", element.text or ""))
        else:
            if tag in _BLOCKS:
                parts.append("\n")
            if element is not root:
                parts.append(_SPACES.sub(" ", element.tail or ""))
    return "".join(parts).strip()


def _is_hidden(element: HtmlElement) -> bool:
    if element.tag in {"html", "body"}:  # pages hide themselves until their scripts have run
        return False
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or bool((style := element.get("style")) and _HIDDEN.search(style[:1000]))
    )


def _without_repetition(text: str) -> str:
    lines: list[str] = []
    seen: set[str] = set()
    for raw in storable(text).splitlines():
        line = " ".join(raw.split())
        if line.startswith("|"):  # a row of a table
            line = line.strip("|- ")
        if not line or line in seen or (lines and line == lines[-1]):
            continue
        if len(line) >= _REPEATED:
            seen.add(line)
        lines.append(line)
    return "\n".join(lines)
