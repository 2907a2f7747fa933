"""What a page says of itself in its head: title, Open Graph, icon, canonical URL, language."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from lxml.html import HtmlElement

from calotype.documents.html_words import one_line
from calotype.domain.link import OpenGraph
from calotype.domain.web_address import absolute

MAX_TITLE = 1_000
MAX_DESCRIPTION = 5_000
_MAX_WORD = 100
_MAX_ELEMENTS = 5_000
_ICON_SIDE = 32  # pixels; what is a little larger looks best in a list
_LARGE_ICON = 192
_MAX_SIZES = 20
_LANGUAGE = re.compile(r"([a-z]{2,3})((?:-[a-z0-9]{1,8}){0,7})", re.IGNORECASE)  # of RFC 5646, those that are in use
_NO_LANGUAGE = {"und", "mul", "zxx", "mis"}
_SIZE = re.compile(r"([0-9]{1,5})x[0-9]{1,5}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageHead:
    """What was found; None for what the page does not say. `base` is the URL that relative ones start from."""

    base: str | None
    title: str | None
    open_graph: OpenGraph
    favicon_url: str | None
    canonical_url: str | None
    language: str | None


@dataclass(slots=True)
class _Elements:
    titles: list[HtmlElement] = field(default_factory=list)
    links: list[HtmlElement] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    said: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def all(self, *names: str) -> Iterable[str]:
        """What the page says under these names, in their order."""
        return (content for name in names for content in self.said.get(name, ()))


def read_head(root: HtmlElement, url: str) -> PageHead:
    """Read what a page at `url` says of itself, wherever in the page it says so."""
    found = _collected(root)
    base = next((href for each in found.bases if (href := absolute(url, each))), None) or absolute(url, "")
    return PageHead(
        base=base,
        title=next((title for each in found.titles if (title := one_line("".join(each.itertext()), MAX_TITLE))), None),
        open_graph=_open_graph(found, base),
        favicon_url=_icon(found.links, base) or absolute(url, "/favicon.ico"),
        canonical_url=_first_url(base, [*_linked(found.links, "canonical"), *found.all("og:url")]),
        language=_language(root, found),
    )


def _collected(root: HtmlElement) -> _Elements:
    found = _Elements()
    for element in islice(root.iter("title", "link", "base", "meta"), _MAX_ELEMENTS):
        if element.tag == "title":
            if next(element.iterancestors("svg"), None) is None:
                found.titles.append(element)
        elif element.tag == "link":
            found.links.append(element)
        elif element.tag == "base":
            found.bases += [href] if (href := element.get("href")) else []
        elif content := (element.get("content") or element.get("value") or "").strip():
            # Both attributes are used for both vocabularies.
            names = f"{element.get('property') or ''} {element.get('name') or ''}".lower().split()
            if (pragma := element.get("http-equiv")) is not None:
                names.append(f"http-equiv {pragma.strip().lower()}")
            for name in names[:10]:
                found.said[name].append(content)
    return found


def _open_graph(found: _Elements, base: str | None) -> OpenGraph:
    def text(limit: int, *names: str) -> str | None:
        return next((line for each in found.all(*names) if (line := one_line(each, limit))), None)

    images = [
        *found.all("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"),
        *_linked(found.links, "image_src"),
    ]
    return OpenGraph(
        title=text(MAX_TITLE, "og:title", "twitter:title"),
        description=text(MAX_DESCRIPTION, "og:description", "twitter:description", "description"),
        image=_first_url(base, images),
        site_name=text(MAX_TITLE, "og:site_name"),
        type=text(_MAX_WORD, "og:type"),
        locale=text(_MAX_WORD, "og:locale"),
    )


def _first_url(base: str | None, references: Sequence[str]) -> str | None:
    return next((url for each in references if each.strip() and (url := absolute(base, each))), None)


def _linked(links: Iterable[HtmlElement], relation: str) -> list[str]:
    return [link.get("href") or "" for link in links if relation in (link.get("rel") or "").lower().split()]


def _icon(links: Iterable[HtmlElement], base: str | None) -> str | None:
    ranked = []
    for link in links:
        href = link.get("href") or ""
        rank = _icon_rank(link)
        if rank is not None and href.strip() and (url := absolute(base, href)):
            ranked.append((rank, url))
    return min(ranked, key=lambda each: each[0])[1] if ranked else None


def _icon_rank(link: HtmlElement) -> tuple[int, ...] | None:
    """How well an icon suits a list, the lower the better: real icons, for light pages, of a fitting size. None for no icon."""
    relations = set((link.get("rel") or "").lower().split())
    if "icon" in relations:
        kind = 0
    elif relations & {"apple-touch-icon", "apple-touch-icon-precomposed", "fluid-icon"}:
        kind = 1
    else:
        return None
    return kind, int("dark" in (link.get("media") or "").lower()), *_size_rank(link)


def _size_rank(link: HtmlElement) -> tuple[int, int]:
    named = (link.get("sizes") or "").lower().split()[:_MAX_SIZES]
    sides = [int(match[1]) for each in named if (match := _SIZE.fullmatch(each))]
    fitting = [side for side in sides if _ICON_SIDE <= side <= _LARGE_ICON]
    if fitting:
        return 0, min(fitting)
    if "any" in named or "svg" in (link.get("type") or "").lower() or (link.get("href") or "").endswith(".svg"):
        return 1, 0
    if not sides:
        return 2, 0
    return (3, min(sides)) if min(sides) > _LARGE_ICON else (4, -max(sides))


def _language(root: HtmlElement, found: _Elements) -> str | None:
    html = next(root.iter("html"), root)
    given = [html.get("lang"), html.get("xml:lang"), *found.all("http-equiv content-language", "og:locale")]
    return next((code for each in given if (code := language_tag(each or ""))), None)


def language_tag(text: str) -> str | None:
    """A language tag in its usual spelling (BCP 47: `de-AT`, `zh-Hant-TW`); of several the first, None for what is none."""
    first = re.split(r"[,.]", text[:200], maxsplit=1)[0].strip().replace("_", "-")
    match = _LANGUAGE.fullmatch(first)
    if not match or match[1].lower() in _NO_LANGUAGE:
        return None
    rest = match[2].split("-")[1:]
    return "-".join([match[1].lower(), *map(_subtag, rest)])


def _subtag(text: str) -> str:
    if len(text) == 2:
        return text.upper()
    return text.title() if len(text) == 4 and text.isalpha() else text.lower()
