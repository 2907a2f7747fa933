"""Crawling links: their pages are visited in turn, and what is on them is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from calotype.db.asset import select_asset, update_asset
from calotype.db.asset_text import upsert_asset_text
from calotype.db.engine import Connection, Database, pipelined
from calotype.db.link import page_values, select_link, update_link
from calotype.db.operation import select_open_operation, update_open_operations
from calotype.domain.asset import Asset, OperationType, State
from calotype.domain.errors import (
    AddressNotAllowed,
    CalotypeError,
    SandboxFailure,
    Unavailable,
)
from calotype.domain.event import Event, EventType
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.link import OPEN_CRAWLS, CrawlStatus, Link
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.jobs.queue import JobQueue
from calotype.services.attempts import MOST_BEGINNINGS, lasting_reason
from calotype.services.event import EventService
from calotype.services.host_turns import HostTurns
from calotype.services.page_visit import PageVisitor, VisitedPage
from calotype.services.preview import Preview, PreviewService, unused

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Crawl:
    """One crawl under way: the rows as it found them, and the step of the history that is its own."""

    asset: Asset
    link: Link
    step: UUID


@dataclass(frozen=True, slots=True)
class _Brought:
    """All that a crawl found out, ready to be stored."""

    visited: VisitedPage
    words: str
    preview: Preview | None
    preview_error: str | None


class CrawlService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        events: EventService,
        visitor: PageVisitor,
        turns: HostTurns,
        previews: PreviewService,
    ) -> None:
        self._database = database
        self._queue = queue
        self._events = events
        self._visitor = visitor
        self._turns = turns
        self._previews = previews

    async def crawl(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Look at the page of one link, or come back later where its host is being asked already.

        `attempt` counts how often the job was begun. Raises what may pass (`lasting_reason`).
        """
        async with self._database.read() as connection:
            link = await self._waiting(connection, scope, asset_id)
        if link is None:
            return
        try:
            self._visitor.check_url(link.url)
        except AddressNotAllowed as error:
            await self._refuse(scope, asset_id, error.message)
            return
        pause = await self._visitor.pause_asked_for(link.url)
        crawl = None
        try:
            async with self._turns.turn(link.url, pause) as turn:
                if turn.seconds_to_wait is not None:
                    await self._queue_again(scope, asset_id, turn.seconds_to_wait)
                    return
                crawl = await self._begin(scope, asset_id)
                if crawl is None:
                    return
                if attempt > MOST_BEGINNINGS:
                    raise SandboxFailure(f"it was interrupted {attempt - 1} times", reason="crashed")
                visited = await self._visitor.visit(crawl.link.url, pause)
            # The next one's turn has come; what follows asks the host nothing.
            brought = await self._prepared(crawl, visited)
            await self._finish(crawl, brought)
        except Exception as error:
            if crawl is None:
                raise
            await self._fail(crawl, lasting_reason(error, attempt))

    async def _refuse(self, scope: Scope, asset_id: UUID, reason: str) -> None:
        """End the crawl of a link whose address itself is not allowed."""
        crawl = await self._begin(scope, asset_id)
        if crawl is not None:
            await self._fail(crawl, reason)

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

    async def _prepared(self, crawl: _Crawl, visited: VisitedPage) -> _Brought:
        """What a visit brought, its words, and the variants of its picture; one that cannot be shown costs nothing else."""
        words = await self._visitor.words(crawl.link, visited.page)
        if visited.picture is None:
            return _Brought(visited, words, None, visited.picture_error)
        try:
            return _Brought(visited, words, await self._previews.make(crawl.asset, visited.picture), None)
        except Unavailable:
            raise
        except CalotypeError as error:
            if error.context.get("reason") == "start":
                raise
            return _Brought(visited, words, None, f"The picture could not be shown: {error.message}")

    # ----------------------------------------------------------------- ending

    async def _is_own(self, connection: Connection, scope: Scope, crawl: _Crawl) -> bool:
        """Whether the crawl is still the one that is awaited; under the lock of its asset."""
        step = await select_open_operation(connection, scope, crawl.asset.id, OperationType.CRAWL)
        return step is not None and step.id == crawl.step

    async def _finish(self, crawl: _Crawl, brought: _Brought) -> None:
        scope, now = Scope(crawl.asset.tenant_id).any(), datetime.now(UTC)
        page, preview = brought.visited.page, brought.preview
        stale: set[str] = set()
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, crawl.asset.id, lock=True)
            step = await select_open_operation(connection, scope, crawl.asset.id, OperationType.CRAWL)
            if asset is not None and step is not None and step.id == crawl.step:
                async with pipelined(connection) as pipeline:
                    found = {**page_values(page, brought.visited.found_at), **_ended(brought, now)}
                    await update_link(pipeline, scope, asset.id, found)
                    await upsert_asset_text(pipeline, scope, asset.id, page.text, brought.words)
                await update_asset(connection, scope, asset.id, {"search": _own_words(asset)})
                if preview is not None or brought.preview_error is None:
                    stale = await self._previews.keep(connection, scope, asset, preview)
                await self._end(connection, scope, asset, crawl.link, now, None)
            elif step is None:  # else another crawl is about to write the same names, or has done so
                stale = unused(preview, asset)
        # What cannot be removed now is under names that the next crawl writes again.
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


def _ended(brought: _Brought, now: datetime) -> dict[str, Any]:
    return {
        "crawl_status": CrawlStatus.COMPLETED.value,
        "crawl_error": None,
        "crawled_at": now,
        "preview_error": brought.preview_error,
    }


def _own_words(asset: Asset) -> str:
    return searchable_asset(title=asset.title, filename="", tags=asset.tags, description=None, visible_text=None)


def _event(asset: Asset, link: Link, error: str | None) -> Event:
    data: dict[str, Any] = {"asset_id": asset.id, "media_type": asset.media_type, "filename": None, "url": link.url}
    if error:
        return Event(EventType.ASSET_FAILED, {**data, "error": error})
    return Event(
        EventType.ASSET_PROCESSED,
        {**data, "content_type": asset.content_type, "size_bytes": 0, "width": None, "height": None},
    )
