"""One upload from its announcement to the end of its work, summed up in one word."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from calotype.domain.asset import OPEN_STATES, State

STUCK_AFTER = timedelta(minutes=30)
"""How long an unfinished upload may lie untouched before it counts as stuck."""


class UploadPhase(enum.StrEnum):
    """How far an upload has come as a whole."""

    UPLOADING = "uploading"
    CONFIRMING = "confirming"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in {UploadPhase.COMPLETED, UploadPhase.PARTIALLY_COMPLETED, UploadPhase.FAILED}


class IntentStatus(enum.StrEnum):
    """What became of the announcement of a presigned upload."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """One upload and its parts; a part that there never will be is None."""

    id: UUID
    tenant_id: UUID
    phase: UploadPhase
    stored: State
    created_at: datetime
    updated_at: datetime
    variants: State | None = None
    description: State | None = None
    intent: IntentStatus | None = None
    session_id: UUID | None = None
    jobs: tuple[UUID, ...] = ()
    error: str | None = None
    failed_at: datetime | None = None
    ended_at: datetime | None = None
    retries: int = 0

    @property
    def completed_at(self) -> datetime | None:
        """When the last of its work ended; None while some is left."""
        return (self.ended_at or self.updated_at) if self.phase.is_terminal else None

    @property
    def seconds(self) -> float | None:
        """From the upload to the end of its work."""
        ended = self.completed_at
        return max(0.0, round((ended - self.created_at).total_seconds(), 3)) if ended else None

    def is_stuck(self, now: datetime, after: timedelta = STUCK_AFTER) -> bool:
        """Whether it is unfinished and nothing has happened to it for so long."""
        return not self.phase.is_terminal and now - self.updated_at >= after


def phase_of_parts(*parts: State | None) -> UploadPhase:
    """The phase of a stored upload by the states of its parts; None and `skipped` are parts it does not have."""
    states = [state for state in parts if state is not None and state is not State.SKIPPED]
    failed = states.count(State.FAILED)
    if any(state in OPEN_STATES for state in states):
        return UploadPhase.QUEUED if all(state is State.PENDING for state in states) else UploadPhase.PROCESSING
    if failed and failed == len(states):
        return UploadPhase.FAILED
    return UploadPhase.PARTIALLY_COMPLETED if failed else UploadPhase.COMPLETED


def phase_of_announcement(*, has_bytes: bool, is_expired: bool) -> UploadPhase:
    """The phase of an upload that was announced and is not confirmed."""
    if is_expired:
        return UploadPhase.FAILED
    return UploadPhase.CONFIRMING if has_bytes else UploadPhase.UPLOADING
