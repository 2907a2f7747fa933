"""The way in for images that devices send: each joins a batch, with what was seen in it, and is never taken twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from weakref import WeakValueDictionary

from calotype.db.annotation import insert_annotations
from calotype.db.device_image import insert_device_image, select_batches_of_images, take_numbers
from calotype.db.engine import Connection, Database, pipelined
from calotype.db.idempotency import KeptAnswer, delete_old_answers, insert_kept_answer, select_kept_answer
from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import DeviceImage, DeviceMetadata, image_id_of
from calotype.domain.errors import CalotypeError, DuplicateImage, IdempotencyConflict, InvalidInput
from calotype.domain.event import Event, EventType
from calotype.domain.object_keys import device_image_key
from calotype.domain.principal import CallingDevice
from calotype.domain.scope import Scope
from calotype.domain.upload import IngestResult, UploadOptions
from calotype.domain.values import clean_filename
from calotype.services.batch import BatchService
from calotype.services.discarding import discarding
from calotype.services.event import EventService
from calotype.services.ingest import IngestService
from calotype.services.receive import ReceivedFile, ReceiveService

FORMATS = frozenset({"jpeg", "png"})
MAX_KEY_LENGTH = 255
MAX_METADATA_BYTES = 1024 * 1024
KEPT_FOR = timedelta(hours=24)
_UNNAMED = "image"
_FORGOTTEN_AT_ONCE = 10_000  # answers, which a fleet fills faster than one statement may take to remove a day of them


@dataclass(frozen=True, slots=True)
class DeviceUploadTerms:
    """The most bytes of one image, and of what is said of it."""

    max_image_bytes: int
    max_metadata_bytes: int


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device asks for beside its image: the batch it must go into, and the key under which a repetition is known."""

    metadata: DeviceMetadata
    batch_id: UUID | None = None
    idempotency_key: str | None = None


class _Repeated(Exception):
    """The request was answered before; raised to undo what its repetition has begun."""

    def __init__(self, image: DeviceImage) -> None:
        super().__init__()
        self.image = image


