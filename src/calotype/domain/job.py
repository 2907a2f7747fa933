"""What can be asked of the workers, and how urgently."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from uuid import UUID


class Task(enum.StrEnum):
    """A function workers can run on an asset; one call of it is a job."""

    MAKE_VARIANTS = "make_variants"
    EXTRACT_COLORS = "extract_colors"
    READ_TEXT = "read_text"
    DESCRIBE = "describe"
    EMBED = "embed"

    @property
    def lane(self) -> Lane:
        """Where its jobs wait."""
        return Lane.PICTURES if self in {Task.MAKE_VARIANTS, Task.EXTRACT_COLORS} else Lane.TEXTS


class Lane(enum.StrEnum):
    """A queue with its own children, so that slow work never stands in front of quick work."""

    PICTURES = "pictures"
    TEXTS = "texts"


class Urgency(enum.IntEnum):
    """Who is waiting: somebody right now, a new upload, or only a re-run over old ones."""

    INTERACTIVE = 20
    NEW = 10
    BACKFILL = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a task on one asset."""

    task: Task
    tenant_id: UUID
    asset_id: UUID

    @property
    def identity(self) -> str:
        """The same for the same work, so that queuing it again is a no-op."""
        return f"{self.task.value}:{self.asset_id}"
