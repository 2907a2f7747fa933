"""Scenes: the parts of a video between two cuts, and what each shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.video import VideoProbe


@dataclass(frozen=True, slots=True)
class FoundScene:
    """One scene as the decoder found it: seconds from the start of the video, `start` < `end`.

    `keyframe` is the name of the file, in the folder the decoder was given, that shows it: an upright JPEG; None where no frame
    of it could be decoded.
    """

    start: float
    end: float
    keyframe: str | None


@dataclass(frozen=True, slots=True)
class FoundStoryboard:
    """A sheet of small pictures as the decoder made it; `file` is its name in the folder the decoder was given."""

    file: str
    interval: float
    count: int
    columns: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class VideoScan:
    """What one pass over all frames of a video found: its scenes in order, without gaps.

    `probe` is what was measured, where that is better than what the container said (the duration of one that was cut off).
    `fault` says in plain words why not all of it could be decoded, None when all was.
    """

    probe: VideoProbe
    frames: int
    scenes: tuple[FoundScene, ...]
    storyboard: FoundStoryboard | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class AudioPiece:
    """A piece of a film's sound as the decoder wrote it; `file` is its name in the folder the decoder was given.

    `start` is when it begins, in seconds from the start of the video, `duration` its length in seconds.
    """

    file: str
    start: float
    duration: float


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """One piece of what is said in a video; seconds from its start."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """What is said in one piece of sound, in order; `language` is an ISO 639-1 code where it is known."""

    segments: tuple[TranscriptSegment, ...]
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene of a video, its number counted from 0; `confidence` 0-1 is the describer's."""

    id: UUID
    asset_id: UUID
    index: int
    start: float
    end: float
    keyframe_key: str | None
    description: str | None
    visible_text: str | None
    transcript: str | None
    tags: tuple[str, ...]
    confidence: float | None
    is_embedded: bool
    created_at: datetime