class DeviceUploadService:
    """Receives an image first, then gives it its rows, its place in a batch and its event in one transaction."""

    def __init__(
        self,
        database: Database,
        ingest: IngestService,
        receiver: ReceiveService,
        batches: BatchService,
        events: EventService,
        terms: DeviceUploadTerms,
    ) -> None:
        self.terms = terms
        self._database = database
        self._ingest = ingest
        self._receiver = receiver
        self._batches = batches
        self._events = events
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._numbers = iter(range(0))
        self._numbering = asyncio.Lock()

    def receiving(self, scope: Scope) -> AbstractAsyncContextManager[DeviceUpload]:
        """One upload while its request is read; whatever leaves the block before `accept` leaves nothing behind."""
        return discarding(DeviceUpload(self, scope))

    async def receive(self, scope: Scope, filename: str, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        """Check and store an image while it arrives, under the key it will keep.

        Raises EmptyFile, Unsupported, UndecodablePicture, TooLarge at the first byte too many, Unavailable.
        """
        image_id = image_id_of(await self._next_number())
        name = clean_filename(filename or _UNNAMED)
        return await self._receiver.receive(scope, name, chunks, file_id=image_id, key=device_image_key(image_id, name))

    async def discard(self, received: ReceivedFile) -> None:
        """Remove an image that is not going to be accepted."""
        await self._receiver.discard(received)

    async def accept(
        self, scope: Scope, device: CallingDevice, received: ReceivedFile, request: DeviceRequest
    ) -> DeviceImage:
        """Give a received image its rows, or find that it is not wanted; its object is removed then.

        Raises DuplicateImage, IdempotencyConflict, BatchClosed, NotFound for the batch, Unauthenticated when the device was
        revoked meanwhile, QuotaExceeded, UsageLimitExceeded, Unavailable.
        """
        entry = _Entry(scope, device, received, request)
        metadata = request.metadata
        options = UploadOptions(
            skip_duplicates=device.duplicate_policy is DuplicatePolicy.REJECT,
            tells_duplicates=True,
            custom=metadata.custom,
            captured=metadata.captured,
        )

        async def note(connection: Connection, outcomes: Sequence[IngestResult | CalotypeError]) -> None:
            try:
                entry.image = await self._note(connection, entry, outcomes[0])
            except DuplicateImage as refusal:
                # Told once the note is written that somebody relies on the image it names, which else may be taken back.
                entry.refusal = refusal

        try:
            # Transactions of one device wait for each other at its batch; here they wait without a connection of their own.
            async with self._turns.setdefault(device.id, asyncio.Lock()):
                await self._ingest.accept_all([(received, options)], note=note)
        except _Repeated as repeated:
            await self.discard(received)
            return repeated.image
        if entry.refusal is not None:
            raise entry.refusal
        assert entry.image is not None
        return entry.image

    async def _note(self, connection: Connection, entry: _Entry, outcome: IngestResult | CalotypeError) -> DeviceImage:
        now = datetime.now(UTC)
        try:
            return await self._take(connection, entry, outcome, now)
        except CalotypeError:
            # Whatever the answer would be now, what was answered before is answered again.
            await self._check_repeated(connection, entry, now)
            raise

    async def _take(
        self, connection: Connection, entry: _Entry, outcome: IngestResult | CalotypeError, now: datetime
    ) -> DeviceImage:
        scope, device, request = entry.scope, entry.device, entry.request
        if isinstance(outcome, CalotypeError):
            raise outcome
        if outcome.is_duplicate:
            raise await _duplicate_of(connection, scope, outcome.asset_id)
        # From here on the device's other uploads wait.
        batch = await self._batches.join(connection, scope, device.id, now, wanted=request.batch_id)
        image = DeviceImage(entry.received.id, batch.id, entry.received.object_key, outcome.repeats is not None)
        async with pipelined(connection) as pipeline:
            await insert_device_image(pipeline, scope, device.id, image, request.metadata, now)
            await insert_annotations(pipeline, scope, image.asset_id, request.metadata.annotations)
            await self._events.emit(pipeline, scope, _uploaded(entry, image, now))
        await self._batches.close_if_full(connection, scope, batch, now)
        await self._keep_answer(connection, entry, image, now)
        return image

    async def _check_repeated(self, connection: Connection, entry: _Entry, now: datetime) -> None:
        """Raise what a request with the same key was answered with, or that it was another request."""
        key = entry.request.idempotency_key
        if key is None:
            return
        kept = await select_kept_answer(connection, entry.scope, entry.device.id, key, now - KEPT_FOR)
        if kept is None:
            return
        if kept.fingerprint != entry.fingerprint:
            raise IdempotencyConflict("This idempotency key was used for another image or other metadata")
        raise _Repeated(kept.image)

    async def _keep_answer(self, connection: Connection, entry: _Entry, image: DeviceImage, now: datetime) -> None:
        key = entry.request.idempotency_key
        if key is None:
            return
        answer = KeptAnswer(entry.fingerprint, image)
        is_first = await insert_kept_answer(
            connection, entry.scope, entry.device.id, key, answer, now=now, kept_since=now - KEPT_FOR
        )
        if not is_first:
            raise IdempotencyConflict("This idempotency key was used by another request at the same time")

    async def _next_number(self) -> int:
        """A number that no image had before; some are taken from the database at once, and those left over are lost."""
        async with self._numbering:
            number = next(self._numbers, None)
            if number is None:
                async with self._database.write() as connection:
                    self._numbers = iter(await take_numbers(connection))
                number = next(self._numbers)
            return number

    async def forget_answers(self) -> int:
        """Forget the answers that are kept no longer; returns how many."""
        kept_since = datetime.now(UTC) - KEPT_FOR
        forgotten = 0
        while True:
            async with self._database.write() as connection:
                some = await delete_old_answers(connection, kept_since, _FORGOTTEN_AT_ONCE)
            forgotten += some
            if some < _FORGOTTEN_AT_ONCE:
                return forgotten


class DeviceUpload:
    """One upload being read: `take` its image, then `accept` it."""

    def __init__(self, service: DeviceUploadService, scope: Scope) -> None:
        self._service = service
        self._scope = scope
        self._received: ReceivedFile | None = None

    async def take(self, filename: str, chunks: AsyncIterator[bytes]) -> None:
        """Check and store the image while it arrives, as `DeviceUploadService.receive` does."""
        self._received = await self._service.receive(self._scope, filename, chunks)

    async def accept(self, device: CallingDevice, request: DeviceRequest) -> DeviceImage:
        """Give the image its rows, as `DeviceUploadService.accept` does. Raises InvalidInput when none was sent."""
        received = self._received
        if received is None:
            raise InvalidInput("image is required, as a file of a multipart form", field="image")
        # From here on the rows decide: if the answer to their commit is lost, nobody here knows whether they are there.
        self._received = None
        return await self._service.accept(self._scope, device, received, request)

    async def discard(self) -> None:
        """Remove what was stored, unless it was handed over to get its rows."""
        if self._received is not None:
            await self._service.discard(self._received)


class _Entry:
    """One image on its way in, and what became of it."""

    def __init__(self, scope: Scope, device: CallingDevice, received: ReceivedFile, request: DeviceRequest) -> None:
        self.scope = scope
        self.device = device
        self.received = received
        self.request = request
        self.image: DeviceImage | None = None
        self.refusal: DuplicateImage | None = None

    @property
    def fingerprint(self) -> bytes:
        """What tells this request from another one under the same key."""
        return hashlib.sha256(
            f"{self.received.checksum}\n{self.request.metadata.text}".encode(errors="surrogatepass")
        ).digest()


def check_idempotency_key(key: str | None) -> str | None:
    """A key as it was sent, None for an empty one. Raises InvalidInput above 255 characters."""
    if key is not None and len(key) > MAX_KEY_LENGTH:
        raise InvalidInput(f"Idempotency-Key may have at most {MAX_KEY_LENGTH} characters", field="Idempotency-Key")
    return key or None


async def _duplicate_of(connection: Connection, scope: Scope, asset_id: UUID) -> DuplicateImage:
    batches = await select_batches_of_images(connection, scope, [asset_id])
    return DuplicateImage("This image is held already", image_id=asset_id, batch_id=batches.get(asset_id))


def _uploaded(entry: _Entry, image: DeviceImage, now: datetime) -> Event:
    received = entry.received
    data = {
        "image_id": image.asset_id,
        "asset_id": image.asset_id,
        "device_id": entry.device.id,
        "batch_id": image.batch_id,
        "storage_key": image.object_key,
        "filename": received.filename,
        "size_bytes": received.size_bytes,
        "checksum": f"sha256:{received.checksum}",
        "duplicate": image.is_duplicate,
    }
    return Event(EventType.DEVICE_IMAGE_UPLOADED, data, occurred_at=now)
