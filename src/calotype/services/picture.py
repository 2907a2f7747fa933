"""Developing pictures, and posters of videos: from the original's bytes to variants, blur hash, colours and metadata."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog

from calotype.db.asset import select_asset, update_asset, update_status
from calotype.db.engine import Connection, Database, Pipeline, pipelined
from calotype.db.operation import update_open_operations
from calotype.db.picture import update_developed, update_poster
from calotype.domain.asset import OPEN_STATES, Asset, OperationType, State, StoredVariant
from calotype.domain.errors import SandboxFailure
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.picture import DevelopedPicture, VariantName
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.domain.values import MAX_TAG_LENGTH, MAX_TAGS
from calotype.domain.video import VIDEO
from calotype.imaging.pipeline import develop
from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.services import leftovers
from calotype.services.attempts import MOST_BEGINNINGS, lasting_reason, try_again
from calotype.services.event import EventService
from calotype.services.processing import note_end
from calotype.services.variants import lay_out
from calotype.storage.store import ObjectStore
from calotype.video.poster import extract_poster

_MARK_AFTER = 0.5  # seconds; most pictures are done by then and save two statements
_STEPS = (OperationType.VARIANTS, OperationType.EXTRACT_COLORS)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DevelopLimits:
    """How many pixels a picture may have, how many seconds its development may take, and what becomes of its keywords.

    `max_frame_pixels` bounds one frame of a video.
    """

    max_pixels: int
    timeout: float
    keywords_as_tags: bool
    max_frame_pixels: int


class PictureService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        events: EventService,
        sandbox: Sandbox,
        limits: DevelopLimits,
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._events = events
        self._sandbox = sandbox
        self._limits = limits

    async def make_variants(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Develop one picture, in another process again when one did not survive it.

        `attempt` counts how often the job was begun. Raises what may pass (`lasting_reason`).
        """
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
        if asset is None or asset.variant_status not in OPEN_STATES:
            return
        try:
            async with self._marked(asset):
                picture = await self._develop(asset, attempt)
            await self._finish(asset, picture)
        except Exception as error:
            await self._fail(asset, lasting_reason(error, attempt))

    @asynccontextmanager
    async def _marked(self, asset: Asset) -> AsyncIterator[None]:
        """Show the picture as being processed, once that takes long enough for anybody to see it."""

        async def mark() -> None:
            await asyncio.sleep(_MARK_AFTER)
            async with self._database.mark() as connection:
                scope = Scope(asset.tenant_id)
                if await update_status(connection, scope, asset.id, "variant_status", OPEN_STATES, State.PROCESSING):
                    await update_open_operations(connection, scope, asset.id, _STEPS, status=State.PROCESSING)

        marking = asyncio.create_task(mark())
        try:
            yield
        finally:
            marking.cancel()
            # It may be on its way to the database; what follows must come after it.
            await asyncio.wait([marking])
            if not marking.cancelled() and (error := marking.exception()):
                _log.warning("picture not marked", asset_id=str(asset.id), reason=str(error))

    async def _develop(self, asset: Asset, begun: int) -> DevelopedPicture:
        if begun > MOST_BEGINNINGS:
            raise SandboxFailure(f"its processing was interrupted {begun - 1} times", reason="crashed")
        async with self._picture(asset) as path:
            developed: DevelopedPicture = await try_again(
                lambda: self._sandbox.run(
                    develop, str(path), pixel_limit=self._limits.max_pixels, timeout=self._limits.timeout
                )
            )
        return developed

    @asynccontextmanager
    async def _picture(self, asset: Asset) -> AsyncIterator[Path]:
        """The picture that is developed: the original, or one telling frame of a video."""
        async with self._store.local_path(asset.object_key) as path:
            if asset.media_type != VIDEO:
                yield path
                return
            poster: bytes = await try_again(
                lambda: self._sandbox.run(
                    extract_poster,
                    str(path),
                    asset.format,
                    pixel_limit=self._limits.max_frame_pixels,
                    timeout=self._limits.timeout,
                )
            )
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            file.write(poster)
            file.flush()
            yield Path(file.name)

    async def _finish(self, asset: Asset, picture: DevelopedPicture) -> None:
        variants, objects = lay_out(asset, picture.variants)
        await self._store.put_many(list(objects.items()))
        # A picture trashed meanwhile keeps what was made, for its restoration; one purged meanwhile must not, nor one whose
        # work was ended by somebody else.
        scope = Scope(asset.tenant_id).any()
        async with self._database.write() as connection:
            current = await select_asset(connection, scope, asset.id, lock=True)
            kept = current is not None and current.variant_status in OPEN_STATES
            if current is not None and kept:
                async with pipelined(connection) as pipeline:
                    await _store(pipeline, scope, asset, picture, variants)
                    await update_open_operations(
                        pipeline, scope, asset.id, _STEPS, status=State.COMPLETED, completed_at=datetime.now(UTC)
                    )
                    if current.description_status in OPEN_STATES:
                        job = Job(Task.READ_TEXT, asset.tenant_id, asset.id)
                        await self._queue.enqueue(pipeline, job, Urgency.NEW)
                    else:
                        await note_end(pipeline, scope, self._events, _developed(current, picture))
                if self._limits.keywords_as_tags and not asset.variants:
                    await _add_tags(connection, scope, asset.id, picture.metadata.keywords)
        before = current.variants if current is not None else {}
        in_use = set(objects) if kept else {old.object_key for old in before.values()}
        stale = ({old.object_key for old in before.values()} | set(objects)) - in_use
        await leftovers.remove(self._store, stale)

    async def _fail(self, asset: Asset, reason: str) -> None:
        _log.warning("picture failed", asset_id=str(asset.id), format=asset.format, reason=reason)
        now = datetime.now(UTC)
        scope = Scope(asset.tenant_id).any()
        async with self._database.write() as connection:
            current = await update_status(connection, scope, asset.id, "variant_status", OPEN_STATES, State.FAILED)
            if current is None:
                return  # another worker, to whom the job was given meanwhile, has ended it
            values: dict[str, object] = {"variant_status": State.FAILED.value, "variant_error": reason}
            steps: tuple[OperationType, ...] = _STEPS
            ended = replace(current, variant_error=reason)
            if current.description_status in OPEN_STATES:
                ended = replace(ended, description_status=State.FAILED, description_error=reason)
                values |= {"description_status": State.FAILED.value, "description_error": reason}
                steps = (*_STEPS, OperationType.DESCRIBE)
            await update_asset(connection, scope, asset.id, values)
            await update_open_operations(
                connection,
                scope,
                asset.id,
                steps,
                status=State.FAILED,
                completed_at=now,
                error_message=reason,
            )
            await note_end(connection, scope, self._events, ended)


