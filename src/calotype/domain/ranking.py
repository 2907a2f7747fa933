"""How several ranked lists of images, passages or scenes become one score, and how deep each of them is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

DEPTH = 200
"""Results each way of searching contributes: as many as can be asked for, so that a longer answer begins like a shorter one."""

SIMILARITY_FLOOR = 0.35
"""Cosine similarity below which two texts are taken to have nothing to do with each other (docs/decisions/0020-meaning.md)."""

MOST_WORDS = 16
"""Different words of a question that are looked up; its meaning as a whole is taken from all of them."""

# Cormack, Clarke, Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009.
_K = 60


@dataclass(frozen=True, slots=True)
class Hit:
    """What stands in one ranked list; hits of equal `merit` (higher is better) are equally good."""

    id: UUID
    created_at: datetime
    merit: float


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
