"""Describing one picture, whoever asks: jobs for new uploads, and analyses."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from calotype.ai.interfaces import Describer
from calotype.db.color import select_colors
from calotype.db.description import insert_description, update_described
from calotype.db.engine import Connection, Database, pipelined
from calotype.db.operation import update_open_operations
from calotype.db.picture import select_facts
from calotype.db.video import select_video
from calotype.domain.asset import OPEN_STATES, Asset, DescriptionRecord, OperationType, State, StoredVariant
from calotype.domain.description import DescribeRequest, Description, TextReading
from calotype.domain.errors import NotFound, SandboxFailure, UndecodablePicture
from calotype.domain.picture import DevelopedPicture, VariantName
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.domain.video import VIDEO
from calotype.imaging.encode import JPEG
from calotype.imaging.opaque import to_jpeg
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again, when_back
from calotype.services.embedding import EmbeddingService, PreparedEmbeddings
from calotype.services.event import EventService
from calotype.services.processing import note_end
from calotype.storage.store import ObjectStore

_PHOTO = "photo"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Whether text is read at all, and how many seconds one picture may take."""

    enabled: bool
    timeout: float


@dataclass(frozen=True, slots=True)
class Described:
    """What a describer made of one picture, with the vectors that go with it; stored by `DescribingService.store`."""

    description: Description
    embeddings: PreparedEmbeddings
    took_ms: int


