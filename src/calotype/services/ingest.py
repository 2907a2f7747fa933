"""Taking files in: what was received gets its row, history and first job in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from calotype.db.asset import (
    insert_asset,
    lock_assets_from_removal,
    lock_checksums,
    select_assets_by_checksum,
)
from calotype.db.custom_metadata import insert_custom_metadata
from calotype.db.document import insert_document
from calotype.db.engine import Connection, Database, Pipeline, pipelined
from calotype.db.operation import insert_operations
from calotype.db.session_file import update_wanted
from calotype.db.upload_session import lock_open_session
from calotype.db.video import insert_video
from calotype.domain.asset import Asset, NewAsset, Operation, OperationType, State, UploadMethod
from calotype.domain.document import DOCUMENT
from calotype.domain.errors import (
    CalotypeError,
    Conflict,
    InvalidInput,
    QuotaExceeded,
    Unavailable,
    UsageLimitExceeded,
)
from calotype.domain.image import IMAGE
from calotype.domain.job import Job, Task
from calotype.domain.picture import MediaType
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset, searchable_metadata
from calotype.domain.upload import IngestResult, UploadOptions
from calotype.domain.video import IndexingRun, NewVideo
from calotype.jobs.queue import JobQueue
from calotype.services.allowance import Allowances
from calotype.services.discarding import discarding
from calotype.services.document_check import DocumentCheck
from calotype.services.indexing_queue import FULL, queue_run
from calotype.services.ingest_limits import IngestLimits
from calotype.services.probing import ProbeService
from calotype.services.receive import ReceivedFile, ReceiveService
from calotype.storage.store import ObjectStore

Note = Callable[[Connection, Sequence[IngestResult | CalotypeError]], Awaitable[None]]
"""What else is written in the transaction that gives files their rows; what it raises undoes that."""


class IngestService(ReceiveService):
    """The whole way in for every file: its bytes as they are received, then its row."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        limits: IngestLimits,
        probing: ProbeService,
        documents: DocumentCheck,
    ) -> None:
        super().__init__(store, limits, probing, documents)
        self._database = database
        self._queue = queue
        self._allowances = Allowances()

    def receiving(self, scope: Scope) -> AbstractAsyncContextManager[SingleUpload]:
        """One upload while its request is read; whatever leaves the block before `accept` leaves nothing behind."""
        return discarding(SingleUpload(self, scope))

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
        now = datetime.now(UTC)
        async with pipelined(connection) as pipeline:
            for place, (received, options) in enumerate(files):
                first = known.get(received.checksum)
                if options.skip_duplicates and first:
                    outcomes.append(replace(first, is_duplicate=True, description_queued=False))
                    continue
                try:
                    allowance.take(received.size_bytes)
                except (QuotaExceeded, UsageLimitExceeded) as error:
                    outcomes.append(error)
                    continue
                # A microsecond apart, so that lists by time keep the order in which files were sent.
                created_at = now + timedelta(microseconds=place)
                result = await self._insert(pipeline, received, options, UploadMethod.STREAMING, created_at)
                if options.tells_duplicates and first:
                    result = replace(result, repeats=first.asset_id)
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
        """What is there already of the contents of which it is asked, by checksum."""
        skipped = {received.checksum for received, options in files if options.skip_duplicates}
        told = {received.checksum for received, options in files if options.tells_duplicates}
        if not skipped and not told:
            return {}
        await lock_checksums(connection, scope, sorted(skipped | told))
        existing = await select_assets_by_checksum(connection, scope, sorted(skipped | told))
        if not skipped & existing.keys():
            return {checksum: _duplicate_of(asset) for checksum, asset in existing.items()}
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
    ) -> IngestResult:
        """Write row, history and first jobs of a new asset, whatever others with its content there are."""
        async with pipelined(connection) as pipeline:
            return await self._insert(pipeline, received, options, method, datetime.now(UTC))

    async def _insert(
        self, pipeline: Pipeline, received: ReceivedFile, options: UploadOptions, method: UploadMethod, now: datetime
    ) -> IngestResult:
        is_document = received.media.media_type == DOCUMENT
        describe = None if is_document else self._description_state(options)
        probe = received.probe
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
            variant_status=None if is_document else State.PENDING,
            description_status=describe,
            text_status=State.PENDING if is_document else None,
            folder_id=options.folder_id,
            recorded_timestamp=options.custom.recorded_timestamp if options.custom else None,
            captured=options.captured or (probe.recorded if probe else None),
            width=probe.width if probe else None,
            height=probe.height if probe else None,
        )
        search = searchable_asset(
            title=new.title,
            filename=new.original_filename,
            tags=new.tags,
            description=None,
            visible_text=None,
        )
        await insert_asset(pipeline, new, search, now)
        if options.custom is not None:
            words = searchable_metadata(options.custom.text)
            await insert_custom_metadata(pipeline, Scope(new.tenant_id), new.id, options.custom.document, words)
        await insert_operations(pipeline, Scope(new.tenant_id), _first_operations(new, now))
        run = await self._insert_video(pipeline, received, options, now) if probe is not None else None
        if is_document:
            await insert_document(pipeline, Scope(new.tenant_id), new.id)
        task = Task.EXTRACT_TEXT if is_document else Task.MAKE_VARIANTS
        await self._queue.enqueue(pipeline, Job(task, new.tenant_id, new.id), options.urgency)
        return IngestResult(
            new.id,
            now,
            new.object_key,
            received.media,
            new.storage_target,
            is_duplicate=False,
            description_queued=describe is State.PENDING,
            text_status=new.text_status,
            run_id=run.id if run else None,
        )

    def _description_state(self, options: UploadOptions) -> State:
        return State.PENDING if options.auto_describe else State.SKIPPED

    async def _insert_video(
        self, pipeline: Pipeline, received: ReceivedFile, options: UploadOptions, now: datetime
    ) -> IndexingRun | None:
        scope = Scope(received.tenant_id)
        video = replace(options.video or NewVideo(received.filename, None), probe=received.probe)
        await insert_video(pipeline, scope, received.id, video)
        if not video.index:
            return None
        return await queue_run(
            pipeline, self._queue, scope, received.id, now, kind=video.index_kind or FULL, urgency=options.urgency
        )

    async def check_quota(self, connection: Connection, scope: Scope, size_bytes: int, *, is_new: bool = True) -> None:
        """Hold bytes to come against their tenant's limits; only a new upload counts towards the monthly one.

        Raises QuotaExceeded and UsageLimitExceeded.
        """
        (await self._allowances.of(connection, scope)).take(size_bytes, is_new=is_new)


