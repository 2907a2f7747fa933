"""What becomes of each asset of a batch deletion."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class Fate(enum.StrEnum):
    """What became of one asset of a batch deletion."""

    DELETED = "deleted"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Deletion:
    """The outcome for one asset of a batch."""

    asset_id: UUID
    fate: Fate
    message: str | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NamedDeletion:
    """Which of the objects asked for were deleted and which were not there, each once, in the order asked for."""

    deleted: tuple[str, ...]
    not_found: tuple[str, ...]
