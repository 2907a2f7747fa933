"""Batches: which one an image joins, when it is closed, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from calotype.db.batch import (
    select_batch,
    select_batches,
    select_due_batches,
    update_batch_closed,
    update_batch_taken,
    upsert_collecting_batch,
)
from calotype.db.device_image import select_batch_images
from calotype.db.engine import Connection, Database
from calotype.domain.batch import Batch, BatchImage, BatchStatus
from calotype.domain.device import Device
from calotype.domain.errors import BatchClosed, NotFound, Unauthenticated
from calotype.domain.event import Event, EventType
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.services.event import EventService

_CLOSED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class BatchTerms:
    """How many images a batch takes, and how long after its first one."""

    max_images: int
    max_age: timedelta


class BatchService:
    """The batches of devices: one a device is open at a time."""

    def __init__(self, database: Database, events: EventService, terms: BatchTerms) -> None:
        self._database = database
        self._events = events
        self._terms = terms

    # -------------------------------------------------------- within an upload

    async def join(
        self, connection: Connection, scope: Scope, device_id: UUID, now: datetime, *, wanted: UUID | None = None
    ) -> Batch:
        """Count one more image of a device in its open batch, or in the one that is wanted, which must be that.

        The batch stays locked until the transaction ends, so this comes late; `close_if_full` follows. Raises Unauthenticated
        for a device that is revoked, NotFound and BatchClosed for the batch that is wanted.
        """
        if wanted is not None:
            return await self._join_wanted(connection, scope, device_id, now, wanted)
        batch = await self._join_open(connection, scope, device_id, now)
        if batch.created_at <= now - self._terms.max_age:
            await self._close(connection, scope, batch.id, now, "age", leaving=1)
            batch = await self._join_open(connection, scope, device_id, now)
        return batch

    async def _join_open(self, connection: Connection, scope: Scope, device_id: UUID, now: datetime) -> Batch:
        batch = await upsert_collecting_batch(connection, scope, device_id, now)
        if batch is None:
            raise Unauthenticated("This device was revoked while it sent", scheme="DeviceKey")
        return batch

    async def _join_wanted(
        self, connection: Connection, scope: Scope, device_id: UUID, now: datetime, wanted: UUID
    ) -> Batch:
        batch = await update_batch_taken(connection, scope, device_id, wanted)
        if batch is None:
            known = await select_batch(connection, scope, wanted)
            if known is None or known.device_id != device_id:
                raise NotFound("Batch not found")
        if batch is None or batch.created_at <= now - self._terms.max_age:
            raise BatchClosed("This batch is closed and takes no more images", batch_id=wanted)
        return batch

    async def close_if_full(self, connection: Connection, scope: Scope, batch: Batch, now: datetime) -> None:
        """Close a batch that has just taken its last image."""
        if batch.image_count >= self._terms.max_images:
            await self._close(connection, scope, batch.id, now, "full")

    # ------------------------------------------------------------ the operator

    async def get(self, scope: Scope, batch_id: UUID) -> Batch:
        """One batch. Raises NotFound."""
        await self.close_due(scope)
        async with self._database.read() as connection:
            return _found(await select_batch(connection, scope, batch_id))

    async def page(
        self, scope: Scope, window: Window, *, device_id: UUID | None = None, status: BatchStatus | None = None
    ) -> tuple[list[Batch], int]:
        """A window of all batches, newest first, and how many there are; of one device, in one state, where asked for."""
        await self.close_due(scope)
        async with self._database.snapshot() as connection:
            return await select_batches(connection, scope, device_id, status, window)

    async def images(self, scope: Scope, batch_id: UUID, window: Window) -> tuple[list[BatchImage], int]:
        """A window of a batch's images in the order they came, and how many there are. Raises NotFound."""
        async with self._database.snapshot() as connection:
            _found(await select_batch(connection, scope, batch_id))
            return await select_batch_images(connection, scope, batch_id, window)

    async def close(self, scope: Scope, batch_id: UUID) -> Batch:
        """Close a batch; again is the same. Raises NotFound."""
        async with self._database.write() as connection:
            await self._close(connection, scope, batch_id, datetime.now(UTC), "operator")
            return _found(await select_batch(connection, scope, batch_id))

    async def close_of_device(self, connection: Connection, scope: Scope, device: Device, now: datetime) -> None:
        """Close the batch of a device that will send no more."""
        if device.open_batch_id is not None:
            await self._close(connection, scope, device.open_batch_id, now, "revoked")

    # ----------------------------------------------------------------- of age

    async def close_due(self, scope: Scope | None = None) -> int:
        """Close the batches, of one tenant or of all, that have collected for long enough; returns how many.

        Asked before anything is told of a tenant's batches, so that their state is right whether or not a worker runs.
        """
        now = datetime.now(UTC)
        closed = 0
        while True:
            async with self._database.read() as connection:
                due = await select_due_batches(connection, scope, now - self._terms.max_age, _CLOSED_AT_ONCE)
            for tenant_id, batch_id in due:
                async with self._database.write() as connection:
                    # Decided again under its lock: it may have been closed, and its device's next one has another id.
                    closed += await self._close(connection, Scope(tenant_id), batch_id, now, "age")
            if len(due) < _CLOSED_AT_ONCE:
                return closed

    async def _close(
        self, connection: Connection, scope: Scope, batch_id: UUID, now: datetime, reason: str, *, leaving: int = 0
    ) -> bool:
        batch = await update_batch_closed(connection, scope, batch_id, now, leaving=leaving)
        if batch is None:
            return False
        await self._events.emit(connection, scope, _closed(batch, reason, now))
        return True


def _closed(batch: Batch, reason: str, now: datetime) -> Event:
    data = {
        "batch_id": batch.id,
        "device_id": batch.device_id,
        "image_count": batch.image_count,
        "closed_at": now,
        "reason": reason,
    }
    return Event(EventType.BATCH_CLOSED, data, occurred_at=now)


def _found(batch: Batch | None) -> Batch:
    if batch is None:
        raise NotFound("Batch not found")
    return batch