class SingleUpload:
    """One upload being read: `take` its file, then `accept` it."""

    def __init__(self, service: IngestService, scope: Scope) -> None:
        self._service = service
        self._scope = scope
        self._received: ReceivedFile | None = None

    @property
    def is_taken(self) -> bool:
        """Whether its file is there."""
        return self._received is not None

    async def take(self, filename: str, chunks: AsyncIterator[bytes], *, declared: str | None = None) -> None:
        """Check and store the file while it arrives. Raises InvalidInput for a second one, and what `receive` raises."""
        if self._received is not None:
            raise InvalidInput("send one file; stream-batch takes several", field="file")
        self._received = await self._service.receive(self._scope, filename, chunks, declared=declared)

    async def accept(self, options: UploadOptions) -> IngestResult:
        """Give the file its row, as `IngestService.accept` does."""
        received = self._received
        assert received is not None
        # From here on the rows decide: if the answer to their commit is lost, nobody here knows whether they are there.
        self._received = None
        return await self._service.accept(received, options)

    async def discard(self) -> None:
        """Remove what was stored, unless it was handed over to get its rows."""
        if self._received is not None:
            await self._service.discard(self._received)


def _first_operations(new: NewAsset, now: datetime) -> list[Operation]:
    kinds = [OperationType.UPLOAD, OperationType.EXTRACT_TEXT if new.text_status else OperationType.VARIANTS]
    if new.media_type == IMAGE:
        kinds.append(OperationType.EXTRACT_COLORS)
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
        existing.id,
        existing.created_at,
        existing.public_key,
        media,
        existing.storage_target,
        is_duplicate=True,
        description_queued=False,
        description=existing.description,
        text_status=existing.text_status,
    )
