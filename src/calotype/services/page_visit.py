"""Visits to web pages: a page is fetched where robots.txt allows it, read in a limited child, and its picture fetched."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from calotype.crawling.fetcher import Fetched, Fetcher
from calotype.crawling.robots import RobotsRules
from calotype.documents.html_page import read_page
from calotype.domain.errors import CalotypeError, DownloadFailed, TooLarge
from calotype.domain.image import IMAGE
from calotype.domain.link import Link, PageContent
from calotype.domain.searchable import searchable_page
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again

_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_NO_LIMIT = 2**62  # bytes
_ATTEMPTS = 2  # within one visit; a page that is away for longer is asked for again by hand
_PAUSE = 1.0  # seconds between them, where the site wants no more


@dataclass(frozen=True, slots=True)
class VisitLimits:
    """The most bytes of one page and of the picture that stands for it, and the seconds reading one page may take."""

    max_page_bytes: int
    max_picture_bytes: int
    read_timeout: float


@dataclass(frozen=True, slots=True)
class VisitedPage:
    """What one visit brought: the page, where redirects led, and its picture, or why there is none although one was named."""

    page: PageContent
    found_at: str
    picture: bytes | None = None
    picture_error: str | None = None


class PageVisitor:
    """Asks sites and reads what they answer; stores nothing, and keeps no pace of its own."""

    def __init__(self, fetcher: Fetcher, robots: RobotsRules | None, pages: Sandbox, limits: VisitLimits) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._pages = pages
        self._limits = limits

    def check_url(self, url: str) -> None:
        """Look at an address without asking anybody. Raises AddressNotAllowed."""
        self._fetcher.check_url(url)

    async def pause_asked_for(self, url: str) -> float | None:
        """Seconds the site wants between two pages; what forbids the page altogether shows when it is fetched."""
        with contextlib.suppress(CalotypeError):
            return await self._robots.check(url) if self._robots else None
        return None

    async def visit(self, url: str, pause: float | None) -> VisitedPage:
        """Fetch a page and what stands for it, once more after `pause` seconds (at least one) where that may help.

        Raises CalotypeError.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._visit_once(url)
            except DownloadFailed as error:
                if attempt == _ATTEMPTS or not error.context.get("is_passing"):
                    raise
            await asyncio.sleep(max(_PAUSE, pause or 0.0))
        raise AssertionError

    async def words(self, link: Link, page: PageContent) -> str:
        """What can be searched of a page, in a child, since long texts take seconds. Raises SandboxFailure and Unavailable."""
        made: str = await try_again(
            lambda: self._pages.run(searchable_page, link.url, link.domain, page, timeout=self._limits.read_timeout)
        )
        return made

    async def _visit_once(self, url: str) -> VisitedPage:
        # How large it may be depends on what it is, which its header tells.
        async with self._fetcher.fetch(url, limit=_NO_LIMIT, unpacks=True, permit=self._permit) as fetched:
            nothing = VisitedPage(PageContent(), fetched.url)
            try:
                data = await _body(fetched, self._limits)
            except TooLarge as error:
                if not _is_picture(fetched.content_type):
                    raise
                return _without_picture(nothing, error)
        if _is_picture(fetched.content_type):
            return _with_picture(nothing, data)
        if data is None:
            return nothing
        page: PageContent = await try_again(
            lambda: self._pages.run(read_page, data, fetched.url, fetched.charset, timeout=self._limits.read_timeout)
        )
        seen = VisitedPage(page, fetched.url)
        if page.open_graph.image is None:
            return seen
        try:
            picture = await self._fetch_picture(page.open_graph.image)
        except CalotypeError as error:
            return _without_picture(seen, error)
        return _with_picture(seen, picture)

    async def _permit(self, url: str) -> None:
        if self._robots is not None:
            await self._robots.check(url)

    async def _fetch_picture(self, url: str) -> bytes:
        async with self._fetcher.fetch(url, limit=self._limits.max_picture_bytes, permit=self._permit) as fetched:
            return b"".join([chunk async for chunk in fetched.chunks])


def _with_picture(seen: VisitedPage, data: bytes | None) -> VisitedPage:
    if not data:
        return VisitedPage(seen.page, seen.found_at, None, "The picture is empty")
    return VisitedPage(seen.page, seen.found_at, data)


def _without_picture(seen: VisitedPage, error: CalotypeError) -> VisitedPage:
    return VisitedPage(seen.page, seen.found_at, None, f"The picture could not be fetched: {error.message}")


def _is_page(content_type: str | None) -> bool:
    return content_type is None or content_type in _PAGE_TYPES


def _is_picture(content_type: str | None) -> bool:
    return content_type is not None and content_type.startswith(f"{IMAGE}/")


async def _body(fetched: Fetched, limits: VisitLimits) -> bytes | None:
    """The body of an answer that is a page or a picture; None of any other kind. Raises TooLarge."""
    if _is_picture(fetched.content_type):
        what, limit = "picture", limits.max_picture_bytes
    elif _is_page(fetched.content_type):
        what, limit = "page", limits.max_page_bytes
    else:
        return None
    refusal = TooLarge(f"the {what} is larger than {limit} bytes", limit=limit)
    if fetched.length is not None and fetched.length > limit:
        raise refusal
    body = bytearray()
    async for chunk in fetched.chunks:
        body += chunk
        if len(body) > limit:
            raise refusal
    return bytes(body)
