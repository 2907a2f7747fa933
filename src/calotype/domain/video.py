"""A video: what its container says, what its client says of it, and how far it has come."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import Asset, State
from calotype.domain.picture import CaptureTime

VIDEO = "video"
"""The media type of the assets that are videos."""

FILE_FORMATS = frozenset({"mp4", "mov", "m4v", "webm", "avi"})
"""The formats that are taken where a list of kinds is promised; elsewhere whatever can be decoded is."""

# What current browsers play without a plug-in, by container and codecs; those of pixels have 8 bits and 4:2:0.
_PLAYED_CONTAINERS = {"mp4": {"h264", "av1", "vp9"}, "m4v": {"h264"}, "webm": {"vp8", "vp9", "av1"}}
_PLAYED_SOUND = {
    "mp4": {"aac", "mp3", "opus", "flac"},
    "m4v": {"aac", "mp3"},
    "webm": {"opus", "vorbis"},
}
_PLAYED_PIXELS = frozenset({"yuv420p", "yuvj420p"})


class IndexingStatus(enum.StrEnum):
    """How far a run of indexing has come."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN_INDEXING = frozenset({IndexingStatus.PENDING, IndexingStatus.PROCESSING})
"""Of a run that is still to be done."""


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """What the container and its streams say of a video, checked: anything implausible is corrected or refused.

    `width` and `height` are as displayed (rotation applied), in pixels; `rotation` is how far decoded frames have to be turned
    clockwise: 0, 90, 180 or 270 degrees. `duration` in seconds, above 0; `frame_rate` in frames a second, on average.
    `container` is our word for the format ("mp4", "mkv"); codecs and pixel format are FFmpeg's words ("h264", "yuv420p").
    """

    container: str
    width: int
    height: int
    rotation: int
    duration: float
    frame_rate: float
    video_codec: str
    pixel_format: str
    audio_codec: str | None
    bitrate_kbps: int
    recorded: CaptureTime | None = None

    @property
    def has_audio(self) -> bool:
        """Whether it has sound."""
        return self.audio_codec is not None

    @property
    def plays_in_browsers(self) -> bool:
        """Whether browsers play the file as it is."""
        if self.video_codec not in _PLAYED_CONTAINERS.get(self.container, ()):
            return False
        if self.audio_codec is not None and self.audio_codec not in _PLAYED_SOUND[self.container]:
            return False
        return self.pixel_format in _PLAYED_PIXELS


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Small pictures of a film on one sheet, for a player's seek bar: one every `interval` seconds, row by row.

    `width` and `height` are those of one picture, in pixels.
    """

    object_key: str
    interval: float
    count: int
    columns: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """A form of a video that browsers play; `status` None while nobody has asked for it."""

    status: State | None = None
    object_key: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NewVideo:
    """What is said of a video when it comes in; `probe` is None for one that is yet to be downloaded from `source_url`."""

    name: str
    probe: VideoProbe | None
    group_id: UUID | None = None
    starts_at: datetime | None = None
    has_storyboard: bool = False
    caption_prompt: str | None = None
    source_url: str | None = None
    index: bool = False
    index_kind: str | None = None
    """The client's word for how it is to be indexed; None for all that this server can do."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video's row beside its asset; `download` is None for one that was uploaded.

    `indexing` is the state of the newest run of indexing, None where none was asked for.
    """

    asset_id: UUID
    name: str
    group_id: UUID | None
    starts_at: datetime | None
    has_storyboard: bool
    caption_prompt: str | None
    source_url: str | None
    download: State | None
    download_error: str | None
    probe: VideoProbe | None
    indexing: IndexingStatus | None
    scene_count: int
    has_transcript: bool
    storyboard: Storyboard | None
    rendition: Rendition

    @property
    def is_here(self) -> bool:
        """Whether its bytes are."""
        return self.probe is not None


@dataclass(frozen=True, slots=True)
class LibraryVideo:
    """A video of the library with its asset; `run` is the newest run of indexing."""

    asset: Asset
    video: Video
    run: IndexingRun | None = None


@dataclass(frozen=True, slots=True)
class IndexingRun:
    """One run of indexing; `progress` in per cent, `step` a word for what is being done, `retries` how often it was repeated."""

    id: UUID
    asset_id: UUID
    kind: str
    status: IndexingStatus
    progress: int
    step: str | None
    retries: int
    error: str | None
    error_code: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class VideoGroup:
    """A named set of videos; `metadata` is a map of strings."""

    id: UUID
    name: str
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
