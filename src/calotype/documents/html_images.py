"""The images that a page shows, where they are also when a script would have put them there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml.html import HtmlElement

from calotype.documents.html_words import one_line
from calotype.domain.link import PageImage
from calotype.domain.web_address import absolute

MAX_IMAGES = 100
MAX_ALT = 1_000
_MAX_ELEMENTS = 5_000
_MAX_SIDE = 100_000  # pixels
_MAX_CANDIDATES = 50
_MAX_SET = 32_768  # characters

# Where scripts that load images late keep their URLs.
_LATE = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-original-src", "data-hi-res-src")
_LATE_SETS = ("data-srcset", "data-lazy-srcset")
_CANDIDATE = re.compile(r"[\s,]*+(\S++)([^,]*+)")
_LENGTH = re.compile(r"\s*\+?([0-9]{1,7})(?:\.[0-9]*)?\s*(?:px)?\s*", re.IGNORECASE)


def read_images(root: HtmlElement, base: str | None) -> tuple[PageImage, ...]:
    """The images of a page in its order, each URL once, `MAX_IMAGES` at most; without those that are written into the page."""
    found: dict[str, PageImage] = {}
    for element in islice(root.iter("img", "amp-img"), _MAX_ELEMENTS):
        url = next((url for each in _references(element) if each.strip() and (url := absolute(base, each))), None)
        if url is not None and url not in found:
            alt = one_line(element.get("alt"), MAX_ALT)
            found[url] = PageImage(url, alt, pixels(element.get("width")), pixels(element.get("height")))
            if len(found) == MAX_IMAGES:
                break
    return tuple(found.values())


def _references(element: HtmlElement) -> Iterator[str]:
    """Where an image may be found, the most likely place first; where a script would change the source, it is a stand-in."""
    for name in _LATE:
        if (late := element.get(name) or "") and not late.lstrip().startswith(("{", "[")):
            yield late
    for name in _LATE_SETS:
        yield from from_set(element.get(name) or "")
    yield element.get("src") or ""
    yield from from_set(element.get("srcset") or "")
    picture = next(element.iterancestors("picture"), None)  # the parser puts what follows a `source` into it
    if picture is not None:
        for source in islice(picture.iter("source"), _MAX_CANDIDATES):
            for name in ("srcset", *_LATE_SETS, "src", "data-src"):
                yield from from_set(source.get(name) or "")


def from_set(text: str) -> list[str]:
    """The URLs of a `srcset`, the largest first."""
    found: list[tuple[float, str]] = []
    position = 0
    text = text[:_MAX_SET]
    while len(found) < _MAX_CANDIDATES and (match := _CANDIDATE.match(text, position)):
        url, descriptor = match.groups()
        position = match.end()
        if url.endswith(","):
            position, descriptor = match.end(1), ""
        found.append((_size(descriptor), url.rstrip(",")))
    return [url for _, url in sorted(found, key=lambda each: -each[0])]


def _size(descriptor: str) -> float:
    for each in descriptor.split():
        try:
            return float(each[:-1]) if each[-1] in "wx" else 1.0
        except ValueError:
            continue
    return 1.0


def pixels(text: str | None) -> int | None:
    """A `width` or `height` in whole pixels; None for percentages, zero, and what is no number."""
    match = _LENGTH.fullmatch((text or "")[:40])
    side = int(match[1]) if match else 0
    return side if 0 < side <= _MAX_SIDE else None
