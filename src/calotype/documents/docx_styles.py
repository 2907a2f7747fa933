"""The styles and lists of a DOCX: which paragraphs are headings, and what stands before the items of lists."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from calotype.documents.docx_package import Package
from calotype.documents.docx_xml import child, local, number, small_part, value

_HEADING = re.compile(r"heading ?([1-9])\Z", re.IGNORECASE)
_TITLE = "title"
_LEVELS = 9
_DEEPEST = 20
_BULLET = "•"
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_PLACE = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class Style:
    """What a style makes of a paragraph: the level of a heading, the list and the depth in it; None where it says nothing."""

    level: int | None = None
    list_id: str | None = None
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class _Level:
    """How the items of a list are numbered at one depth."""

    kind: str = "decimal"
    text: str = ""
    start: int = 1
    style: str | None = None


@dataclass(slots=True)
class _List:
    """A list, and how far it has counted."""

    levels: dict[int, _Level] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)


class Styles:
    """The styles of a document by their ids."""

    def __init__(self, package: Package) -> None:
        root = small_part(package, "word/styles.xml")
        self.language = value(child(root, "docDefaults", "rPrDefault", "rPr", "lang"))
        styles = [] if root is None else [element for element in root if local(element) == "style"]
        self._elements = {name: element for element in styles if (name := value(element, "styleId"))}
        self._known: dict[str, Style] = {}

    def __getitem__(self, name: str) -> Style:
        if name not in self._known:
            self._known[name] = self._resolved(name)
        return self._known[name]

    def _resolved(self, name: str) -> Style:
        level = list_id = depth = None
        for _ in range(_DEEPEST):
            element = self._elements.get(name)
            if element is None:
                break
            own = formatting(child(element, "pPr"))
            level = level if level is not None else _named_level(element) or own.level
            list_id = list_id if list_id is not None else own.list_id
            depth = depth if depth is not None else own.depth
            name = value(child(element, "basedOn")) or ""
        return Style(level or None, list_id, depth)


class Lists:
    """The lists of a document; every item that is asked for counts."""

    def __init__(self, package: Package) -> None:
        root = small_part(package, "word/numbering.xml")
        kinds = _kinds([] if root is None else [element for element in root if local(element) == "abstractNum"])
        self._lists: dict[str, _List] = {}
        for element in [] if root is None else root:
            if local(element) == "num" and (name := value(element, "numId")):
                kind = kinds.get(value(child(element, "abstractNumId")) or "", _List())
                starts = _other_starts(element, kind.levels)
                self._lists[name] = kind if starts is None else _List(starts)
        self._made: dict[str, _List] = defaultdict(_List)

    def marker(self, list_id: str, depth: int | None, style: str | None) -> tuple[str, int]:
        """What stands before the next item (`3.`, `b)`, a bullet; empty where nothing does), and its depth from 0."""
        found = self._lists.get(list_id) or self._made[list_id]
        if depth is None:
            depth = next((at for at, level in found.levels.items() if style and level.style == style), 0)
        level = found.levels.get(depth, _Level(kind="bullet"))
        found.counts[depth] = found.counts.get(depth, level.start - 1) + 1
        for deeper in [at for at in found.counts if at > depth]:
            del found.counts[deeper]
        if level.kind in {"bullet", "none"}:
            return (_BULLET if level.kind == "bullet" else ""), depth

        def counted(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            inner = found.levels.get(at, level)
            return _written(found.counts.get(at, inner.start), inner.kind)

        return _PLACE.sub(counted, level.text).strip(), depth


def _kinds(elements: list[Any]) -> dict[str, _List]:
    """The kinds of lists by their ids; what is only a link to a style of lists has the levels of that style."""
    kinds: dict[str, _List] = {}
    of_styles: dict[str, dict[int, _Level]] = {}
    for element in elements:
        levels = {number(value(inner, "ilvl")): _level(inner) for inner in element if local(inner) == "lvl"}
        kinds[value(element, "abstractNumId") or ""] = _List(levels)
        if style := value(child(element, "styleLink")):
            of_styles[style] = levels
    for element in elements:
        kind = kinds[value(element, "abstractNumId") or ""]
        kind.levels = kind.levels or of_styles.get(value(child(element, "numStyleLink")) or "", {})
    return kinds


def _other_starts(element: Any, levels: dict[int, _Level]) -> dict[int, _Level] | None:
    """The levels with the numbers at which this list starts anew; None for a list that goes on counting."""
    starts = {
        number(value(inner, "ilvl")): start
        for inner in element
        if local(inner) == "lvlOverride" and (start := child(inner, "startOverride")) is not None
    }
    if not starts:
        return None
    return {
        at: replace(level, start=number(value(starts[at]), level.start)) if at in starts else level
        for at, level in levels.items()
    }


def formatting(properties: Any) -> Style:
    """What the properties of a paragraph or a style (`pPr`) say; a level of 0 says that it is no heading."""
    outline = value(child(properties, "outlineLvl"))
    level = None if outline is None else number(outline) + 1
    numbering = child(properties, "numPr")
    depth = value(child(numbering, "ilvl"))
    return Style(
        level=None if level is None else level if 1 <= level <= _LEVELS else 0,
        list_id=value(child(numbering, "numId")),
        depth=None if depth is None else number(depth),
    )


def _named_level(style: Any) -> int | None:
    """The level of a built-in heading, whose name is English in every language of Word."""
    name = value(child(style, "name")) or ""
    match = _HEADING.match(name)
    if match is not None:
        return int(match[1])
    return 1 if name.lower() == _TITLE else None


def _level(element: Any) -> _Level:
    return _Level(
        kind=value(child(element, "numFmt")) or "decimal",
        text=(value(child(element, "lvlText")) or "")[:40],
        start=number(value(child(element, "start")), 1),
        style=value(child(element, "pStyle")),
    )


def _written(count: int, kind: str) -> str:
    """A number as a list writes it."""
    if kind in {"lowerLetter", "upperLetter"} and count > 0:
        # After z comes aa, then bb.
        text = chr(ord("a") + (count - 1) % 26) * min(20, (count - 1) // 26 + 1)
    elif kind in {"lowerRoman", "upperRoman"} and 0 < count < 4000:
        text, rest = "", count
        for worth, letters in _ROMAN:
            text += letters * (rest // worth)
            rest %= worth
    else:
        return f"{count:02}" if kind == "decimalZero" else str(count)
    return text.upper() if kind.startswith("upper") else text
