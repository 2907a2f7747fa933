"""Finding images by what they mean: the question, the answer, and how several ranked lists become one score."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import Asset

DEPTH = 200
"""Images each way of searching contributes: as many as can be asked for, so that a longer answer begins like a shorter one."""

SIMILARITY_FLOOR = 0.35
"""Cosine similarity below which two texts are taken to have nothing to do with each other (docs/decisions/0020-meaning.md)."""

MOST_WORDS = 16
"""Different words of a question that are looked up; its meaning as a whole is taken from all of them."""

# What visiting one vector in the index costs, in vectors compared one by one, and how many are visited at least; measured.
_VISIT = 30
_LEAST_VISITED = 250

# Cormack, Clarke, Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009.
_K = 60


class ImageSearchMode(enum.StrEnum):
    """What a question is compared with: what the picture shows, or that and what its client says of it."""

    VISION = "vision"
    JOINED = "joined"


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images are looked at: those in a folder itself, those of some ids; None means all, no ids match nothing.

    With `undescribed` also images that have no description (yet) are found, by the words of their names, titles and tags.
    """

    folder_id: UUID | None = None
    ids: tuple[UUID, ...] | None = None
    undescribed: bool = False

    @property
    def is_restricted(self) -> bool:
        """Whether it leaves a part of the library only."""
        return self.folder_id is not None or self.ids is not None


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """A question in words, 1 to 200 results, those of at least `threshold` (0-1), among what fits the filter.

    The weights, at least 0, count when joined.
    """

    text: str
    limit: int = 10
    threshold: float | None = None
    mode: ImageSearchMode = ImageSearchMode.VISION
    image_weight: float = 0.5
    text_weight: float = 0.5
    wanted: ImageFilter = field(default=ImageFilter(), kw_only=True)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image, its custom metadata as JSON text, and how well it fits: 0-1, where 1 is first in every list."""

    asset: Asset
    document: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """An image in one ranked list; hits of equal `merit` (higher is better) are equally good."""

    id: UUID
    created_at: datetime
    merit: float


@dataclass(frozen=True, slots=True)
class LibrarySize:
    """About how many assets a tenant has, how many of its vectors there are of a model and source, and of all tenants together.

    `indexed` is None where there is no index that could be used.
    """

    assets: int
    vectors: int
    indexed: int | None

    @property
    def is_scanned(self) -> bool:
        """Whether comparing all the tenant's vectors costs less than walking the graph, past those of other tenants."""
        if self.indexed is None:
            return True
        visited = DEPTH * max(self.indexed, self.vectors) / max(1, self.vectors)
        return self.vectors <= _VISIT * (_LEAST_VISITED + visited)


def fused(lists: Sequence[Sequence[Hit]]) -> dict[UUID, float]:
    """Scores 0-1 from ranked lists, each best first, by reciprocal rank; equally good hits share the best of their ranks."""
    best = len(lists) / (_K + 1)
    scores: dict[UUID, float] = {}
    for ranked in lists:
        for _, group in itertools.groupby(enumerate(ranked, 1), lambda place: place[1].merit):
            tied = list(group)
            for _, hit in tied:
                scores[hit.id] = scores.get(hit.id, 0.0) + 1 / (_K + tied[0][0])
    return {found: min(1.0, score / best) for found, score in scores.items()}


def score_of_one_way(rank: int, ways: int = 2) -> float:
    """The score of what one way of searching finds on a rank, from 1, and the others do not find at all."""
    return (_K + 1) / (ways * (_K + rank))


def joined(
    image: Mapping[UUID, float], text: Mapping[UUID, float], image_weight: float, text_weight: float
) -> dict[UUID, float]:
    """The weighted mean of two scores; what is in one of them only scores 0 in the other. Not both weights may be 0."""
    heavier = max(image_weight, text_weight)
    # Divided first, because the sum of two large weights may be infinite.
    share, other = image_weight / heavier, text_weight / heavier
    return {
        found: (share * image.get(found, 0.0) + other * text.get(found, 0.0)) / (share + other)
        for found in {**image, **text}
    }


def ranking(
    scores: Mapping[UUID, float], created: Mapping[UUID, datetime], limit: int, threshold: float | None
) -> list[tuple[UUID, float]]:
    """(id, score) of the best, highest first, ties newest first; nothing that scores 0 or less than the threshold."""
    least = threshold or 0.0
    kept: Iterable[tuple[UUID, float]] = (
        (found, score) for found, score in scores.items() if score > 0 and score >= least
    )
    ordered = sorted(kept, key=lambda entry: (entry[1], created[entry[0]], entry[0]), reverse=True)
    return ordered[:limit]
