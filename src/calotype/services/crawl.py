"""Crawling links: the page is fetched, read in a limited child process, and what is on it kept with the link."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from calotype.crawling.fetcher import Fetched, Fetcher
from calotype.crawling.robots import RobotsRules
from calotype.db.asset import select_asset, update_asset
from calotype.db.asset_text import upsert_asset_text
from calotype.db.engine import Connection, Database, pipelined
from calotype.db.link import page_values, select_link, update_link
from calotype.db.operation import select_open_operation, update_open_operations
from calotype.documents.html_page import read_page
from calotype.domain.asset import Asset, OperationType, State
from calotype.domain.errors import (
    AddressNotAllowed,
    CalotypeError,
    DownloadFailed,
    SandboxFailure,
    TooLarge,
    Unavailable,
)
from calotype.domain.event import Event, EventType
from calotype.domain.image import IMAGE
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.link import OPEN_CRAWLS, CrawlStatus, Link, PageContent
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.services.event import EventService
from calotype.services.host_turns import HostTurns
from calotype.services.preview import Preview, PreviewService, unused
from calotype.services.search_document import page_document, search_document
from calotype.services.work import MOST_BEGINNINGS, try_again

_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_NO_LIMIT = 2**62  # bytes
_ATTEMPTS = 2  # within one crawl; a page that is away for longer is asked for again by hand
_PAUSE = 1.0  # seconds between them
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CrawlLimits:
    """The most bytes of one page and of the picture that stands for it, and the seconds reading one page may take."""

    max_page_bytes: int
    max_picture_bytes: int
    read_timeout: float


@dataclass(frozen=True, slots=True)
class _Crawl:
    """One crawl under way: the rows as it found them, and the step of the history that is its own."""

    asset: Asset
    link: Link
    step: UUID


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one crawl brought: the page, where redirects led, and its picture, or why there is none although one was named."""

    page: PageContent
    found_at: str
    preview: Preview | None = None
    preview_error: str | None = None


