"""Reading the file format in which browsers and bookmark services export bookmarks ("Netscape bookmark file").

Nothing but custom describes it: a definition list (DL) a folder, its name in the H3 before it, an A for each bookmark, hardly a
tag closed. So it is read tag by tag, in one pass, and not as the tree of a page; nesting, sizes and broken markup cost nothing.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator

from calotype.documents.html_charset import decode_page
from calotype.documents.html_words import one_line
from calotype.domain.bookmark import Bookmark
from calotype.domain.link import MAX_TITLE

HEAD_BYTES = 1024
"""As much of a file as tells whether it is an export."""

_MAX_FOLDERS = 32  # names; those of links are fewer
_MAX_NAME = 1000
_MAX_URL = 65_536  # of scripts that are kept as bookmarks; what is longer is cut and no link either way
_MAX_TAGS = 1000

_DOCTYPE = re.compile(r"[\s\ufeff]*(?:<!--[^>]*-->\s*)?<!DOCTYPE\s+NETSCAPE-Bookmark-file-1\b", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# Attributes' values in quotes may hold `>`. All parts are possessive and the last may be missing, so that no text is read twice.
_TAG = re.compile(
    r"""<(/?)(a|dd|dl|dt|h3|hr|p)(?=[\s/>])((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)>?+""", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"""([^\s/>=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?+""")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*+>")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")


def is_bookmark_export(head: bytes) -> bool:
    """Whether a file that begins like this (`HEAD_BYTES` are enough) says of itself that it holds exported bookmarks."""
    wide = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(head[:2])
    text = head[:HEAD_BYTES].decode(wide or "utf-8", "ignore")
    return _DOCTYPE.match(text) is not None


def read_bookmarks(data: bytes) -> list[Bookmark]:
    """All bookmarks of an export in their order, those included that lead to no web page; never fails, whatever the bytes are.

    The encoding is found as for a page. Descriptions, times and icons are passed over.
    """
    text, _ = decode_page(data, None)
    return list(_bookmarks(_without_comments(text)))


def _without_comments(text: str) -> str:
    closed = text.rfind("-->") + 3
    return _COMMENT.sub("", text[:closed]) + text[closed:] if closed > 2 else text


def _bookmarks(text: str) -> Iterator[Bookmark]:
    folders: list[str | None] = []  # those that are open; None for a list without a name
    depth = 0
    name: str | None = None  # of the folder whose list is about to open
    tags = _TAG.finditer(text)
    tag = next(tags, None)
    while tag is not None:
        following = next(tags, None)
        is_closing, kind = bool(tag[1]), tag[2].lower()
        if kind == "dl":
            depth = max(depth + (-1 if is_closing else 1), 0)
            if is_closing:
                del folders[depth:]
            elif depth <= _MAX_FOLDERS:
                folders.append(name)
            name = None
        elif kind in {"a", "h3"} and not is_closing:
            content = _words(text[tag.end() : following.start() if following else len(text)])
            name = one_line(content, _MAX_NAME) if kind == "h3" else None
            if kind == "a":
                yield _bookmark(tag[3], content, folders)
        tag = following


def _bookmark(attributes: str, content: str, folders: list[str | None]) -> Bookmark:
    given: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(attributes):
        given.setdefault(name.lower(), "".join(values))
    tags = (one_line(tag, _MAX_TAGS) for tag in _value(given.get("tags", "")).split(","))
    return Bookmark(
        _value(given.get("href", "")).strip()[:_MAX_URL],
        one_line(content, MAX_TITLE),
        tuple(tag for tag in tags if tag),
        tuple(folder for folder in folders if folder),
    )


def _words(markup: str) -> str:
    return html.unescape(_MARKUP.sub("", markup))


def _value(text: str) -> str:
    """An attribute's value; browsers write URLs as they are, so that `&copy=` is no sign (HTML standard, 13.2.5.73)."""
    return _REFERENCE.sub(lambda reference: html.unescape(reference[0]), text)
