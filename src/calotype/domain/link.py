"""A web link: a page that is kept in mind, and what was found on it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import Asset
from calotype.domain.picture import MediaType

LINK = "link"
"""The media type of the assets that are links."""

PAGE = MediaType(LINK, "text/html", "html")
MAX_URL = 2048
MAX_TITLE = 500


class CrawlStatus(enum.StrEnum):
    """How far the crawling of a link has come; `pending` is not asked for yet."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


OPEN_CRAWLS = frozenset({CrawlStatus.QUEUED, CrawlStatus.PROCESSING})


@dataclass(frozen=True, slots=True)
class PageImage:
    """An image that a page shows: its absolute URL, and what the page says of it, sizes in pixels."""

    url: str
    alt: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class OpenGraph:
    """How a page wants to be shown elsewhere (ogp.me); Twitter cards stand in for what is missing. `image` is absolute."""

    title: str | None = None
    description: str | None = None
    image: str | None = None
    site_name: str | None = None
    type: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class PageContent:
    """What was read on a page; everything but `text` and `images` is None where the page does not say it.

    URLs are absolute, http or https. `text` is what readers come for, without menus; `language` a BCP 47 code; `charset` the
    encoding the page was read in.
    """

    title: str | None = None
    open_graph: OpenGraph = OpenGraph()
    favicon_url: str | None = None
    canonical_url: str | None = None
    text: str = ""
    language: str | None = None
    charset: str | None = None
    images: tuple[PageImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """One link's row beside its asset; what was found is None before the first crawl that succeeded.

    `found_at` is where redirects led. `recrawl_requested_at` is when somebody last asked for a crawl by hand and was heard.
    `preview_error` says why there is no picture of it although the page names one.
    """

    asset_id: UUID
    url: str
    domain: str
    crawl_status: CrawlStatus
    crawl_error: str | None = None
    crawled_at: datetime | None = None
    recrawl_requested_at: datetime | None = None
    found_at: str | None = None
    canonical_url: str | None = None
    page_title: str | None = None
    favicon_url: str | None = None
    language: str | None = None
    charset: str | None = None
    open_graph: OpenGraph | None = None
    images: tuple[PageImage, ...] | None = None
    preview_error: str | None = None


@dataclass(frozen=True, slots=True)
class LibraryLink:
    """A link of the library with its asset; `is_duplicate` tells, of a new one, that the tenant has its URL already."""

    asset: Asset
    link: Link
    is_duplicate: bool = False
