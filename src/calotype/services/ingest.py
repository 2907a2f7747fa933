"""Taking files in: bytes are checked, hashed and stored as they arrive; row and jobs follow in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from calotype.db.asset import (
    insert_asset,
    lock_assets_from_removal,
    lock_checksums,
    select_assets_by_checksum,
)
from calotype.db.engine import Connection, Database, Pipeline, pipelined
from calotype.db.operation import insert_operations
from calotype.db.upload_session import lock_open_session, update_wanted
from calotype.domain.asset import Asset, NewAsset, Operation, OperationType, State, UploadMethod
from calotype.domain.errors import (
    CalotypeError,
    Conflict,
    InvalidInput,
    QuotaExceeded,
    TooLarge,
    Unavailable,
    UndecodablePicture,
    Unsupported,
    UsageLimitExceeded,
)
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.picture import MediaType, PictureHeader
from calotype.domain.scope import Scope
from calotype.domain.values import clean_filename, safe_filename
from calotype.imaging.header import read_header
from calotype.imaging.sniff import sniff
from calotype.jobs.queue import JobQueue
from calotype.services.allowance import Allowances
from calotype.services.search_document import search_document
from calotype.storage.store import ObjectStore

SNIFF_BYTES = 64 * 1024  # enough to tell every kind of content
_QUICK_HEADERS = frozenset({"jpeg", "png", "bmp"})
HEAD_BYTES = 1024 * 1024  # kept of each upload, so that nearly every header is read without going back to the store


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What an upload may be: bytes of one image, pixels of all its frames."""

    max_image_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What the client wants done with an upload; values are clean already."""

    title: str | None = None
    tags: tuple[str, ...] = ()
    auto_describe: bool = True
    skip_duplicates: bool = False
    storage_target: str = "default"
    folder_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that is checked and durably stored, but has no row yet."""

    id: UUID
    tenant_id: UUID
    object_key: str
    filename: str
    media: MediaType
    size_bytes: int
    checksum: str


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of an upload: a new asset, or the existing one it repeats."""

    asset_id: UUID
    object_key: str
    media: MediaType
    storage_target: str
    is_duplicate: bool
    description_queued: bool
    description: str | None = None


Note = Callable[[Connection, Sequence[IngestResult | CalotypeError]], Awaitable[None]]
"""What else is written in the transaction that gives files their rows; what it raises undoes that."""


class IngestService:
    """The way in for every file, whatever door it comes through."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        limits: IngestLimits,
        *,
        describes: bool,
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._limits = limits
        self._describes = describes
        self._allowances = Allowances()

    # ------------------------------------------------------------------ bytes

    async def receive(
        self, scope: Scope, filename: str, chunks: AsyncIterator[bytes], *, file_id: UUID | None = None
    ) -> ReceivedFile:
        """Check and store a file while it arrives, under a new id unless one is given; memory does not grow with its size.

        Raises InvalidInput for an empty file, Unsupported, UndecodablePicture, TooLarge, Unavailable. Nothing is kept then.
        """
        name = clean_filename(filename)
        head = await _read_head(chunks)
        media = accepted_picture(bytes(head[:SNIFF_BYTES]))
        file_id = file_id or uuid4()
        key = object_key(scope.tenant_id, file_id, name)
        async with self._store.writer(key) as writer:
            await writer.write(head)
            async for chunk in chunks:
                self._check_size(writer.size + len(chunk))
                if len(head) < HEAD_BYTES:
                    head += chunk[: HEAD_BYTES - len(head)]
                await writer.write(chunk)
            self._check_size(writer.size)
            is_checked = await self._check_head(bytes(head), writer.size, media)
            stored = await writer.commit()
        assert stored.checksum is not None
        received = ReceivedFile(file_id, scope.tenant_id, key, name, media, stored.size, stored.checksum)
        if not is_checked:
            try:
                await self.check_stored(key, stored.size, media)
            except BaseException:
                await self.discard(received)
                raise
        return received

    def _check_size(self, size: int) -> None:
        if size > self._limits.max_image_bytes:
            raise TooLarge(
                f"An image may have at most {self._limits.max_image_bytes} bytes",
                limit=self._limits.max_image_bytes,
            )

    async def _check_head(self, head: bytes, size: int, media: MediaType) -> bool:
        """Read the header from the first bytes; False when it lies further back in the file."""
        if media.format in _QUICK_HEADERS:
            return self._read_head(head, size, media)
        # A hostile GIF can keep the reader busy for half a second, in which other requests must go on.
        return await asyncio.to_thread(self._read_head, head, size, media)

    def _read_head(self, head: bytes, size: int, media: MediaType) -> bool:
        reached_past = False

        def read_at(offset: int, length: int) -> bytes:
            nonlocal reached_past
            if offset + length > len(head) and len(head) < size:
                reached_past = True
            return head[offset : offset + length]

        try:
            header = read_header(read_at, size, media.format)
        except UndecodablePicture:
            if reached_past:
                return False
            raise
        if reached_past:
            return False
        self._check_pixels(header)
        return True

    async def check_stored(self, key: str, size: int, media: MediaType) -> None:
        """Read the header of a stored picture. Raises UndecodablePicture."""
        loop = asyncio.get_running_loop()

        def read_at(offset: int, length: int) -> bytes:
            return asyncio.run_coroutine_threadsafe(self._store.read_at(key, offset, length), loop).result()

        self._check_pixels(await asyncio.to_thread(read_header, read_at, size, media.format))

    def _check_pixels(self, header: PictureHeader) -> None:
        if header.pixels > self._limits.max_pixels:
            raise UndecodablePicture(
                f"The picture has {header.pixels} pixels in {header.frames} frame(s); "
                f"at most {self._limits.max_pixels} are allowed",
                limit=self._limits.max_pixels,
                actual=header.pixels,
            )

    async def discard(self, received: ReceivedFile) -> None:
        """Remove the object of a file that will get no row; what cannot be removed now is left to the sweep."""
        with contextlib.suppress(Unavailable):
            await self._store.delete(received.object_key)

    # ------------------------------------------------------------------- rows

    async def accept(self, received: ReceivedFile, options: UploadOptions) -> IngestResult:
        """Give a received file its row and jobs in one transaction, or find the asset it repeats.

        Raises QuotaExceeded, UsageLimitExceeded, and NotFound for the folder; the object is removed then, as it is for a
        duplicate.
        """
        (outcome,) = await self.accept_all([(received, options)])
        if isinstance(outcome, CalotypeError):
            raise outcome
        return outcome

    async def accept_all(
        self,
        files: Sequence[tuple[ReceivedFile, UploadOptions]],
        *,
        session_id: UUID | None = None,
        note: Note | None = None,
    ) -> list[IngestResult | CalotypeError]:
        """Give received files of one tenant their rows and jobs in one transaction, in their order.

        A file above a limit costs no other: its outcome is the refusal. Raises Conflict when the upload session they belong to
        takes no more files, what `note` raises, and Unavailable. Objects that are certain to have no row are removed.
        """
        scope = Scope(files[0][0].tenant_id)
        try:
            async with self._database.write() as connection:
                # Sessions before assets, as everybody locks them.
                if session_id is not None and not await lock_open_session(connection, scope, session_id):
                    raise Conflict("The upload session was cancelled")
                known = await self._known(connection, scope, files, session_id)
                outcomes = await self._accept_all(connection, scope, files, known)
                if note is not None:
                    await note(connection, outcomes)
        except Unavailable:
            # The rows may have been written before the connection was lost: the sweep decides.
            raise
        except CalotypeError:
            await asyncio.gather(*(self.discard(received) for received, _ in files))
            raise
        for (received, _), outcome in zip(files, outcomes, strict=True):
            if isinstance(outcome, CalotypeError) or outcome.is_duplicate:
                await self.discard(received)
        return outcomes

    async def _accept_all(
        self,
        connection: Connection,
        scope: Scope,
        files: Sequence[tuple[ReceivedFile, UploadOptions]],
        known: dict[str, IngestResult],
    ) -> list[IngestResult | CalotypeError]:
        allowance = await self._allowances.of(connection, scope)
        outcomes: list[IngestResult | CalotypeError] = []
        async with pipelined(connection) as pipeline:
            for received, options in files:
                if options.skip_duplicates and (first := known.get(received.checksum)):
                    outcomes.append(replace(first, is_duplicate=True, description_queued=False))
                    continue
                try:
                    allowance.take(received.size_bytes)
                except (QuotaExceeded, UsageLimitExceeded) as error:
                    outcomes.append(error)
                    continue
                state = await self._insert(pipeline, received, options, UploadMethod.STREAMING)
                result = IngestResult(
                    received.id,
                    received.object_key,
                    received.media,
                    options.storage_target,
                    is_duplicate=False,
                    description_queued=state is State.PENDING,
                )
                known.setdefault(received.checksum, result)
                outcomes.append(result)
        return outcomes

    async def _known(
        self,
        connection: Connection,
        scope: Scope,
        files: Sequence[tuple[ReceivedFile, UploadOptions]],
        session_id: UUID | None,
    ) -> dict[str, IngestResult]:
        """What is there already of the contents that must not be stored twice, by checksum."""
        checksums = sorted({received.checksum for received, options in files if options.skip_duplicates})
        if not checksums:
            return {}
        await lock_checksums(connection, scope, checksums)
        existing = await select_assets_by_checksum(connection, scope, checksums)
        if not existing:
            return {}
        ids = [asset.id for asset in existing.values()]
        # A batch that is refused takes back what it stored, but not what another upload relies on.
        kept = await lock_assets_from_removal(connection, scope, ids)
        await update_wanted(connection, scope, ids, session_id)
        return {checksum: _duplicate_of(asset) for checksum, asset in existing.items() if asset.id in kept}

    async def insert(
        self,
        connection: Connection,
        received: ReceivedFile,
        options: UploadOptions,
        method: UploadMethod,
    ) -> State:
        """Write row, history and first job of a new asset; returns the state its description starts in."""
        async with pipelined(connection) as pipeline:
            return await self._insert(pipeline, received, options, method)

    async def _insert(
        self, pipeline: Pipeline, received: ReceivedFile, options: UploadOptions, method: UploadMethod
    ) -> State:
        now = datetime.now(UTC)
        describe = State.PENDING if options.auto_describe and self._describes else State.SKIPPED
        new = NewAsset(
            id=received.id,
            tenant_id=received.tenant_id,
            media_type=received.media.media_type,
            content_type=received.media.content_type,
            format=received.media.format,
            upload_method=method,
            object_key=received.object_key,
            original_filename=received.filename,
            size_bytes=received.size_bytes,
            checksum=received.checksum,
            title=options.title,
            tags=options.tags,
            storage_target=options.storage_target,
            auto_describe=options.auto_describe,
            variant_status=State.PENDING,
            description_status=describe,
            folder_id=options.folder_id,
        )
        search = search_document(
            title=new.title,
            filename=new.original_filename,
            tags=new.tags,
            description=None,
            visible_text=None,
        )
        await insert_asset(pipeline, new, search, now)
        await insert_operations(pipeline, Scope(new.tenant_id), _first_operations(new, now))
        await self._queue.enqueue(pipeline, Job(Task.MAKE_VARIANTS, new.tenant_id, new.id), Urgency.NEW)
        return describe

    async def check_quota(self, connection: Connection, scope: Scope, size_bytes: int, *, is_new: bool = True) -> None:
        """Hold bytes to come against their tenant's limits; only a new upload counts towards the monthly one.

        Raises QuotaExceeded and UsageLimitExceeded.
        """
        (await self._allowances.of(connection, scope)).take(size_bytes, is_new=is_new)


