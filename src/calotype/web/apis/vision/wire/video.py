"""Videos and their groups on the wire."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from calotype.web.apis.vision.wire.base import Request
from calotype.web.apis.vision.wire.values import (
    Ids,
    LooseBool,
    LooseObject,
    LooseText,
    LooseTime,
    Single,
    StringMap,
    float_from,
    int_from,
)

MAX_NAME = 255  # characters
MAX_QUERY = 2_000
MAX_PROMPT = 2_000


class VideoMetadata(TypedDict):
    """What is known of a video; `thumbnails` is a WebVTT storyboard."""

    width: int | None
    height: int | None
    avg_fps: float | None
    duration: float | None
    video_name: str
    title: str | None
    video_start_timestamp_utc_ms: int | None
    thumbnail: str | None
    thumbnails: str | None
    description: str | None
    source: str | None


class Video(TypedDict):
    """One video; `indexing_status` and `status` are the same word: pending, indexing, indexed or failed."""

    video_id: UUID
    url: str
    indexing_status: str
    status: str
    metadata: VideoMetadata
    indexing_type: str | None
    group_id: str
    error: str | None


class Videos(TypedDict):
    """Several videos, in the order the route says."""

    results: list[Video]


class Uploaded(TypedDict):
    """The answer to an upload; `status` is upload_initiated or download_initiated."""

    video_id: UUID
    video_s3_url: None
    status: str


class Done(TypedDict):
    """A plain confirmation."""

    status: str
    message: str


class Group(TypedDict):
    """One group of videos; the times are null of `default` only."""

    group_id: str
    name: str
    metadata: dict[str, str]
    created_at: str | None
    updated_at: str | None


class Groups(TypedDict):
    """All groups, newest first, without `default`."""

    results: list[Group]


class Moved(TypedDict):
    """Which videos were moved to a group."""

    status: str
    moved_count: int
    group_id: str
    video_ids: list[str]


class FoundChunk(TypedDict):
    """One scene that fits a question; `score` is from 0 to 1, times are seconds from the start of the video."""

    video_chunk_id: UUID
    video_id: UUID
    user_id: UUID
    score: float
    start_timestamp: float
    end_timestamp: float
    plain_text_caption: str | None
    plain_text_transcript: str | None
    explanation: str | None
    s3_presigned_url: str
    video_title: str
    video_thumbnails: str | None


class FoundChunks(TypedDict):
    """The results of a search, best first."""

    results: list[FoundChunk]
    report: str | None
    total_results: int


class Upload(Request):
    """The fields of an upload beside its file; what this server has no use for is accepted all the same."""

    video_url: LooseText | None = None
    index: LooseBool
    video_name: Annotated[LooseText, Field(max_length=MAX_NAME)] | None = None
    group_id: LooseText = "default"
    video_absolute_start_timestamp: LooseTime | None = None
    video_start_absolute_timestamp: LooseTime | None = None
    enable_thumbnails: LooseBool = False
    caption_mode: Annotated[Literal["generic", "security", "tagging_ad_video", "tte_1110"], Single] = "generic"
    caption_prompt: Annotated[LooseText, Field(max_length=MAX_PROMPT)] | None = None
    config: LooseObject = Field(default_factory=dict)
    chunking_config: LooseObject = Field(default_factory=dict)
    person_indexing: LooseBool = False
    persist_frames: LooseBool = False
    encode_chunks: LooseBool = False


class OptionalIds(Request):
    """The videos that are meant; none named means all."""

    video_ids: Ids = Field(default_factory=list)


class IdsQuery(Request):
    """The videos that are meant, in a query."""

    ids: Ids = Field(default_factory=list)


class NamedIds(Request):
    """The videos that are meant, at least one."""

    video_ids: Ids


class NewGroup(Request):
    """A group to be made."""

    name: LooseText
    metadata: StringMap = Field(default_factory=dict)


class GroupChange(Request):
    """What is to be changed of a group."""

    name: LooseText | None = None
    metadata: StringMap | None = None


class SearchRequest(Request):
    """What is looked for in videos; what this server has no use for is accepted all the same."""

    query: Annotated[LooseText, Field(max_length=MAX_QUERY)]
    threshold: Annotated[float | None, float_from(0, 1)] = None
    max_results: Annotated[int, int_from(1, 200)] = 10
    video_ids: Ids = Field(default_factory=list)
    group_ids: Ids = Field(default_factory=list)
    datetime_from: LooseTime | None = None
    datetime_to: LooseTime | None = None
    timestamp_from: Annotated[float | None, float_from(0)] = None
    timestamp_to: Annotated[float | None, float_from(0)] = None
    generate_report: LooseBool = False
    use_embeds_rerank: LooseBool = True
    use_llm_rerank: LooseBool = False
    add_ocr_to_caption: LooseBool = False
    search_demo: LooseBool = False
