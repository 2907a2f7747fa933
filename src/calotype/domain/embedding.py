"""Embeddings: what of an asset is turned into vectors, and the text that stands for it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

LONGEST_TEXT = 4_000
"""Most characters that are embedded: a vector is a mean over words, of which a few hundred more say nothing new."""

_LONGEST_VISIBLE_TEXT = 150
# The sentences of the built-in describer are alike for all pictures: of 100 words two or three tell one from another, and in a
# mean the others drown them. What they measured is found by its words.
_MEASURED = re.compile(
    r"A (?P<kind>photo|graphic|screenshot|document|picture|frame|video) in (?:square|landscape|portrait) format, \d+ x \d+"
)
_MAIN_COLORS = re.compile(r"Its main colours? (?:is|are) ([^.]{1,200})\.")
_OWN_WORDS = re.compile(r'It is (?:titled|captioned) "([^"]{1,1000})"(?: and captioned "([^"]{1,1000})")?\.')
_SHARE = re.compile(r" \(\d+ %\)")


class EmbeddingSource(enum.StrEnum):
    """What of an asset a vector stands for."""

    CONTENT = "content"
    CUSTOM_METADATA = "custom_metadata"
    SCENE = "scene"
    CHUNK = "chunk"


INDEXED_SOURCES = (EmbeddingSource.CONTENT, EmbeddingSource.CUSTOM_METADATA)
"""The sources whose vectors have an index; those of scenes and chunks are compared one by one (docs/decisions/0036-chunks.md)."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """One vector of an asset; `part` counts where a source has several, such as scenes; all zero for a text without words."""

    asset_id: UUID
    source: EmbeddingSource
    model: str
    vector: tuple[float, ...]
    part: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """What is embedded of one asset; `custom_metadata` is None for an asset that has none."""

    content: str
    custom_metadata: str | None = None

    def by_source(self) -> dict[EmbeddingSource, str]:
        """The texts there are, by what they stand for."""
        texts = {EmbeddingSource.CONTENT: self.content}
        if self.custom_metadata is not None:
            texts[EmbeddingSource.CUSTOM_METADATA] = self.custom_metadata
        return texts


@dataclass(frozen=True, slots=True)
class ReindexProgress:
    """How far a reindexing has come: assets embedded, and how many there are to embed in all."""

    done: int
    total: int


def content_text(title: str | None, tags: Iterable[str], description: str | None, visible_text: str | None) -> str:
    """The text embedded for a picture: title and tags twice, because people chose them, then description and visible text.

    Weights and limits were measured on made libraries (docs/decisions/0020-meaning.md).
    """
    named = [title or "", " ".join(tags)]
    seen = " ".join((visible_text or "")[:_LONGEST_VISIBLE_TEXT].split())
    parts = [*named, *named, _telling(description or ""), seen]
    return "\n".join(part for part in parts if part)[:LONGEST_TEXT]


def scene_text(name: str, description: str | None, visible_text: str | None, transcript: str | None) -> str:
    """The text embedded for a scene: what it shows and what is said in it, then what can be read, then its video's name."""
    said = " ".join((transcript or "").split())
    seen = " ".join((visible_text or "")[:_LONGEST_VISIBLE_TEXT].split())
    parts = (_telling(description or ""), said, seen, name)
    return "\n".join(part for part in parts if part)[:LONGEST_TEXT]


def chunk_text(headings: Iterable[str], content: str) -> str:
    """The text embedded for a chunk of a document: the headings it stands under, then what it says."""
    parts = (*headings, content)
    return "\n".join(part for part in parts if part)[:LONGEST_TEXT]


def _telling(description: str) -> str:
    """A description without what stands in every one; of the built-in describer's only kind, colours and own words are left."""
    measured = _MEASURED.match(description)
    if measured is None:
        return description
    kind = "" if measured["kind"] in {"photo", "picture", "frame", "video"} else measured["kind"]
    colors = _MAIN_COLORS.search(description)
    own = _OWN_WORDS.search(description)
    said = (own[1], own[2] or "") if own else ()
    return " ".join(part for part in (kind, _SHARE.sub("", colors[1]) if colors else "", *said) if part)
