"""Saving web links, and asking for their pages to be looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from calotype.db.asset import insert_asset, select_asset
from calotype.db.asset_text import upsert_asset_text
from calotype.db.engine import Connection, Database, Pipeline, pipelined
from calotype.db.link import insert_link, lock_urls, select_held_urls, select_link, update_link
from calotype.db.operation import insert_operations
from calotype.domain.asset import NewAsset, Operation, OperationType, State, UploadMethod
from calotype.domain.errors import NotFound, RateLimited, Refused
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.link import LINK, OPEN_CRAWLS, PAGE, CrawlStatus, LibraryLink, Link, PageContent
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset, searchable_page
from calotype.domain.web_address import domain_of, normalized
from calotype.jobs.queue import JobQueue

RECRAWL_PAUSE = timedelta(hours=1)
"""How long after a recrawl by hand the next one is refused."""


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be saved; values are clean already."""

    url: str
    title: str | None = None
    tags: tuple[str, ...] = ()
    folder_id: UUID | None = None


class LinkService:
    """Links are assets without bytes; what is on their pages is fetched by workers."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def save(
        self,
        scope: Scope,
        url: str,
        *,
        title: str | None = None,
        tags: Sequence[str] = (),
        folder_id: UUID | None = None,
        crawl: bool = True,
        urgency: Urgency = Urgency.NEW,
    ) -> LibraryLink:
        """Save a link; values are clean already. A URL that is there already is saved again, and said to be so.

        Raises Refused for what is no web address, and NotFound for the folder.
        """
        new = NewLink(url, title, tuple(tags), folder_id)
        normal = normalized(url)
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            await lock_urls(connection, scope, [normal])
            is_duplicate = normal in await select_held_urls(connection, scope, [normal])
            async with pipelined(connection) as pipeline:
                link = await self._insert(pipeline, scope, new, now, crawl=crawl, urgency=urgency)
            asset = await select_asset(connection, scope, link.asset_id)
        assert asset is not None
        return LibraryLink(asset, link, is_duplicate)

    async def save_missing(
        self, scope: Scope, links: Sequence[NewLink], *, crawl: bool = True, urgency: Urgency = Urgency.BACKFILL
    ) -> list[UUID | None]:
        """Save those of some links whose URLs no live link has, in their order and one transaction; None for the others.

        Of several with the same URL the first is saved. Raises Refused for what is no web address, and NotFound for a folder;
        nothing is saved then.
        """
        normals = [normalized(link.url) for link in links]
        saved: list[UUID | None] = []
        async with self._database.write() as connection:
            await lock_urls(connection, scope, normals)
            held = await select_held_urls(connection, scope, normals)
            now = datetime.now(UTC)
            async with pipelined(connection) as pipeline:
                for place, (new, normal) in enumerate(zip(links, normals, strict=True)):
                    if normal in held:
                        saved.append(None)
                        continue
                    held.add(normal)
                    # A microsecond apart, so that lists by time keep the order.
                    created_at = now + timedelta(microseconds=place)
                    link = await self._insert(pipeline, scope, new, created_at, crawl=crawl, urgency=urgency)
                    saved.append(link.asset_id)
        return saved

    async def held(self, scope: Scope, urls: Sequence[str]) -> list[bool]:
        """Whether live links of the tenant have these URLs, by their form. Raises Refused."""
        normals = [normalized(url) for url in urls]
        async with self._database.read() as connection:
            held = await select_held_urls(connection, scope, normals)
        return [normal in held for normal in normals]

    async def recrawl(self, scope: Scope, asset_id: UUID) -> None:
        """Have a page looked at again.

        Raises NotFound, Refused for what is no link, RateLimited within an hour of the last time, and Refused while the page is
        being looked at, or waits for it; in this order.
        """
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            if asset is None:
                raise NotFound("Link not found")
            link = await select_link(connection, scope, asset_id) if asset.media_type == LINK else None
            if link is None:
                raise Refused("This file is not a link")
            if link.recrawl_requested_at is not None and now < link.recrawl_requested_at + RECRAWL_PAUSE:
                left = link.recrawl_requested_at + RECRAWL_PAUSE - now
                raise RateLimited(
                    "A link can be crawled again once an hour", retry_after=-(-left // timedelta(seconds=1))
                )
            if link.crawl_status in OPEN_CRAWLS:
                raise Refused("This link is being crawled already")
            values = {"crawl_status": CrawlStatus.QUEUED.value, "recrawl_requested_at": now}
            await update_link(connection, scope, asset_id, values)
            await self._queue_crawl(connection, scope, asset_id, now, Urgency.INTERACTIVE)

    async def _insert(
        self, pipeline: Pipeline, scope: Scope, new: NewLink, now: datetime, *, crawl: bool, urgency: Urgency
    ) -> Link:
        status = CrawlStatus.QUEUED if crawl else CrawlStatus.PENDING
        link = Link(uuid4(), new.url, domain_of(new.url), status)
        words = searchable_asset(title=new.title, filename="", tags=new.tags, description=None, visible_text=None)
        page_words = searchable_page(new.url, link.domain, PageContent())
        await insert_asset(pipeline, _new_asset(scope, link, new), f"{words} {page_words}", now)
        await insert_link(pipeline, scope, link, normalized(new.url))
        await upsert_asset_text(pipeline, scope, link.asset_id, "", page_words)
        if crawl:
            await self._queue_crawl(pipeline, scope, link.asset_id, now, urgency)
        return link

    async def _queue_crawl(
        self, connection: Connection | Pipeline, scope: Scope, asset_id: UUID, now: datetime, urgency: Urgency
    ) -> None:
        step = Operation(uuid4(), asset_id, OperationType.CRAWL, State.PENDING, now, None, None)
        await insert_operations(connection, scope, [step])
        await self._queue.enqueue(connection, Job(Task.CRAWL, scope.tenant_id, asset_id), urgency)


def _new_asset(scope: Scope, link: Link, new: NewLink) -> NewAsset:
    return NewAsset(
        id=link.asset_id,
        tenant_id=scope.tenant_id,
        media_type=PAGE.media_type,
        content_type=PAGE.content_type,
        format=PAGE.format,
        upload_method=UploadMethod.LINK,
        object_key="",
        original_filename="",
        size_bytes=0,
        checksum="",
        title=new.title,
        tags=new.tags,
        storage_target="default",
        auto_describe=False,
        variant_status=None,
        description_status=None,
        folder_id=new.folder_id,
    )
