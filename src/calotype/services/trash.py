"""Deleting so that it can be undone, undoing it, and deleting for good."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from calotype.db.asset import delete_asset, select_asset, select_assets
from calotype.db.batch import update_image_counts
from calotype.db.color import select_extractions
from calotype.db.engine import Connection, Database
from calotype.db.link import select_links
from calotype.db.presigned_upload import delete_announcement
from calotype.db.session_file import select_wanted, update_pending_files
from calotype.db.trash import select_due_for_purge, update_deleted, update_restored
from calotype.db.video import select_video
from calotype.domain.asset import Asset
from calotype.domain.deletion import Deletion, Fate
from calotype.domain.errors import Conflict, NotFound, Unavailable
from calotype.domain.event import Event, EventType
from calotype.domain.job import Urgency
from calotype.domain.link import LINK, CrawlStatus
from calotype.domain.object_keys import made_folder
from calotype.domain.scope import Scope
from calotype.domain.upload_session import DELETED
from calotype.domain.video import VIDEO
from calotype.jobs.queue import JobQueue
from calotype.services import leftovers
from calotype.services.event import EventService
from calotype.services.missing_jobs import missing_jobs, missing_link_jobs, missing_video_jobs
from calotype.storage.store import ObjectStore


class TrashService:
    """The life of an asset after its deletion."""

    def __init__(
        self, database: Database, store: ObjectStore, queue: JobQueue, events: EventService, *, keep: timedelta
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._events = events
        self._keep = keep

    async def delete(self, scope: Scope, asset_id: UUID) -> datetime:
        """Move one asset to the trash; its waiting jobs are dropped. Raises NotFound."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            if not await self.put_in(connection, scope, [asset_id], now):
                raise NotFound("File not found")
        return now

    async def delete_kind(self, scope: Scope, asset_ids: Sequence[UUID], media_type: str) -> set[UUID]:
        """Move those of some assets that are of a kind to the trash, whatever is being done with them; returns those it found."""
        async with self._database.write() as connection:
            found = await select_assets(connection, scope, asset_ids, lock=True)
            wanted = [asset.id for asset in found.values() if asset.media_type == media_type]
            return await self.put_in(connection, scope, wanted, datetime.now(UTC))

    async def put_in(self, connection: Connection, scope: Scope, asset_ids: Sequence[UUID], now: datetime) -> set[UUID]:
        """Move live assets to the trash within a transaction of the caller's; returns those that were live.

        Their waiting jobs are dropped, and upload sessions wait for them no longer.
        """
        if not asset_ids:
            return set()
        gone = await update_deleted(connection, scope, asset_ids, now)
        await self.forget_work(connection, scope, sorted(gone), now)
        return gone

    async def forget_work(self, connection: Connection, scope: Scope, asset_ids: Sequence[UUID], now: datetime) -> None:
        """Drop the waiting jobs of assets deleted at `now`, and tell everybody.

        Upload sessions wait for them no longer, batches do not count them, webhooks get an event.
        """
        if asset_ids:
            await self._queue.drop(connection, asset_ids)
            await update_pending_files(connection, scope, asset_ids, DELETED)
            await update_image_counts(connection, scope, asset_ids, -1)
            await self._events.emit(connection, scope, *(_deleted(asset_id, now) for asset_id in asset_ids))

    async def delete_many(self, scope: Scope, asset_ids: Sequence[UUID]) -> list[Deletion]:
        """Move several assets to the trash, in the order given; those being worked on right now are passed over."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            found = await select_assets(connection, scope, asset_ids, lock=True)
            links = await select_links(
                connection, scope, [key for key, asset in found.items() if asset.media_type == LINK]
            )
            crawled = {key for key, link in links.items() if link.crawl_status is CrawlStatus.PROCESSING}
            busy = {asset.id for asset in found.values() if asset.is_processing} | crawled
            gone = await self.put_in(connection, scope, sorted(found.keys() - busy), now)
        return [_deletion(asset_id, gone, busy, now) for asset_id in asset_ids]

    async def withdraw(self, scope: Scope, asset_ids: Sequence[UUID]) -> set[UUID]:
        """Remove for good what its client was never told of; returns the ids of what is gone.

        What another upload was pointed to meanwhile, as a duplicate of its own content, stays.
        """
        async with self._database.write() as connection:
            assets = await select_assets(connection, scope.any(), asset_ids, lock=True)
            wanted = await select_wanted(connection, scope, asset_ids)
            doomed = [asset for asset in assets.values() if asset.id not in wanted]
            await self.remove(connection, scope, doomed)
        await self.discard(doomed)
        return {asset.id for asset in doomed}

    async def remove(self, connection: Connection, scope: Scope, assets: Sequence[Asset]) -> None:
        """Remove rows for good within a transaction of the caller's, who then discards their objects."""
        await self._queue.drop(connection, [asset.id for asset in assets])
        for asset in assets:
            await delete_asset(connection, scope.any(), asset.id)

    async def discard(self, assets: Sequence[Asset]) -> None:
        """Remove the objects of assets that have no rows any more; what cannot be removed now is left to the sweep."""
        await leftovers.remove(self._store, (key for asset in assets for key in object_keys(asset)))

    async def restore(self, scope: Scope, asset_id: UUID) -> datetime:
        """Bring an asset back as it was; work it still lacks is queued again. Raises NotFound, Conflict if not deleted."""
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            if not await update_restored(connection, scope, asset_id, now):
                if await select_asset(connection, scope, asset_id) is None:
                    raise NotFound("File not found")
                raise Conflict("This file is not deleted")
            asset = await select_asset(connection, scope, asset_id)
            assert asset is not None
            await update_image_counts(connection, scope, [asset_id], 1)
            extraction = (await select_extractions(connection, scope, [asset_id])).get(asset_id)
            colors_status = extraction.status if extraction else None
            states = (asset.variant_status, asset.description_status, asset.text_status, colors_status)
            jobs = missing_jobs(asset.tenant_id, asset.id, *states)
            video = await select_video(connection, scope, asset_id)
            if video is not None:
                jobs += missing_video_jobs(asset.tenant_id, video)
            for link in (await select_links(connection, scope, [asset_id])).values():
                jobs += missing_link_jobs(asset.tenant_id, link)
            for job in jobs:
                await self._queue.enqueue(connection, job, Urgency.NEW)
        return now

    async def purge_due(self, limit: int = 500) -> int:
        """Delete for good what has been in the trash for too long; returns how many assets."""
        before = datetime.now(UTC) - self._keep
        async with self._database.read() as connection:
            due = await select_due_for_purge(connection, before, limit)
        purged = 0
        for tenant_id, asset_id in due:
            asset = await self._purge(Scope(tenant_id).trashed(), asset_id)
            if asset is not None:
                purged += 1
                if not await leftovers.remove(self._store, object_keys(asset) | await self._made_of(asset)):
                    break  # the store is away, and each of the others would wait for it
        return purged

    async def _purge(self, scope: Scope, asset_id: UUID) -> Asset | None:
        """Row first, then objects: a crash between them leaves objects without a row, which the sweep removes."""
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            if asset is not None:
                await delete_asset(connection, scope, asset_id)
                await delete_announcement(connection, scope, asset_id)
            return asset

    async def _made_of(self, asset: Asset) -> set[str]:
        """The pictures of a video's scenes and its other forms, which only rows that are gone now knew."""
        if asset.media_type == VIDEO:
            with contextlib.suppress(
                Unavailable
            ):  # as what cannot be removed, what cannot be listed is left to the sweep
                return {stored.key async for stored in self._store.list(made_folder(asset.tenant_id, asset.id))}
        return set()


def object_keys(asset: Asset) -> set[str]:
    """Every object an asset has; variants of equal size share one, and a link has no original."""
    own = {asset.object_key} if asset.object_key else set()
    return own | {variant.object_key for variant in asset.variants.values()}


def _deleted(asset_id: UUID, now: datetime) -> Event:
    return Event(EventType.ASSET_DELETED, {"asset_id": asset_id, "deleted_at": now}, occurred_at=now)


def _deletion(asset_id: UUID, gone: set[UUID], busy: set[UUID], now: datetime) -> Deletion:
    if asset_id in gone:
        return Deletion(asset_id, Fate.DELETED, None, now)
    if asset_id in busy:
        return Deletion(asset_id, Fate.SKIPPED, "File is currently processing")
    return Deletion(asset_id, Fate.FAILED, "File not found")
