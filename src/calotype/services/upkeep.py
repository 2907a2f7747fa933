"""What is done from time to time: lost work queued again, the trash emptied, leftovers swept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from calotype.db.device_image import select_numbers_taken
from calotype.db.engine import Database
from calotype.db.installation import select_installed_at
from calotype.db.upkeep import select_known_keys, select_next_originals
from calotype.domain import object_keys
from calotype.domain.device_image import number_of
from calotype.domain.errors import NotFound
from calotype.jobs.queue import JobQueue
from calotype.services.analysis_session import AnalysisSessionService
from calotype.services.batch import BatchService
from calotype.services.chunked_upload import ChunkedUploadService
from calotype.services.device_upload import DeviceUploadService
from calotype.services.lost_work import LostWork
from calotype.services.presigned_upload import PresignedUploadService
from calotype.services.store_owner import OWNER_REMEDY, StoreOwner
from calotype.services.trash import TrashService
from calotype.services.upload_session import UploadSessionService
from calotype.services.webhook_delivery import WebhookDeliveryService
from calotype.storage.store import ObjectStore

_BATCH = 500
_log = structlog.get_logger(__name__)


class UpkeepService:
    """Every step may run on several workers at once."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        lost_work: LostWork,
        trash: TrashService,
        presigned: PresignedUploadService,
        chunked_uploads: ChunkedUploadService,
        sessions: UploadSessionService,
        batches: BatchService,
        device_uploads: DeviceUploadService,
        webhook_deliveries: WebhookDeliveryService,
        analysis_sessions: AnalysisSessionService,
        owner: StoreOwner,
        *,
        stalled_after: float,
        orphan_age: timedelta,
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._lost_work = lost_work
        self._trash = trash
        self._presigned = presigned
        self._chunked_uploads = chunked_uploads
        self._sessions = sessions
        self._batches = batches
        self._device_uploads = device_uploads
        self._webhook_deliveries = webhook_deliveries
        self._analysis_sessions = analysis_sessions
        self._owner = owner
        self._stalled_after = stalled_after
        self._orphan_age = orphan_age

    async def rescue(self) -> int:
        """Give jobs of dead workers back to the queue."""
        async with self._database.write() as connection:
            rescued = await self._queue.rescue(connection, self._stalled_after)
        if rescued:
            _log.info("jobs of a dead worker given back", jobs=rescued)
        return rescued

    async def requeue_missing(self) -> int:
        """Queue the work that rows say is missing and the queue knows nothing of; returns how many jobs."""
        queued = await self._lost_work.requeue() + await self._webhook_deliveries.requeue_overdue()
        if queued:
            _log.warning("lost work queued again", jobs=queued)
        return queued

    async def end_sessions(self) -> None:
        """End upload sessions that nobody reads any more, that missed an end, or that have expired."""
        if abandoned := await self._sessions.end_abandoned():
            _log.warning("upload sessions whose reader died", sessions=abandoned)
        if missed := await self._sessions.settle_missed():
            _log.warning("files of upload sessions settled late", files=missed)
        if expired := await self._sessions.expire():
            _log.warning("upload sessions expired", sessions=expired)

    async def close_batches(self) -> None:
        """Close the batches of devices that have collected for long enough."""
        if closed := await self._batches.close_due():
            _log.info("batches closed for their age", batches=closed)

    async def empty_trash(self) -> None:
        """Delete for good what is due."""
        if purged := await self._trash.purge_due():
            _log.info("purged", assets=purged)

    async def reap_uploads(self) -> None:
        """Remove uploads that were never confirmed or completed."""
        if reaped := await self._presigned.reap():
            _log.info("expired uploads reaped", uploads=reaped)
        if reaped := await self._chunked_uploads.reap():
            _log.info("expired uploads in chunks reaped", uploads=reaped)

    async def forget(self) -> None:
        """Forget answers kept for repetitions, old events and old analysis sessions."""
        await self._device_uploads.forget_answers()
        if forgotten := await self._webhook_deliveries.clean():
            _log.info("old events forgotten", events=forgotten)
        if gone := await self._analysis_sessions.forget():
            _log.info("old analysis sessions forgotten", sessions=gone)

    async def claim_store(self) -> bool:
        """Whether the object store is this installation's; one that was nobody's is from then on."""
        is_ours = await self._owner.claim()
        if not is_ours:
            _log.error("the object store belongs to another installation; nothing in it is swept", remedy=OWNER_REMEDY)
        return is_ours

    async def sweep(self) -> int:
        """Remove objects that no row knows and that are old enough to be certain; returns how many.

        What is older than the database can be no leftover of it, and in a store that belongs to another installation nothing is:
        a process that was started with the wrong database, or an empty one, must not take a library for what nobody knows.
        """
        older_than = datetime.now(UTC) - self._orphan_age
        await self._store.sweep_temporary(older_than)
        if not await self.claim_store():
            return 0
        async with self._database.read() as connection:
            taken = await select_numbers_taken(connection)
            installed_at = await select_installed_at(connection)
        swept = 0
        for folder in object_keys.FOLDERS:
            batch: list[str] = []
            async for stored in self._store.list(f"{folder}/", older_than=older_than):
                if stored.modified_at >= installed_at and _is_ours(stored.key, taken):
                    batch.append(stored.key)
                if len(batch) >= _BATCH:
                    swept += await self._sweep(batch)
                    batch = []
            swept += await self._sweep(batch)
        if swept:
            _log.info("objects without rows swept", objects=swept)
        return swept

    async def _sweep(self, keys: list[str]) -> int:
        if not keys:
            return 0
        async with self._database.read() as connection:
            known = await select_known_keys(connection, keys)
        unknown = [key for key in keys if key not in known]
        for key in unknown:
            await self._store.delete(key)
        return len(unknown)

    async def missing_originals(self) -> list[UUID]:
        """Assets whose original is not in the object store; none, unless somebody removed files."""
        missing: list[UUID] = []
        after: UUID | None = None
        while True:
            async with self._database.read() as connection:
                rows = await select_next_originals(connection, after, _BATCH)
            for asset_id, key in rows:
                try:
                    await self._store.head(key)
                except NotFound:
                    missing.append(asset_id)
            if len(rows) < _BATCH:
                return missing
            after = rows[-1][0]


def _is_ours(key: str, numbers_taken: int) -> bool:
    """Whether this server can have written an object; what others keep under such a short name must be left alone."""
    if digits := object_keys.digits_in(key):
        return number_of(digits) < numbers_taken
    return object_keys.owner_in(key) is not None
