"""A video that comes in chunks: what was announced of it, what has come so far, and how long the rest will take."""

from __future__ import annotations

import enum
import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.errors import Conflict, Expired, InvalidInput, NotFound
from calotype.domain.video import VideoProbe

MAX_CHUNKS = 10_000
_WHOLE = 64 * 1024  # bytes; sizes of chunks that grow are multiples of it
_FIRST_GUESS = 12_500_000  # bytes a second, 100 Mbit/s: what is told before anything was sent


class ChunkedStatus(enum.StrEnum):
    """How far an upload has come; while it is put together it still is `uploading`, and may be so again."""

    UPLOADING = "uploading"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


class Priority(enum.StrEnum):
    """How urgently a client wants its video worked on."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """How a file is cut: all chunks have `chunk_bytes`, but for the last one, which has the rest."""

    size_bytes: int
    chunk_bytes: int

    @property
    def total(self) -> int:
        """The number of chunks."""
        return -(-self.size_bytes // self.chunk_bytes)

    def size_of(self, number: int) -> int:
        """The bytes of one chunk, counted from 1."""
        return min(self.chunk_bytes, self.size_bytes - (number - 1) * self.chunk_bytes)


def plan_chunks(size_bytes: int, preferred: int) -> ChunkPlan:
    """Cut a file into chunks of the preferred size, or of larger ones where there would be more than 10,000."""
    least = -(-size_bytes // MAX_CHUNKS)
    grown = -(-least // _WHOLE) * _WHOLE
    return ChunkPlan(size_bytes, preferred if preferred >= least else grown)


@dataclass(frozen=True, slots=True)
class NewChunkedUpload:
    """What a client announces of a video; values are clean already, and `metadata` is a map of strings."""

    filename: str
    content_type: str
    size_bytes: int
    title: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CompletedUpload:
    """The answer to complete, the same however often it is asked; `video_path` is a signed link, good until `linked_until`."""

    media_id: UUID
    probe: VideoProbe
    size_bytes: int
    run_id: UUID | None
    created_at: datetime
    video_path: str
    linked_until: datetime


@dataclass(frozen=True, slots=True)
class ChunkedUpload:
    """One upload; `id` becomes that of its asset, `completion` and `error` say how it ended.

    `custom_metadata` is JSON text. `reaped_at` is when its chunks were given up.
    """

    id: UUID
    tenant_id: UUID
    upload_id: str
    batch_id: UUID | None
    object_key: str
    original_filename: str
    content_type: str
    size_bytes: int
    chunk_bytes: int
    total_chunks: int
    title: str | None
    tags: tuple[str, ...]
    custom_metadata: str | None
    priority: Priority
    status: ChunkedStatus
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    reaped_at: datetime | None = None
    completion: CompletedUpload | None = None
    error: str | None = None

    @property
    def plan(self) -> ChunkPlan:
        """How it is cut."""
        return ChunkPlan(self.size_bytes, self.chunk_bytes)

    def is_expired(self, now: datetime) -> bool:
        """Whether its time was over before it came to an end."""
        return self.status is ChunkedStatus.UPLOADING and (self.reaped_at is not None or now > self.expires_at)


@dataclass(frozen=True, slots=True)
class ChunkTarget:
    """Where one chunk is put: a root-relative signed link."""

    number: int
    size_bytes: int
    path: str


@dataclass(frozen=True, slots=True)
class ChunkedAnnouncement:
    """An announced upload and the targets of all its chunks, in order."""

    upload: ChunkedUpload
    targets: tuple[ChunkTarget, ...]


@dataclass(frozen=True, slots=True)
class UploadChunk:
    """One chunk something has happened to; without an `object_key` it has no bytes."""

    number: int
    retries: int
    object_key: str | None
    size_bytes: int | None
    etag: str | None
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChunkedBatch:
    """Videos that were announced together, in the order sent."""

    id: UUID
    videos: tuple[ChunkedAnnouncement, ...]
    priority: Priority

    @property
    def total_bytes(self) -> int:
        """The bytes of all of them."""
        return sum(video.upload.size_bytes for video in self.videos)


@dataclass(frozen=True, slots=True)
class ChunkTally:
    """What of an upload has come: chunks and bytes that are stored, those of them that were confirmed, and when the last was."""

    received: int = 0
    received_bytes: int = 0
    confirmed: int = 0
    confirmed_bytes: int = 0
    last_confirmed_at: datetime | None = None
    retries: int = 0

    def percent_of(self, upload: ChunkedUpload) -> float:
        """The share of an upload's chunks that are confirmed, 0 to 100, with one decimal; 100 only for all."""
        return math.floor(1000 * self.confirmed / upload.total_chunks) / 10

    def seconds_left(self, upload: ChunkedUpload) -> int | None:
        """How long the rest of an upload takes if it goes on as it went until now; None while that cannot be told."""
        if self.confirmed == upload.total_chunks:
            return 0
        if self.last_confirmed_at is None or not self.confirmed_bytes:
            return None
        # Until the last confirmation, not until now: so the answer to a repetition is the same.
        seconds = max(0.001, (self.last_confirmed_at - upload.created_at).total_seconds())
        return math.ceil((upload.size_bytes - self.confirmed_bytes) * seconds / self.confirmed_bytes)


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload is; `current` is the first chunk that is not confirmed, `failed` those that must be sent again."""

    upload: ChunkedUpload
    tally: ChunkTally
    is_processing: bool
    current: int | None
    failed: tuple[int, ...]


def missing_chunks(upload: ChunkedUpload, chunks: Iterable[UploadChunk]) -> list[int]:
    """The numbers of the chunks that are not confirmed, in order."""
    confirmed = {chunk.number for chunk in chunks if chunk.confirmed_at is not None}
    return [number for number in range(1, upload.total_chunks + 1) if number not in confirmed]


def failed_chunks(upload: ChunkedUpload, chunks: Iterable[UploadChunk]) -> tuple[int, ...]:
    """The numbers of the chunks that went wrong and are not mended: asked for again, or stored with too few bytes."""
    return tuple(
        chunk.number
        for chunk in chunks
        if chunk.confirmed_at is None
        and (
            chunk.retries > 0
            or (chunk.size_bytes is not None and chunk.size_bytes != upload.plan.size_of(chunk.number))
        )
    )


def estimated_seconds(total_bytes: int) -> float:
    """How long sending so many bytes takes over 100 Mbit/s, in seconds."""
    return round(total_bytes / _FIRST_GUESS, 1)


def clean_etag(etag: str) -> str:
    """An etag without the quotes it may stand in."""
    return etag.strip().removeprefix("W/").strip('"')


def matching(upload: ChunkedUpload | None, upload_id: str) -> ChunkedUpload:
    """An upload, if there is one and `upload_id` is its own. Raises NotFound."""
    if upload is None or not secrets.compare_digest(
        upload.upload_id.encode(), upload_id.encode(errors="surrogatepass")
    ):
        raise NotFound("Upload not found")
    return upload


def require_number(upload: ChunkedUpload, number: int) -> None:
    """Refuse the number of a chunk there is none of. Raises InvalidInput."""
    if number > upload.total_chunks:
        raise InvalidInput(f"this upload has {upload.total_chunks} chunks", field="chunk_number")


def require_open(upload: ChunkedUpload, now: datetime | None = None) -> None:
    """Refuse what has ended, and with a time what has expired by then. Raises Conflict, Expired."""
    if upload.status is not ChunkedStatus.UPLOADING:
        raise Conflict(f"This upload is {upload.status.value} already")
    if upload.reaped_at is not None or (now is not None and upload.is_expired(now)):
        raise Expired("This upload has expired")
