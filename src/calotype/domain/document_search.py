"""Finding passages of documents: the question, and what fits it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from calotype.domain.asset import Asset
from calotype.domain.document import DocumentChunk

DEPTH = 500
"""Chunks each way of searching contributes, as many as can be asked for."""


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """A question in words, 1 to 500 results, those of at least `threshold` (0-1), among the documents that are meant.

    `document_ids` and `formats` (pdf, docx, txt, md) leave those documents; None means all, nothing in them matches nothing.
    """

    text: str
    limit: int = 20
    threshold: float | None = None
    document_ids: tuple[UUID, ...] | None = None
    formats: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk, the asset of its document, and how well it fits: 0-1, where 1 is first in every list."""

    chunk: DocumentChunk
    asset: Asset
    score: float
