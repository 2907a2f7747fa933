"""Analyses: some images of a session described at one request, and what its client is told while that goes on."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.analysis_session import SessionImage
from calotype.domain.descriptive_metadata import DescriptiveMetadata

MOST_IMAGES = 100
"""Images of one analysis."""


class ItemState(enum.StrEnum):
    """How far the analysis of one image is."""

    WAITING = "waiting"
    ANALYZING = "analyzing"
    COMPLETED = "completed"
    FAILED = "failed"


class FailureCode(enum.StrEnum):
    """Why an image has no result."""

    FAILED = "ANALYSIS_FAILED"
    IMAGE_NOT_FOUND = "IMAGE_NOT_FOUND"
    CANCELLED = "CANCELLED"
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS"


class Outcome(enum.StrEnum):
    """How an analysis ended: with a result for every image, for some, or for none."""

    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image as a client names it; `field` is where in its request it does so."""

    id: str
    upload_path: str
    field: str = "image"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an image has no result, for programs and for people."""

    code: FailureCode
    message: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """One request for some images.

    `begun`, `ended`, `failed` and `charged` count images; `events` is the number of the newest event. `watched_by` is the process
    that tells its client; when that goes away, it is no longer `is_watched`, and `is_lapsed` once it was waited for long enough.
    `worked_by` is the process that works on it, in its `epoch`. A suspended one has no credits reserved until its client is back.
    """

    id: UUID
    tenant_id: UUID
    session_id: str
    request_id: str | None
    total: int
    begun: int
    ended: int
    failed: int
    charged: int
    events: int
    watched_by: int
    is_lapsed: bool
    is_watched: bool
    worked_by: int | None
    epoch: int
    is_suspended: bool
    ended_at: datetime | None
    credits_remaining: int | None


@dataclass(frozen=True, slots=True)
class AnalysisItem:
    """One image of an analysis, `place` from 0; `credits` is what is reserved for it, None when nothing is (any more).

    One that `is_told` has had its `progress` event, and may be waiting again all the same, after its worker died. `fault` says
    why its file cannot be read as a whole, where it cannot.
    """

    place: int
    image_id: str
    asset_id: UUID
    state: ItemState
    credits: int | None
    attempts: int
    is_told: bool
    fault: str | None


@dataclass(frozen=True, slots=True)
class NewAnalysis:
    """An analysis about to begin, for which nothing is reserved yet."""

    id: UUID
    session_id: str
    request_id: str | None
    watched_by: int
    images: tuple[SessionImage, ...]


@dataclass(frozen=True, slots=True)
class ItemEnd:
    """How the analysis of one image ended: with metadata, or with a failure."""

    item: AnalysisItem
    ended: DescriptiveMetadata | Failure

    @property
    def is_failure(self) -> bool:
        """Whether there is no result."""
        return isinstance(self.ended, Failure)


@dataclass(frozen=True, slots=True)
class Begun:
    """The analysis of an image begins: it is the `current`th of `total`."""

    image_id: str
    current: int
    total: int


@dataclass(frozen=True, slots=True)
class Result:
    """An image was analysed."""

    image_id: str
    metadata: DescriptiveMetadata


@dataclass(frozen=True, slots=True)
class Failed:
    """An image has no result."""

    image_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Complete:
    """The analysis has ended; all figures count images, `credits_remaining` is None without a limit."""

    outcome: Outcome
    processed: int
    failed: int
    total: int
    credits_used: int
    credits_remaining: int | None


@dataclass(frozen=True, slots=True)
class AnalysisEvent:
    """What a client is told; `number` counts the events of an analysis from 1 on, without gaps."""

    number: int
    told: Begun | Result | Failed | Complete


def outcome_of(total: int, failed: int) -> Outcome:
    """How an analysis of so many images ended, of which so many failed."""
    if not failed:
        return Outcome.COMPLETED
    return Outcome.FAILED if failed == total else Outcome.PARTIAL
