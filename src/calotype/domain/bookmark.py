"""A bookmark from a browser, and what of it a link can take."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calotype.domain.errors import InvalidInput
from calotype.domain.folder import MAX_DEPTH, MAX_NAME_LENGTH
from calotype.domain.values import MAX_TAGS, clean_tags

_SCHEMES = ("http:", "https:")
_SLASHES = str.maketrans("/\\", "--")


@dataclass(frozen=True, slots=True)
class Bookmark:
    """One entry of an export: its URL as it stands there, and the names of the folders it lies in, from the outermost on.

    Texts are in one line, without control characters; the title has at most as many characters as a link's.
    """

    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def is_web(self) -> bool:
        """Whether it leads to the web at all, unlike scripts and places within a browser."""
        return self.url.lower().startswith(_SCHEMES)


def link_tags(given: Sequence[str], own: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(tags of a link, tags left out): those `given` for all, which are clean, then a bookmark's own as far as rules allow."""
    kept = list(given)
    left_out = []
    for tag in dict.fromkeys(own):
        try:
            found = [each for each in clean_tags([tag]) if each not in kept]
        except InvalidInput:
            left_out.append(tag)
            continue
        if found and len(kept) >= MAX_TAGS:
            left_out.append(tag)
        else:
            kept += found
    return tuple(kept), tuple(left_out)


def link_folder(above: Sequence[str], names: Iterable[str]) -> tuple[str, ...]:
    """The clean path of the folder of a link: below clean names, those of a bookmark's folders, made fit.

    Slashes in a name become dashes, names too long are cut, empty ones left out; what lies too deep comes into the last
    folder that may be.
    """
    fit = (_fit(name) for name in names)
    return (*above, *(name for name in fit if name))[: MAX_DEPTH + 1]


def _fit(name: str) -> str:
    composed = unicodedata.normalize("NFC", name.translate(_SLASHES))
    printable = "".join(each for each in composed if unicodedata.category(each) not in {"Cc", "Cs"})
    return printable.strip()[:MAX_NAME_LENGTH].strip()
