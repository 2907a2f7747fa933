"""Uploads of files: what their senders want, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import State
from calotype.domain.custom_metadata import CustomMetadata
from calotype.domain.document import DOCUMENT
from calotype.domain.errors import InvalidInput
from calotype.domain.job import Urgency
from calotype.domain.picture import CaptureTime, MediaType
from calotype.domain.video import NewVideo

CUSTOM_STORAGE = "custom"


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What the client wants done with an upload; values are clean already.

    With `skip_duplicates` a repetition of what is held is not stored, with `tells_duplicates` it is, and said to be one.
    """

    title: str | None = None
    tags: tuple[str, ...] = ()
    auto_describe: bool = True
    skip_duplicates: bool = False
    tells_duplicates: bool = False
    storage_target: str = "default"
    folder_id: UUID | None = None
    custom: CustomMetadata | None = None
    captured: CaptureTime | None = None
    urgency: Urgency = Urgency.NEW
    video: NewVideo | None = None
    """What is said of it, if it is a video; its name is the file's where nothing is."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of an upload: a new asset, or the existing one it repeats; `repeats` is what a new one repeats all the same."""

    asset_id: UUID
    created_at: datetime
    object_key: str
    media: MediaType
    storage_target: str
    is_duplicate: bool
    description_queued: bool
    description: str | None = None
    repeats: UUID | None = None
    text_status: State | None = None
    """How far the text of a document is read."""
    run_id: UUID | None = None
    """The indexing of a video, where one was asked for."""

    @property
    def variants_queued(self) -> bool:
        """Whether variants will be made of it, as of every new asset that is no document."""
        return not self.is_duplicate and self.media.media_type != DOCUMENT


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a client needs to put its bytes, at most `max_bytes` of them."""

    upload_id: UUID
    object_key: str
    upload_path: str
    expires_at: datetime
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer to confirm, the same however often it is asked."""

    upload_id: UUID
    description_status: State
    title: str | None
    tags: tuple[str, ...]


def check_storage_target(target: str) -> str:
    """A store that uploads may ask for. Raises InvalidInput for `custom`, since no such store is configured."""
    if target == CUSTOM_STORAGE:
        raise InvalidInput("no custom storage is configured", field="storage_target")
    return target
