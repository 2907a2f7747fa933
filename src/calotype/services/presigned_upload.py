"""Uploads in two steps: announced with initiate, bytes put to a signed target, then confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from calotype.db.asset import select_asset
from calotype.db.engine import Connection, Database
from calotype.db.presigned_upload import (
    delete_reaped,
    delete_refused,
    insert_presigned_upload,
    select_due_for_reaping,
    select_presigned_upload,
    update_presigned_upload,
)
from calotype.domain.asset import State, UploadMethod
from calotype.domain.errors import (
    CalotypeError,
    Conflict,
    EmptyFile,
    Expired,
    NotFound,
    TooLarge,
    Unavailable,
    UndecodablePicture,
    Unsupported,
)
from calotype.domain.object_keys import attempt_key, original_key
from calotype.domain.picture import MediaType
from calotype.domain.presigned_upload import PresignedUpload
from calotype.domain.scope import Scope
from calotype.domain.upload import Announcement, Confirmation, UploadOptions
from calotype.domain.values import clean_filename
from calotype.services import leftovers
from calotype.services.delivery import DeliveryService
from calotype.services.ingest import IngestService
from calotype.services.receive import ReceivedFile
from calotype.storage.store import ObjectStore, StoredObject

MAX_PRESIGNED_BYTES = 52_428_800  # fixed: clients are told so beforehand, whatever a streamed image may have
_UNKNOWN = MediaType("", "", "")
REAP_AFTER = timedelta(hours=1)
FORGET_AFTER = timedelta(hours=25)  # confirm answers "expired" for at least a day after reaping


class PresignedUploadService:
    """From announcement to asset; what never is confirmed is reaped."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        ingest: IngestService,
        delivery: DeliveryService,
        *,
        lifetime: int,
    ) -> None:
        self._database = database
        self._store = store
        self._ingest = ingest
        self._delivery = delivery
        self._lifetime = timedelta(seconds=lifetime)

    async def initiate(self, scope: Scope, filename: str, size_bytes: int, options: UploadOptions) -> Announcement:
        """Announce an upload. Raises TooLarge, QuotaExceeded, UsageLimitExceeded."""
        if size_bytes > MAX_PRESIGNED_BYTES:
            raise TooLarge(
                f"A presigned image may have at most {MAX_PRESIGNED_BYTES} bytes",
                limit=MAX_PRESIGNED_BYTES,
                actual=size_bytes,
            )
        name = clean_filename(filename)
        now = datetime.now(UTC)
        expires_at = (now + self._lifetime).replace(microsecond=0)
        upload_id = uuid4()
        upload = PresignedUpload(
            id=upload_id,
            tenant_id=scope.tenant_id,
            object_key=original_key(scope.tenant_id, upload_id, name),
            original_filename=name,
            declared_size=size_bytes,
            title=options.title,
            tags=options.tags,
            auto_describe=options.auto_describe,
            created_at=now,
            expires_at=expires_at,
        )
        async with self._database.write() as connection:
            await self._ingest.check_quota(connection, scope, size_bytes)
            await insert_presigned_upload(connection, scope, upload)
        path = self._delivery.upload_path(scope.tenant_id, upload_id, int(expires_at.timestamp()))
        return Announcement(upload_id, upload.object_key, path, expires_at, MAX_PRESIGNED_BYTES)

    async def put(self, scope: Scope, upload_id: UUID, chunks: AsyncIterator[bytes]) -> str:
        """Store the bytes of an announced upload, in place of any before them; returns their etag.

        Raises NotFound, Conflict once confirmed, Expired, TooLarge, QuotaExceeded; nothing is kept then.
        """
        async with self._database.read() as connection:
            upload = await self._open_upload(connection, scope, upload_id)
        async with self._store.writer(attempt_key(upload.object_key)) as writer:
            async for chunk in chunks:
                if writer.size + len(chunk) > MAX_PRESIGNED_BYTES:
                    raise TooLarge(f"At most {MAX_PRESIGNED_BYTES} bytes are accepted here", limit=MAX_PRESIGNED_BYTES)
                await writer.write(chunk)
            stored = await writer.commit()
        try:
            replaced = await self._enter(scope, upload_id, stored)
        except Unavailable:
            raise  # the row may have been written before the connection was lost: the sweep decides
        except CalotypeError:
            await leftovers.remove(self._store, [stored.key])
            raise
        await leftovers.remove(self._store, replaced)
        return stored.etag

    async def _enter(self, scope: Scope, upload_id: UUID, stored: StoredObject) -> list[str]:
        """Let a stored object be that of its upload; returns the keys of those it takes the place of."""
        async with self._database.write() as connection:
            upload = await self._open_upload(connection, scope, upload_id, lock=True)
            extra = stored.size - max(upload.declared_size, upload.received_size or 0)
            if extra > 0:
                await self._ingest.check_quota(connection, scope, extra, is_new=False)
            checksum = bytes.fromhex(stored.checksum or "")
            values = {"received_key": stored.key, "received_size": stored.size, "received_checksum": checksum}
            await update_presigned_upload(connection, scope, upload_id, values)
        return [upload.stored_key] if upload.stored_key else []

    async def _open_upload(
        self, connection: Connection, scope: Scope, upload_id: UUID, *, lock: bool = False
    ) -> PresignedUpload:
        upload = await select_presigned_upload(connection, scope, upload_id, lock=lock)
        if upload is None:
            raise NotFound("This upload target is not valid")
        if upload.confirmed_at is not None:
            raise Conflict("This upload is confirmed already")
        if upload.reaped_at is not None:
            raise Expired("This upload has expired")
        return upload

    async def confirm(self, scope: Scope, upload_id: UUID, key: str, size_bytes: int) -> Confirmation:
        """Turn the bytes that were put into an asset; a repeat gets the first answer and starts nothing.

        Raises NotFound, Conflict, Expired, Unsupported, UndecodablePicture. After the last two the upload is forgotten.
        """
        async with self._database.read() as connection:
            upload = _announced(await select_presigned_upload(connection, scope, upload_id), key)
            if upload.confirmed_at is not None:
                return await self._repeat(connection, scope, upload, size_bytes)
        stored = _put(upload, size_bytes)
        media = await self._accepted(scope, upload, stored)
        async with self._database.write() as connection:
            upload = _announced(await select_presigned_upload(connection, scope, upload_id, lock=True), key)
            if upload.confirmed_at is not None:
                return await self._repeat(connection, scope, upload, size_bytes)
            if media is None or _put(upload, size_bytes) != stored:
                raise Conflict("The uploaded bytes have been replaced or are gone; put them again")
            return await self._confirm(connection, scope, upload, replace(stored, media=media))

    async def _repeat(
        self, connection: Connection, scope: Scope, upload: PresignedUpload, size_bytes: int
    ) -> Confirmation:
        if await select_asset(connection, scope, upload.id) is None:
            raise NotFound("File not found")
        if size_bytes != upload.received_size:
            raise Conflict("This upload was confirmed with another size")
        return _confirmation(upload, upload.confirmed_status)

    async def _accepted(self, scope: Scope, upload: PresignedUpload, stored: ReceivedFile) -> MediaType | None:
        """What the bytes are that were put; None where they are gone, as they are once others have taken their place.

        Raises Unsupported, UndecodablePicture; the upload is forgotten then, unless it has got other bytes meanwhile.
        """
        try:
            return await self._ingest.accept_stored(stored.object_key, stored.size_bytes, stored.filename)
        except NotFound:
            return None
        except EmptyFile as error:
            await self._forget(scope, upload.id, stored.object_key)
            raise Unsupported("The uploaded file is empty") from error
        except (Unsupported, UndecodablePicture):
            await self._forget(scope, upload.id, stored.object_key)
            raise

    async def _confirm(
        self, connection: Connection, scope: Scope, upload: PresignedUpload, received: ReceivedFile
    ) -> Confirmation:
        options = UploadOptions(title=upload.title, tags=upload.tags, auto_describe=upload.auto_describe)
        inserted = await self._ingest.insert(connection, received, options, UploadMethod.PRESIGNED)
        status = State.PENDING if inserted.description_queued else State.SKIPPED
        confirmed = {"confirmed_at": datetime.now(UTC), "confirmed_status": status.value}
        await update_presigned_upload(connection, scope, upload.id, confirmed)
        return _confirmation(upload, status)

    async def _forget(self, scope: Scope, upload_id: UUID, stored_key: str) -> None:
        async with self._database.write() as connection:
            is_gone = await delete_refused(connection, scope, upload_id, stored_key)
        if is_gone:
            await leftovers.remove(self._store, [stored_key])

    async def reap(self, limit: int = 200) -> int:
        """Remove bytes and reservations of uploads that expired unconfirmed; returns how many."""
        now = datetime.now(UTC)
        async with self._database.read() as connection:
            due = await select_due_for_reaping(connection, now - REAP_AFTER, limit)
        for upload in due:
            scope = Scope(upload.tenant_id)
            async with self._database.write() as connection:
                current = await select_presigned_upload(connection, scope, upload.id, lock=True)
                if current is None or current.confirmed_at is not None:
                    continue
                await update_presigned_upload(connection, scope, upload.id, {"reaped_at": now})
            await leftovers.remove(self._store, [current.stored_key] if current.stored_key else [])
        async with self._database.write() as connection:
            await delete_reaped(connection, now - FORGET_AFTER)
        return len(due)


def _announced(upload: PresignedUpload | None, key: str) -> PresignedUpload:
    if upload is None or upload.object_key != key:
        raise NotFound("File not found")
    return upload


def _put(upload: PresignedUpload, size_bytes: int) -> ReceivedFile:
    """What was put, of a kind not known yet. Raises Expired, and Conflict for no bytes or another number of them."""
    if datetime.now(UTC) > upload.expires_at:
        raise Expired("This upload has expired")
    if upload.stored_key is None or upload.received_size is None or upload.received_checksum is None:
        raise Conflict("No bytes have been uploaded yet")
    if upload.received_size != size_bytes:
        raise Conflict("The uploaded file has another size", expected=size_bytes, actual=upload.received_size)
    return ReceivedFile(
        upload.id,
        upload.tenant_id,
        upload.stored_key,
        upload.original_filename,
        _UNKNOWN,
        upload.received_size,
        upload.received_checksum,
    )


def _confirmation(upload: PresignedUpload, status: State | None) -> Confirmation:
    return Confirmation(upload.id, status or State.SKIPPED, upload.title, upload.tags)
