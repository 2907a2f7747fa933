"""Upload sessions: what became of the files of one batch upload, while and after they are worked on."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from calotype.domain.asset import Asset, State
from calotype.domain.picture import MediaType


class SessionStatus(enum.StrEnum):
    """Where a session stands."""

    PENDING = "pending"
    UPLOADING = "uploading"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the session will never change again."""
        return self not in {SessionStatus.PENDING, SessionStatus.UPLOADING, SessionStatus.PROCESSING}


class FileOutcome(enum.StrEnum):
    """What became of one file of a session; everything but `pending` is final."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


CANCELLED = "Cancelled"
"""The error of files whose work was dropped with their session."""

DELETED = "Deleted"
"""The error of files that were deleted before their work had ended."""

EXCERPT = 100
"""How many characters of a description a session keeps."""

EXPIRED = "No progress for 24 hours"
"""The error of files that were still waiting when their session expired."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session as its request begins it; `intent` and `verification_level` are kept as sent."""

    id: UUID
    tenant_id: UUID
    created_at: datetime
    intent: str | None = None
    verification_level: str | None = None


@dataclass(frozen=True, slots=True)
class SessionFile:
    """One accepted file of a session; `index` is the place at which it was sent, from 0.

    `description` is the beginning of the description as it was when the file's work ended.
    """

    index: int
    asset_id: UUID
    filename: str
    object_key: str
    outcome: FileOutcome
    created_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    retryable: bool = False
    description: str | None = None

    @property
    def milliseconds(self) -> float | None:
        """From the arrival of its first bytes to the end of its work."""
        if self.ended_at is None:
            return None
        return max(0.0, round((self.ended_at - self.created_at) / timedelta(milliseconds=1), 1))


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session in numbers; the four outcomes always add up to `total`."""

    id: UUID
    status: SessionStatus
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    total: int
    completed: int
    failed: int
    skipped: int

    @property
    def ended(self) -> int:
        """How many files have their final outcome."""
        return self.completed + self.failed + self.skipped

    @property
    def pending(self) -> int:
        """How many files are still waiting or being worked on."""
        return self.total - self.ended

    @property
    def percentage(self) -> float:
        """The share of files that have ended, 0 to 100 with one decimal; 100 for a session without files."""
        return round(100 * self.ended / self.total, 1) if self.total else 100.0

    def estimated_end(self, now: datetime) -> datetime | None:
        """When the rest will have ended if it goes on as fast as until now; None before the first and after the last file."""
        if self.status.is_terminal or not self.ended or self.started_at is None or not self.pending:
            return None
        return now + (now - self.started_at) / self.ended * self.pending


@dataclass(frozen=True, slots=True)
class SessionProgress:
    """A session in numbers, with the files that ended last and those that failed last, newest first."""

    summary: SessionSummary
    recent: tuple[SessionFile, ...]
    errors: tuple[SessionFile, ...]


@dataclass(frozen=True, slots=True)
class SessionResults:
    """A window of a session's ended files in the order sent; `assets` holds those that still exist, by id."""

    summary: SessionSummary
    files: tuple[SessionFile, ...]
    assets: Mapping[UUID, Asset]
    total_count: int


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A window of a tenant's sessions, newest first, and the number of all that match."""

    sessions: tuple[SessionSummary, ...]
    total_count: int


class ProgressKind(enum.StrEnum):
    """What a watcher of a session is told."""

    SUBSCRIBED = "subscribed"
    FILE_COMPLETED = "file.completed"
    FILE_FAILED = "file.failed"
    SESSION_COMPLETED = "session.completed"


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One thing that happened to a session, and where it stands now."""

    kind: ProgressKind
    progress: SessionProgress


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One accepted file of a batch upload, as far as storing goes."""

    index: int
    asset_id: UUID
    filename: str
    object_key: str
    outcome: FileOutcome
    milliseconds: float
    storage_target: str
    media: MediaType | None = None
    error: str | None = None
    text_status: State | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """One file of a batch upload that was refused before it was stored, and whether sending it again may help."""

    index: int
    filename: str
    reason: str
    retryable: bool


class BatchStatus(enum.StrEnum):
    """How storing the files of a batch went as a whole."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch upload: every file sent is in exactly one of the two lists, in the order sent."""

    session_id: UUID
    items: tuple[BatchItem, ...]
    rejections: tuple[Rejection, ...]

    @property
    def total(self) -> int:
        """How many files were sent."""
        return len(self.items) + len(self.rejections)

    @property
    def status(self) -> BatchStatus:
        """One word for all; a duplicate that was skipped counts as success."""
        failed = sum(item.outcome is FileOutcome.FAILED for item in self.items)
        if not self.items:
            return BatchStatus.REJECTED
        if failed == len(self.items):
            return BatchStatus.FAILED
        return BatchStatus.PARTIAL if failed or self.rejections else BatchStatus.COMPLETED
