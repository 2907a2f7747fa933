"""Reading and editing single assets, and asking for their variants again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from calotype.db.annotation import select_annotations
from calotype.db.asset import select_asset, select_assets_by_prefix, update_asset
from calotype.db.description import select_descriptions
from calotype.db.device_image import select_batches_of_images
from calotype.db.engine import Connection, Database
from calotype.db.link import select_link
from calotype.db.operation import insert_operations, select_open_operation, select_operations
from calotype.domain.annotation import Annotation
from calotype.domain.asset import OPEN_STATES, Asset, Operation, OperationType, State
from calotype.domain.asset_detail import AssetDetail
from calotype.domain.errors import Conflict, NotFound, NotReady, Refused
from calotype.domain.image import IMAGE
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.link import LINK, Link
from calotype.domain.picture import VariantName
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.domain.video import VIDEO
from calotype.jobs.queue import JobQueue
from calotype.services.embedding import EmbeddingService
from calotype.services.library_document import library_documents, library_links
from calotype.services.library_video import library_videos

_PREFIX = re.compile(r"[0-9a-fA-F]{8}")


@dataclass(frozen=True, slots=True)
class TriggeredRun:
    """A run of variant generation: the one just queued, or the one that was under way already."""

    id: UUID
    status: State
    is_new: bool


class AssetService:
    """One asset at a time."""

    def __init__(self, database: Database, queue: JobQueue, embeddings: EmbeddingService) -> None:
        self._database = database
        self._queue = queue
        self._embeddings = embeddings

    async def get(self, scope: Scope, asset_id: UUID) -> Asset:
        """One asset. Raises NotFound."""
        async with self._database.read() as connection:
            asset = await select_asset(connection, scope, asset_id)
        return _found(asset)

    async def original(self, scope: Scope, asset_id: UUID) -> Asset:
        """One asset that can be downloaded. Raises NotFound, Refused for links, and NotReady for a video on its way."""
        asset = await self.get(scope, asset_id)
        if asset.media_type == LINK:
            raise Refused("A link has no file to download")
        _require_bytes(asset)
        return asset

    async def detail(self, scope: Scope, identity: str) -> AssetDetail:
        """An asset with its history, by its whole id or the first eight hexadecimal digits of it.

        Raises NotFound for unknown and malformed ids, Conflict when a prefix fits several assets.
        """
        async with self._database.snapshot() as connection:
            if _PREFIX.fullmatch(identity):
                matches = await select_assets_by_prefix(connection, scope, identity.lower(), 2)
                if len(matches) > 1:
                    raise Conflict("Several files begin with this id; use the whole one")
                asset = matches[0] if matches else None
            else:
                asset = await select_asset(connection, scope, _parse_id(identity))
            asset = _found(asset)
            return AssetDetail(
                asset,
                tuple(await select_descriptions(connection, scope, asset.id)),
                tuple(await select_operations(connection, scope, asset.id)),
                await _annotations(connection, scope, asset.id),
                (await library_videos(connection, scope, [asset])).get(asset.id),
                (await library_documents(connection, scope, [asset])).get(asset.id),
                (await library_links(connection, scope, [asset])).get(asset.id),
            )

    async def update(self, scope: Scope, asset_id: UUID, changes: Mapping[str, Any]) -> Asset:
        """Change title or tags (clean values; absent means unchanged). No change leaves `updated_at` alone. Raises NotFound."""
        async with self._database.write() as connection:
            asset = _found(await select_asset(connection, scope, asset_id, lock=True))
            if not changes:
                return asset
            values = {key: list(value) if key == "tags" else value for key, value in changes.items()}
            now = datetime.now(UTC)
            values["updated_at"] = now
            values["search"] = searchable_asset(
                title=changes.get("title", asset.title),
                filename=asset.original_filename,
                tags=changes.get("tags", asset.tags),
                description=asset.description,
                visible_text=asset.visible_text,
            )
            await update_asset(connection, scope, asset_id, values)
            if any(changes.get(name, getattr(asset, name)) != getattr(asset, name) for name in ("title", "tags")):
                await self._embeddings.mark_stale(connection, asset, now)
            return _found(await select_asset(connection, scope, asset_id))

    async def with_variant(self, scope: Scope, asset_id: UUID, name: str) -> tuple[Asset, VariantName | None]:
        """An asset and the variant asked for, None meaning the original.

        Raises NotFound for unknown assets and variants and for those that will never be, NotReady for those to come.
        """
        asset = await self.get(scope, asset_id)
        if name == "original":
            if asset.media_type == LINK:
                raise NotFound("A link has no original")
            _require_bytes(asset)
            return asset, None
        if name not in VariantName.__members__.values():
            raise NotFound("There is no such variant")
        variant = VariantName(name)
        if asset.variant(variant) is not None:
            return asset, variant
        if {asset.variant_status, asset.text_status} & OPEN_STATES:
            raise NotReady("This variant is not made yet")
        link = await self._link(scope, asset)
        error = asset.variant_error or (link.preview_error if link is not None else None)
        raise NotFound(f"This variant could not be made: {error or 'the file has none'}")

    async def _link(self, scope: Scope, asset: Asset) -> Link | None:
        if asset.media_type != LINK:
            return None
        async with self._database.read() as connection:
            return await select_link(connection, scope, asset.id)

    async def trigger_variants(self, scope: Scope, asset_id: UUID) -> TriggeredRun:
        """Make the variants again; a run that waits or works already is returned instead of a second one.

        Raises NotFound, and Refused for what has no variants.
        """
        async with self._database.write() as connection:
            asset = _found(await select_asset(connection, scope, asset_id, lock=True))
            if asset.media_type not in {IMAGE, VIDEO}:
                raise Refused("Variants are made of images and videos only")
            if asset.variant_status is None or not asset.checksum:
                raise Refused("This video has not been downloaded")
            running = await select_open_operation(connection, scope, asset_id, OperationType.VARIANTS)
            if running is not None and asset.variant_status in {State.PENDING, State.PROCESSING}:
                await self._queue.enqueue_lost(connection, _variants_job(asset), Urgency.INTERACTIVE)
                return TriggeredRun(running.id, running.status, is_new=False)
            run = Operation(uuid4(), asset.id, OperationType.VARIANTS, State.PENDING, datetime.now(UTC), None, None)
            await insert_operations(connection, scope, [run])
            values = {"variant_status": State.PENDING.value, "variant_error": None}
            if asset.description_status is State.FAILED:
                # What could not be decoded could not be described; now both get another chance.
                values |= {"description_status": State.PENDING.value, "description_error": None}
                step = Operation(uuid4(), asset.id, OperationType.DESCRIBE, State.PENDING, run.created_at, None, None)
                await insert_operations(connection, scope, [step])
            await update_asset(connection, scope, asset_id, values)
            await self._queue.enqueue(connection, _variants_job(asset), Urgency.INTERACTIVE)
            return TriggeredRun(run.id, State.PENDING, is_new=True)


async def _annotations(connection: Connection, scope: Scope, asset_id: UUID) -> tuple[Annotation, ...] | None:
    if not await select_batches_of_images(connection, scope, [asset_id]):
        return None
    return (await select_annotations(connection, scope, [asset_id])).get(asset_id, ())


def _variants_job(asset: Asset) -> Job:
    return Job(Task.MAKE_VARIANTS, asset.tenant_id, asset.id)


def _require_bytes(asset: Asset) -> None:
    """Refuse a video that is yet to be downloaded, or could not be. Raises NotReady and NotFound."""
    if asset.media_type == VIDEO and not asset.checksum:
        if asset.variant_error:
            raise NotFound(asset.variant_error)
        raise NotReady("This video is being downloaded")


def _found(asset: Asset | None) -> Asset:
    if asset is None:
        raise NotFound("File not found")
    return asset


def _parse_id(identity: str) -> UUID:
    # UUID() itself would also take braces, a urn: prefix and missing dashes.
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", identity):
        return UUID(identity)
    raise NotFound("File not found")
