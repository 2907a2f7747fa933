"""Images on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from calotype.web.apis.vision.wire.base import Request
from calotype.web.apis.vision.wire.values import (
    Ids,
    LooseBool,
    LooseObject,
    LooseStrings,
    LooseText,
    Single,
    float_from,
    int_from,
)

MAX_QUERY = 2_000  # characters
MAX_REQUESTS = 1_000  # as many as an upload may ever have images; more are not even looked at


class Image(TypedDict):
    """One image; `indexing_status` is 0 not indexed, 1 in progress, 2 indexed, 3 failed."""

    image_id: UUID
    image_url: str
    indexing_status: int
    upload_timestamp: float
    image_metadata: dict[str, Any]


class Images(TypedDict):
    """Several images, in the order the route says."""

    results: list[Image]


class Found(TypedDict):
    """One result of a search; `score` is from 0 to 1, higher is better."""

    image_id: UUID
    image_url: str
    image_metadata: dict[str, Any]
    upload_timestamp: float
    score: float


class FoundImages(TypedDict):
    """The results of a search, best first."""

    results: list[Found]


class IndexingConfig(Request):
    """How an image is to be indexed."""

    index: LooseBool = True


class UploadRequest(Request):
    """What is wanted of one image, and what is said of it."""

    indexing_config: IndexingConfig = IndexingConfig()
    metadata: LooseObject = Field(default_factory=dict)


class UploadMetadata(Request):
    """The `metadata` of an upload: one entry an image, files first, then URLs."""

    requests: list[UploadRequest] | None = Field(default=None, max_length=MAX_REQUESTS)
    image_urls: LooseStrings = Field(default_factory=list)


class Upload(Request):
    """The fields of an upload beside its files; URLs may also stand beside `metadata` instead of in it."""

    metadata: UploadMetadata = UploadMetadata()
    image_urls: LooseStrings = Field(default_factory=list)


class IdsRequest(Request):
    """The images that are meant."""

    image_ids: Ids


class TimestampFilter(Request):
    """A comparison with the time an image was recorded; `value` is an object for `range` and a number otherwise."""

    operator: Literal["range", "eq", "gt", "gte", "lt", "lte"] = "range"
    value: Any


class Filters(Request):
    """What images must fit; another filter than these is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recorded_timestamp_utc: TimestampFilter | None = None


class Window(Request):
    """Which part of a list is meant."""

    limit: Annotated[int, int_from(1, 1000)] = 20
    offset: Annotated[int, int_from(0)] = 0


class WindowQuery(Window):
    """A window, or the images that are meant."""

    ids: Ids | None = None


class ListRequest(Window):
    """A window of the images that fit."""

    filters: Filters = Filters()
    image_ids: Ids = Field(default_factory=list)


class SearchRequest(Request):
    """What is looked for; the weights count in the mode `joined` only."""

    query: LooseText = Field(max_length=MAX_QUERY)
    max_results: Annotated[int, int_from(1, 200)] = 10
    threshold: Annotated[float | None, float_from(0, 1)] = None
    search_mode: Annotated[Literal["vision", "joined"], Single] = "vision"
    image_weight: Any = None
    text_weight: Any = None
