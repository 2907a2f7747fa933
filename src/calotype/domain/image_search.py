"""Finding images by what they mean: the question, the answer, and how scores of what is shown and what is said are joined."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from calotype.domain.asset import Asset
from calotype.domain.ranking import DEPTH

# What visiting one vector in the index costs, in vectors compared one by one, and how many are visited at least; measured.
_VISIT = 30
_LEAST_VISITED = 250


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
