"""Searching images by meaning: what is asked, and what is found."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from calotype.domain.asset import Asset


class ImageSearchMode(enum.StrEnum):
    """What a query is compared with: the picture, or the picture and what its client says of it."""

    VISION = "vision"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """What is looked for."""

    text: str
    limit: int = 10
    threshold: float | None = None
    mode: ImageSearchMode = ImageSearchMode.VISION
    image_weight: float = 0.5
    text_weight: float = 0.5


@dataclass(frozen=True, slots=True)
class FoundImage:
    """One result: the asset, its custom metadata as JSON text, and the score from 0 to 1."""

    asset: Asset
    document: str | None
    score: float