class DescribingService:
    """Reads and describes outside of transactions, and stores within the caller's; every call may be repeated without harm."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        events: EventService,
        sandbox: Sandbox,
        describer: Describer,
        embeddings: EmbeddingService,
        limits: ReadingLimits,
    ) -> None:
        self._database = database
        self._store = store
        self._events = events
        self._sandbox = sandbox
        self._describer = describer
        self._embeddings = embeddings
        self._limits = limits

    @property
    def reads_text(self) -> bool:
        """Whether visible text is read in this installation."""
        return self._limits.enabled

    async def read_text(self, asset: Asset) -> str | None:
        """The visible text of one picture, None without any or when it cannot be read.

        Text that cannot be read never keeps a picture from being described. Raises SandboxFailure only when no process could be
        started, and Unavailable when the object store is away.
        """
        try:
            return (await self._read(asset)).text or None
        except (NotFound, SandboxFailure) as error:
            if error.context.get("reason") == "start":
                raise
            _log.warning("text not read", asset_id=str(asset.id), reason=error.message)
            return None

    async def _read(self, asset: Asset) -> TextReading:
        from calotype.ai.rapidocr_reader import read_text

        data = await self._store.get(_large_variant(asset).object_key)
        async with self._database.read() as connection:
            facts = await select_facts(connection, Scope(asset.tenant_id), asset.id)
        # In photographs a glance finds nearly all text at a tenth of the cost; elsewhere text is what matters.
        careful = facts is not None and facts.kind != _PHOTO
        reading: TextReading = await try_again(
            lambda: self._sandbox.run(read_text, data, careful=careful, timeout=self._limits.timeout)
        )
        return reading

    async def describe(self, asset: Asset, *, reads_text: bool = False) -> Described:
        """Describe one picture from what is known of it; nothing is stored.

        With `reads_text` its visible text is read first, where text is read at all, the describer does not look itself, and the
        picture has neither text nor a description yet. Raises UndecodablePicture and NotFound for a picture without variants,
        DescriptionFailed, Unavailable, and SandboxFailure.
        """
        started = time.monotonic()
        scope = Scope(asset.tenant_id).any()
        async with self._database.read() as connection:
            facts = await select_facts(connection, scope, asset.id)
            colors = await select_colors(connection, scope, asset.id)
            video = await select_video(connection, scope, asset.id) if asset.media_type == VIDEO else None
        if facts is None:
            raise _without_variants(asset)
        picture = await self._picture(asset) if self._describer.needs_picture else None
        visible_text = asset.visible_text
        if reads_text and picture is None and self._is_unread(asset):
            visible_text = await self.read_text(asset)
        request = DescribeRequest(
            width=facts.width,
            height=facts.height,
            kind=VIDEO if video else facts.kind,
            format=asset.format,
            size_bytes=asset.size_bytes,
            metadata=facts.metadata,
            colors=colors,
            visible_text=visible_text,
            frames=facts.frames,
            picture=picture,
            duration=video.probe.duration if video and video.probe else None,
        )
        made = await self._describer.describe(request)
        made = replace(made, visible_text=made.visible_text or visible_text)
        # What was waited for, and perhaps paid for, is not thrown away for a lost connection.
        prepared = await when_back(lambda: self._embeddings.prepare(asset, made))
        return Described(made, prepared, round((time.monotonic() - started) * 1000))

    async def describe_frame(self, asset: Asset, frame: DevelopedPicture) -> Description:
        """Describe one moment of a video from what was made of it; its visible text is read by whoever looks at it.

        Raises DescriptionFailed, Unavailable, and SandboxFailure when no process could be started.
        """
        large = next(variant for variant in frame.variants if variant.name is VariantName.LARGE_1024)
        picture = large.data if self._describer.needs_picture else None
        text = None
        if picture is None and self._limits.enabled:
            text = await self._read_frame(asset, frame, large.data)
        request = DescribeRequest(
            width=frame.width,
            height=frame.height,
            kind="frame",
            format=asset.format,
            size_bytes=asset.size_bytes,
            metadata=frame.metadata,
            colors=frame.colors,
            visible_text=text,
            picture=picture,
        )
        made = await self._describer.describe(request)
        return replace(made, visible_text=made.visible_text or text)

    async def _read_frame(self, asset: Asset, frame: DevelopedPicture, data: bytes) -> str | None:
        from calotype.ai.rapidocr_reader import read_text

        try:
            reading: TextReading = await try_again(
                lambda: self._sandbox.run(read_text, data, careful=frame.kind != _PHOTO, timeout=self._limits.timeout)
            )
        except SandboxFailure as error:
            if error.context.get("reason") == "start":
                raise
            _log.warning("text not read", asset_id=str(asset.id), reason=error.message)
            return None
        return reading.text or None

    async def _picture(self, asset: Asset) -> bytes:
        """The large variant as a JPEG, which is what every vision model's server can read."""
        large = _large_variant(asset)
        data = await self._store.get(large.object_key)
        if large.content_type == JPEG:
            return data
        return await try_again(lambda: self._sandbox.run(to_jpeg, data, timeout=self._limits.timeout))

    def _is_unread(self, asset: Asset) -> bool:
        return self._limits.enabled and asset.visible_text is None and not asset.has_description

    async def store(self, connection: Connection, current: Asset, described: Described) -> None:
        """Store a description in the caller's transaction, which holds the lock of `current`, the row as it is now.

        Visible text that was read before stays where the describer read none. That all work on the asset has ended is told only
        if its description was what was still open.
        """
        now = datetime.now(UTC)
        scope = Scope(current.tenant_id).any()
        # Read by a job that was quicker, perhaps.
        made = replace(described.description, visible_text=described.description.visible_text or current.visible_text)
        record = DescriptionRecord(
            uuid4(), made.text, made.visible_text, made.confidence, made.providers, "standard", described.took_ms, now
        )
        steps = (OperationType.DESCRIBE,)
        async with pipelined(connection) as pipeline:
            search = document_of(current, made.text, made.visible_text)
            await update_described(pipeline, scope, current.id, record, search)
            await insert_description(pipeline, scope, current.id, record)
            await self._embeddings.store(pipeline, scope, described.embeddings)
            await update_open_operations(pipeline, scope, current.id, steps, status=State.COMPLETED, completed_at=now)
            if current.description_status in OPEN_STATES:
                ended = replace(current, description_status=State.COMPLETED, description_error=None)
                await note_end(pipeline, scope, self._events, ended)
        await self._embeddings.compare(connection, current, made, described.embeddings)


def document_of(asset: Asset, description: str | None, visible_text: str | None) -> str:
    """The tsvector literal of an asset that gets this description and this visible text."""
    return searchable_asset(
        title=asset.title,
        filename=asset.original_filename,
        tags=asset.tags,
        description=description,
        visible_text=visible_text,
    )


def _large_variant(asset: Asset) -> StoredVariant:
    large = asset.variant(VariantName.LARGE_1024)
    if large is None:
        raise _without_variants(asset)
    return large


def _without_variants(asset: Asset) -> NotFound | UndecodablePicture:
    if asset.variant_error:
        return UndecodablePicture(asset.variant_error)
    return NotFound("the picture has no variants to describe")
