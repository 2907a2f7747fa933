"""The colours of single pictures: what is known of them, and finding them anew on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog

from calotype.db.asset import lock_asset, select_asset, select_assets
from calotype.db.color import replace_colors, select_extractions, update_begun, update_ended, upsert_requests
from calotype.db.engine import Connection, Database, pipelined
from calotype.db.operation import insert_operations, update_open_operations
from calotype.domain.asset import OPEN_STATES, Asset, Operation, OperationType, State
from calotype.domain.color import MOST_COLORS, Extraction, ExtractionState, PictureColors, colors_of
from calotype.domain.errors import NotFound, SandboxFailure
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.picture import DominantColor, VariantName
from calotype.domain.scope import Scope
from calotype.imaging.pipeline import extract_colors
from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import MOST_BEGINNINGS, lasting_reason, try_again
from calotype.storage.store import ObjectStore

_STEP = (OperationType.EXTRACT_COLORS,)
_log = structlog.get_logger(__name__)


class ColorService:
    """Every picture's colours are found with its variants; here they are told, and found again for another number of them."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        sandbox: Sandbox,
        *,
        max_pixels: int,
        timeout: float,
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._sandbox = sandbox
        self._max_pixels = max_pixels
        self._timeout = timeout

    async def get(self, scope: Scope, image_id: UUID) -> PictureColors:
        """The colours of a picture as far as they are known. Raises NotFound for all that is no live image."""
        async with self._database.snapshot() as connection:
            asset = await select_asset(connection, scope, image_id)
            if asset is None or asset.media_type != "image":
                raise NotFound("Image not found")
            return colors_of(asset, (await select_extractions(connection, scope, [image_id])).get(image_id))

    async def request(self, scope: Scope, image_id: UUID, n_colors: int, *, force: bool) -> PictureColors:
        """Have at most `n_colors` colours found, unless that was done before and is not forced. Raises NotFound."""
        found = (await self._request(scope, [image_id], n_colors, force=force)).get(image_id)
        if found is None:
            raise NotFound("Image not found")
        return found

    async def request_many(self, scope: Scope, image_ids: Sequence[UUID], n_colors: int, *, force: bool) -> int:
        """The same for several; returns how many of them wait now. What is no live image is passed over."""
        found = await self._request(scope, sorted(set(image_ids)), n_colors, force=force)
        return sum(colors.state is ExtractionState.QUEUED for colors in found.values())

    async def _request(
        self, scope: Scope, image_ids: Sequence[UUID], n_colors: int, *, force: bool
    ) -> dict[UUID, PictureColors]:
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            assets = await select_assets(connection, scope, image_ids, lock=True)
            images = {asset_id: asset for asset_id, asset in assets.items() if asset.media_type == "image"}
            known = await select_extractions(connection, scope, list(images))
            answers = {
                asset_id: (None if force else _finished(known.get(asset_id), n_colors))
                or PictureColors(asset_id, ExtractionState.QUEUED, None)
                for asset_id in images
            }
            waiting = [image for image in images.values() if answers[image.id].state is ExtractionState.QUEUED]
            await self._queue_all(connection, scope, waiting, known, n_colors, now)
        return answers

    async def _queue_all(
        self,
        connection: Connection,
        scope: Scope,
        assets: Sequence[Asset],
        known: Mapping[UUID, Extraction],
        n_colors: int,
        now: datetime,
    ) -> None:
        # A development that is still to come finds the usual number of colours by itself.
        mine = [a for a in assets if n_colors != MOST_COLORS or a.id in known or a.variant_status not in OPEN_STATES]
        fresh = [a.id for a in mine if not _is_under_way(known.get(a.id), n_colors)]
        if not mine:
            return
        if fresh:
            await upsert_requests(connection, scope, fresh, n_colors, now)
        under_way = {a.id for a in mine}.difference(fresh)
        # The job of one that is under way may have been lost.
        active = await self._queue.select_active(connection, sorted(under_way), (Task.EXTRACT_COLORS,))
        async with pipelined(connection) as pipeline:
            if fresh:
                steps = [Operation(uuid4(), id_, *_STEP, State.PENDING, now, None, None) for id_ in fresh]
                await insert_operations(pipeline, scope, steps)
            for asset in (asset for asset in mine if asset.id not in active):
                job = Job(Task.EXTRACT_COLORS, asset.tenant_id, asset.id)
                await self._queue.enqueue(pipeline, job, Urgency.INTERACTIVE)

    async def extract(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Find the colours of one picture, as its row asks for; may be repeated without harm.

        `attempt` counts how often the job was begun. Raises what may pass (`lasting_reason`).
        """
        async with self._database.mark() as connection:
            asset = await select_asset(connection, scope, asset_id)
            wanted = await update_begun(connection, scope, asset_id) if asset else None
            if asset is None or wanted is None:
                return
            await update_open_operations(connection, scope, asset_id, _STEP, status=State.PROCESSING)
        try:
            colors = await self._find(asset, wanted, attempt)
            await self._end(asset, wanted, colors, None)
        except Exception as error:
            await self._end(asset, wanted, None, lasting_reason(error, attempt))

    async def _find(self, asset: Asset, wanted: int, begun: int) -> tuple[DominantColor, ...]:
        if begun > MOST_BEGINNINGS:
            raise SandboxFailure(f"its processing was interrupted {begun - 1} times", reason="crashed")
        large = asset.variant(VariantName.LARGE_1024)
        if large is not None:
            try:
                return await self._extract(large.object_key, wanted)
            except NotFound:
                _log.warning("variant missing", asset_id=str(asset.id), object_key=large.object_key)
        return await self._extract(asset.object_key, wanted)

    async def _extract(self, object_key: str, wanted: int) -> tuple[DominantColor, ...]:
        async with self._store.local_path(object_key) as path:
            found: tuple[DominantColor, ...] = await try_again(
                lambda: self._sandbox.run(
                    extract_colors, str(path), wanted, pixel_limit=self._max_pixels, timeout=self._timeout
                )
            )
        return found

    async def _end(
        self, asset: Asset, wanted: int, colors: tuple[DominantColor, ...] | None, reason: str | None
    ) -> None:
        """Store what was found, or why nothing was, unless another number of colours has been asked for meanwhile."""
        scope = Scope(asset.tenant_id).any()
        status = State.FAILED if colors is None else State.COMPLETED
        if reason:
            _log.warning("colours not extracted", asset_id=str(asset.id), reason=reason)
        async with self._database.write() as connection:
            if not await lock_asset(connection, scope, asset.id):
                return
            if not await update_ended(connection, scope, asset.id, wanted, status):
                return
            async with pipelined(connection) as pipeline:
                if colors is not None:
                    await replace_colors(pipeline, scope, asset.id, colors)
                await update_open_operations(
                    pipeline,
                    scope,
                    asset.id,
                    _STEP,
                    status=status,
                    completed_at=datetime.now(UTC),
                    error_message=reason,
                )


def _finished(extraction: Extraction | None, n_colors: int) -> PictureColors | None:
    """The answer to a request for what is there already."""
    if extraction is None or extraction.status is not State.COMPLETED or extraction.wanted != n_colors:
        return None
    return PictureColors(extraction.asset_id, ExtractionState.COMPLETED, extraction.analysis)


def _is_under_way(extraction: Extraction | None, n_colors: int) -> bool:
    return extraction is not None and extraction.status in OPEN_STATES and extraction.wanted == n_colors