class CrawlService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        events: EventService,
        fetcher: Fetcher,
        robots: RobotsRules | None,
        turns: HostTurns,
        pages: Sandbox,
        previews: PreviewService,
        limits: CrawlLimits,
    ) -> None:
        self._database = database
        self._queue = queue
        self._events = events
        self._fetcher = fetcher
        self._robots = robots
        self._turns = turns
        self._pages = pages
        self._previews = previews
        self._limits = limits

    async def crawl(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Look at the page of one link, or come back later where its host is being asked already.

        `attempt` counts how often the job was begun. Raises Unavailable, and SandboxFailure when no process could be started.
        """
        async with self._database.read() as connection:
            link = await self._waiting(connection, scope, asset_id)
        if link is None:
            return
        try:
            self._fetcher.check_url(link.url)
        except AddressNotAllowed as error:
            await self._refuse(scope, asset_id, error.message)
            return
        async with self._turns.turn(link.url, await self._pause_asked_for(link.url)) as turn:
            if turn.seconds_to_wait is not None:
                await self._queue_again(scope, asset_id, turn.seconds_to_wait)
                return
            crawl = await self._begin(scope, asset_id)
            if crawl is None:
                return
            try:
                if attempt > MOST_BEGINNINGS:
                    raise SandboxFailure(f"it was interrupted {attempt - 1} times", reason="crashed")
                seen = await self._see(crawl)
            except Unavailable:
                raise
            except CalotypeError as error:
                if error.context.get("reason") == "start":
                    raise
                await self._fail(crawl, error.message)
                return
        await self._finish(crawl, seen)

    async def _refuse(self, scope: Scope, asset_id: UUID, reason: str) -> None:
        """End the crawl of a link whose address itself is not allowed."""
        crawl = await self._begin(scope, asset_id)
        if crawl is not None:
            await self._fail(crawl, reason)

    async def _pause_asked_for(self, url: str) -> float | None:
        """Seconds the site wants between two pages; what forbids the page altogether shows when it is fetched."""
        with contextlib.suppress(CalotypeError):
            return await self._robots.check(url) if self._robots else None
        return None

    async def _waiting(self, connection: Connection, scope: Scope, asset_id: UUID) -> Link | None:
        """A live link that is to be crawled."""
        asset = await select_asset(connection, scope, asset_id)
        link = await select_link(connection, scope, asset_id) if asset else None
        return link if link is not None and link.crawl_status in OPEN_CRAWLS else None

    async def _queue_again(self, scope: Scope, asset_id: UUID, seconds: float) -> None:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        async with self._database.mark() as connection:
            if await select_asset(connection, scope, asset_id, lock=True) is None:
                return
            await self._queue.enqueue(connection, Job(Task.CRAWL, scope.tenant_id, asset_id), Urgency.NEW, at)

    async def _begin(self, scope: Scope, asset_id: UUID) -> _Crawl | None:
        """Show a link as being crawled; None where there is nothing to do any more."""
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            link = await select_link(connection, scope, asset_id) if asset else None
            if asset is None or link is None or link.crawl_status not in OPEN_CRAWLS:
                return None
            step = await select_open_operation(connection, scope, asset_id, OperationType.CRAWL)
            if step is None:
                return None
            async with pipelined(connection) as pipeline:
                await update_link(pipeline, scope, asset_id, {"crawl_status": CrawlStatus.PROCESSING.value})
                await update_open_operations(pipeline, scope, asset_id, (OperationType.CRAWL,), status=State.PROCESSING)
        return _Crawl(asset, link, step.id)

    # ----------------------------------------------------------------- seeing

    async def _see(self, crawl: _Crawl) -> _Seen:
        """Fetch a page and what stands for it. Raises CalotypeError."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._see_once(crawl)
            except DownloadFailed as error:
                if attempt == _ATTEMPTS or not error.context.get("is_passing"):
                    raise
            await asyncio.sleep(_PAUSE)
        raise AssertionError

    async def _see_once(self, crawl: _Crawl) -> _Seen:
        # How large it may be depends on what it is, which its header tells.
        async with self._fetcher.fetch(crawl.link.url, limit=_NO_LIMIT, unpacks=True, permit=self._permit) as fetched:
            nothing = _Seen(PageContent(), fetched.url)
            try:
                data = await _body(fetched, self._limits)
            except TooLarge as error:
                if not _is_picture(fetched.content_type):
                    raise
                return replace(nothing, preview_error=f"The picture could not be fetched: {error.message}")
        if _is_picture(fetched.content_type):
            return await self._with_picture(crawl.asset, nothing, data)
        if data is None:
            return nothing
        page: PageContent = await try_again(
            lambda: self._pages.run(read_page, data, fetched.url, fetched.charset, timeout=self._limits.read_timeout)
        )
        seen = _Seen(page, fetched.url)
        if page.open_graph.image is None:
            return seen
        try:
            picture = await self._fetch_picture(page.open_graph.image)
        except CalotypeError as error:
            return replace(seen, preview_error=f"The picture could not be fetched: {error.message}")
        return await self._with_picture(crawl.asset, seen, picture)

    async def _permit(self, url: str) -> None:
        if self._robots is not None:
            await self._robots.check(url)

    async def _fetch_picture(self, url: str) -> bytes:
        async with self._fetcher.fetch(url, limit=self._limits.max_picture_bytes, permit=self._permit) as fetched:
            return b"".join([chunk async for chunk in fetched.chunks])

    async def _with_picture(self, asset: Asset, seen: _Seen, data: bytes | None) -> _Seen:
        """What was seen, with variants of a picture; one that cannot be shown costs the crawl nothing."""
        if not data:
            return replace(seen, preview_error="The picture is empty")
        try:
            return replace(seen, preview=await self._previews.make(asset, data))
        except Unavailable:
            raise
        except CalotypeError as error:
            if error.context.get("reason") == "start":
                raise
            return replace(seen, preview_error=f"The picture could not be shown: {error.message}")

    # ----------------------------------------------------------------- ending

    async def _is_own(self, connection: Connection, scope: Scope, crawl: _Crawl) -> bool:
        """Whether the crawl is still the one that is awaited; under the lock of its asset."""
        step = await select_open_operation(connection, scope, crawl.asset.id, OperationType.CRAWL)
        return step is not None and step.id == crawl.step

    async def _finish(self, crawl: _Crawl, seen: _Seen) -> None:
        scope, now = Scope(crawl.asset.tenant_id).any(), datetime.now(UTC)
        page = seen.page
        page_words = await asyncio.to_thread(page_document, crawl.link.url, crawl.link.domain, page)
        stale: set[str] = set()
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, crawl.asset.id, lock=True)
            step = await select_open_operation(connection, scope, crawl.asset.id, OperationType.CRAWL)
            if asset is not None and step is not None and step.id == crawl.step:
                async with pipelined(connection) as pipeline:
                    found = {**page_values(page, seen.found_at), **_ended(seen, now)}
                    await update_link(pipeline, scope, asset.id, found)
                    await upsert_asset_text(pipeline, scope, asset.id, page.text, page_words)
                await update_asset(connection, scope, asset.id, {"search": _own_words(asset)})
                if seen.preview is not None or seen.preview_error is None:
                    stale = await self._previews.keep(connection, scope, asset, seen.preview)
                await self._end(connection, scope, asset, crawl.link, now, None)
            elif step is None:  # else another crawl is about to write the same names, or has done so
                stale = unused(seen.preview, asset)
        # What cannot be removed now is under names that the next crawl writes again.
        with contextlib.suppress(Unavailable):
            await self._previews.discard(stale)

    async def _fail(self, crawl: _Crawl, reason: str) -> None:
        """End a crawl that brought nothing; what an earlier one has brought stays."""
        scope, now = Scope(crawl.asset.tenant_id).any(), datetime.now(UTC)
        _log.info("link not crawled", asset_id=str(crawl.asset.id), reason=reason)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, crawl.asset.id, lock=True)
            if asset is None or not await self._is_own(connection, scope, crawl):
                return
            values = {"crawl_status": CrawlStatus.FAILED.value, "crawl_error": reason, "crawled_at": now}
            await update_link(connection, scope, asset.id, values)
            await self._end(connection, scope, asset, crawl.link, now, reason)

    async def _end(
        self, connection: Connection, scope: Scope, asset: Asset, link: Link, now: datetime, error: str | None
    ) -> None:
        async with pipelined(connection) as pipeline:
            await update_open_operations(
                pipeline,
                scope,
                asset.id,
                (OperationType.CRAWL,),
                status=State.FAILED if error else State.COMPLETED,
                completed_at=now,
                error_message=error,
            )
            if asset.deleted_at is None:
                await self._events.emit(pipeline, scope, _event(asset, link, error))


def _ended(seen: _Seen, now: datetime) -> dict[str, Any]:
    return {
        "crawl_status": CrawlStatus.COMPLETED.value,
        "crawl_error": None,
        "crawled_at": now,
        "preview_error": seen.preview_error,
    }


def _own_words(asset: Asset) -> str:
    return search_document(title=asset.title, filename="", tags=asset.tags, description=None, visible_text=None)


def _event(asset: Asset, link: Link, error: str | None) -> Event:
    data: dict[str, Any] = {"asset_id": asset.id, "media_type": asset.media_type, "filename": None, "url": link.url}
    if error:
        return Event(EventType.ASSET_FAILED, {**data, "error": error})
    return Event(
        EventType.ASSET_PROCESSED,
        {**data, "content_type": asset.content_type, "size_bytes": 0, "width": None, "height": None},
    )


def _is_page(content_type: str | None) -> bool:
    return content_type is None or content_type in _PAGE_TYPES


def _is_picture(content_type: str | None) -> bool:
    return content_type is not None and content_type.startswith(f"{IMAGE}/")


async def _body(fetched: Fetched, limits: CrawlLimits) -> bytes | None:
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