def accepted_picture(head: bytes) -> MediaType:
    """The kind of picture some first bytes are. Raises InvalidInput when empty, Unsupported for anything else."""
    if not head:
        raise InvalidInput("The file is empty", field="file")
    media = sniff(head)
    if media is None:
        raise Unsupported("The content of this file is of no supported type")
    if media.media_type != "image":
        raise Unsupported(
            f"{media.content_type} files are not accepted by this version", content_type=media.content_type
        )
    return media


def object_key(tenant_id: UUID, file_id: UUID, filename: str) -> str:
    """Where an original lies; only ids and an ASCII form of the name stand in it."""
    return f"uploads/{tenant_id}/{file_id}/{safe_filename(filename)}"


async def _read_head(chunks: AsyncIterator[bytes]) -> bytearray:
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= SNIFF_BYTES:
            break
    return head


def _first_operations(new: NewAsset, now: datetime) -> list[Operation]:
    kinds = [OperationType.UPLOAD, OperationType.VARIANTS, OperationType.EXTRACT_COLORS]
    if new.description_status is State.PENDING:
        kinds.append(OperationType.DESCRIBE)
    return [_first_operation(new.id, kind, now + timedelta(microseconds=place)) for place, kind in enumerate(kinds)]


def _first_operation(asset_id: UUID, kind: OperationType, created_at: datetime) -> Operation:
    """A step that waits, or the upload itself, which is done; times a microsecond apart keep the steps in their order."""
    if kind is OperationType.UPLOAD:
        return Operation(uuid4(), asset_id, kind, State.COMPLETED, created_at, created_at, None)
    return Operation(uuid4(), asset_id, kind, State.PENDING, created_at, None, None)


def _duplicate_of(existing: Asset) -> IngestResult:
    media = MediaType(existing.media_type, existing.content_type, existing.format)
    return IngestResult(
        existing.id, existing.object_key, media, existing.storage_target, True, False, existing.description
    )
