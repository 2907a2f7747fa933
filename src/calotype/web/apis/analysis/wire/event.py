"""The data of server-sent events."""

from __future__ import annotations

from typing import Literal

from calotype.web.apis.analysis.wire.values import CamelWire


class Metadata(CamelWire):
    """How an image is published."""

    title: str
    alt: str
    caption: str
    description: str
    filename: str
    seo_tags: list[str]


class ProgressEvent(CamelWire):
    """The analysis of an image begins; `current` counts from 1."""

    image_id: str
    status: Literal["analyzing"] = "analyzing"
    current: int
    total: int


class ResultEvent(CamelWire):
    """An image was analysed."""

    image_id: str
    metadata: Metadata


class ErrorEvent(CamelWire):
    """An image has no result, and costs nothing."""

    image_id: str
    error: str
    code: str


class CompleteEvent(CamelWire):
    """Everything has come to an end."""

    status: Literal["completed", "partial", "failed"]
    processed: int
    failed: int
    total: int
    credits_used: int
    credits_remaining: int | None