async def _store(
    pipeline: Pipeline,
    scope: Scope,
    asset: Asset,
    picture: DevelopedPicture,
    variants: Mapping[VariantName, StoredVariant],
) -> None:
    """Of a video only the pictures of it are stored: its size is known, and its frames are not searched by colour or likeness."""
    if asset.media_type == VIDEO:
        await update_poster(pipeline, scope, asset.id, picture, variants)
    else:
        await update_developed(pipeline, scope, asset.id, picture, variants)


async def _add_tags(connection: Connection, scope: Scope, asset_id: UUID, keywords: Sequence[str]) -> None:
    """Add a picture's own keywords to its tags, as far as they are allowed as tags."""
    current = await select_asset(connection, scope, asset_id)
    fitting = [word for keyword in keywords if (word := keyword.strip()) and len(word) <= MAX_TAG_LENGTH]
    if current is None or not fitting:
        return
    tags = tuple(dict.fromkeys([*current.tags, *fitting]))[:MAX_TAGS]
    search = searchable_asset(
        title=current.title,
        filename=current.original_filename,
        tags=tags,
        description=current.description,
        visible_text=current.visible_text,
    )
    await update_asset(connection, scope, asset_id, {"tags": list(tags), "search": search})


def _developed(asset: Asset, picture: DevelopedPicture) -> Asset:
    """The asset as development leaves it, as far as others are told."""
    ended = replace(asset, variant_status=State.COMPLETED, variant_error=None)
    return ended if asset.media_type == VIDEO else replace(ended, width=picture.width, height=picture.height)
