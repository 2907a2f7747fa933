"""Markup to a tree: lxml's parser, kept from what would take it minutes."""

from __future__ import annotations

import re
from itertools import islice

from lxml import etree
from lxml.html import HtmlElement, HTMLParser

MAX_BYTES = 9_900_000  # the parser gives up at a token of ten million
_MAX_DEPTH = 200  # the parser gives up at 256
_LONG_TAG = 4096  # characters; the time for a tag grows with the square of the number of its attributes
_MAX_ATTRIBUTES = 100

# Attributes' values in quotes may hold `>`. All parts are possessive, so that no text is read twice.
_TAG = re.compile(r"""<(/?)([A-Za-z][^\s/><]*+)((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)>?+""")
_ATTRIBUTE = re.compile(r"""[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+))?+""")
_VOID = frozenset(
    "area base br col embed frame hr img input keygen link meta param source track wbr".split()  # noqa: SIM905 - names
)


def parse_html(text: str) -> HtmlElement | None:
    """The tree of a page, without comments and NUL characters; None where there is no markup and no text in it.

    Nothing is fetched and no entities are expanded but those of HTML. What is nested too deeply hangs higher than it was written.
    """
    text = _shortened(text.replace("\0", ""))
    root, is_too_deep = _parse(text)
    if is_too_deep:
        root, _ = _parse(_flattened(text))
    return root


def _parse(text: str) -> tuple[HtmlElement | None, bool]:
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, collect_ids=False)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace")[:MAX_BYTES], parser)
    except etree.LxmlError:
        root = None
    is_too_deep = any("Excessive depth" in (entry.message or "") for entry in parser.error_log.filter_from_fatals())
    return root, is_too_deep


def _shortened(text: str) -> str:
    """The page with no more than the first attributes of tags that have very many."""
    if max(map(len, text.split(">"))) < _LONG_TAG:
        return text
    return _TAG.sub(lambda tag: tag[0] if len(tag[0]) < _LONG_TAG else _short_tag(tag), text)


def _short_tag(tag: re.Match[str]) -> str:
    found = _ATTRIBUTE.finditer(tag[3])
    return f"<{tag[1]}{tag[2]} {' '.join(each[0] for each in islice(found, _MAX_ATTRIBUTES))}>"


def _flattened(text: str) -> str:
    """The page without the tags that open more than `_MAX_DEPTH` elements, and those that close them."""
    depth = 0

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth
        if tag[2].lower() in _VOID:
            return tag[0]
        if tag[1]:
            depth = max(depth - 1, 0)
            return tag[0] if depth < _MAX_DEPTH else " "
        depth += 1
        return tag[0] if depth <= _MAX_DEPTH else " "

    return _TAG.sub(keep, text)
