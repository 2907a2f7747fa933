"""Web links."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from calotype.domain.link import MAX_URL
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import JsonBool, JsonTags, LinkTitle, TrimmedText, WireUuid


class SaveRequest(Wire):
    """Body of `links`."""

    url: Annotated[TrimmedText, Field(max_length=MAX_URL)]
    title: LinkTitle = None
    tags: JsonTags = ()
    folder_id: WireUuid | None = None
    auto_crawl: JsonBool = True


class SaveAnswer(Wire):
    """A saved link."""

    id: UUID
    source_url: str
    title: str | None
    domain: str
    crawl_status: str
    is_duplicate: bool
    created_at: datetime


class RecrawlAnswer(Wire):
    """A link that waits to be crawled again."""

    status: Literal["queued"] = "queued"
    link_id: UUID


class OpenGraphData(Wire):
    """How a page wants to be shown; `image` and `image_url` are the same."""

    title: str | None
    description: str | None
    image: str | None
    image_url: str | None
    site_name: str | None
    type: str | None
    locale: str | None


class ExtractedImage(Wire):
    """One image of a page."""

    url: str
    alt: str | None
    width: int | None
    height: int | None


class ExtractedImages(Wire):
    """The images of a page."""

    images: list[ExtractedImage]
