"""Fields that come behind the files of a batch, applied to the files stored before them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from calotype.db.asset import select_asset, select_assets, update_asset
from calotype.db.engine import Database
from calotype.db.operation import update_open_operations
from calotype.db.session_file import select_other_copy, select_wanted, update_to_skipped, update_wanted
from calotype.db.upload_session import lock_open_session
from calotype.domain.asset import OPEN_STATES, OperationType, State
from calotype.domain.errors import NotFound
from calotype.domain.picture import MediaType
from calotype.domain.scope import Scope
from calotype.domain.upload import UploadOptions
from calotype.domain.upload_session import BatchItem, FileOutcome
from calotype.services.asset import AssetService
from calotype.services.event import EventService
from calotype.services.processing import note_end
from calotype.services.trash import TrashService


class LateFieldsService:
    """Brings stored files to what they would be, had the fields stood in front of them."""

    def __init__(self, database: Database, events: EventService, assets: AssetService, trash: TrashService) -> None:
        self._database = database
        self._events = events
        self._assets = assets
        self._trash = trash

    async def apply(
        self, scope: Scope, session_id: UUID, item: BatchItem, had: UploadOptions, wanted: UploadOptions
    ) -> BatchItem:
        """Apply what the file was not stored with; returns what became of it. A description that exists already is kept."""
        if item.outcome is not FileOutcome.COMPLETED or had == wanted:
            return item
        if wanted.skip_duplicates and not had.skip_duplicates:
            item = await self._skip_copy(scope, session_id, item)
            if item.outcome is FileOutcome.SKIPPED:
                return item
        if wanted.tags != had.tags:
            with contextlib.suppress(NotFound):  # deleted while the rest was arriving
                await self._assets.update(scope, item.asset_id, {"tags": wanted.tags})
        if had.auto_describe and not wanted.auto_describe:
            await self._drop_description(scope, item.asset_id)
        return item

    async def _skip_copy(self, scope: Scope, session_id: UUID, item: BatchItem) -> BatchItem:
        """Take a stored file back if its content was there before."""
        async with self._database.write() as connection:
            if not await lock_open_session(connection, scope, session_id):
                return item  # its end has been told already
            asset = await select_asset(connection, scope, item.asset_id)
            first = await select_other_copy(connection, scope, session_id, asset) if asset else None
            if asset is None or first is None:
                return item
            locked = await select_assets(connection, scope, [asset.id, first.id], lock=True)
            if len(locked) < 2:
                return item  # one of them was deleted meanwhile; the other must stay
            asset, first = locked[asset.id], locked[first.id]  # as they are now, with all variants made until here
            if asset.id in await select_wanted(connection, scope, [asset.id]):
                return item  # another upload was pointed to it meanwhile
            await update_wanted(connection, scope, [first.id], session_id)
            await update_to_skipped(connection, scope, session_id, item.index, first)
            await self._trash.remove(connection, scope, [asset])
        await self._trash.discard([asset])
        return replace(
            item,
            outcome=FileOutcome.SKIPPED,
            asset_id=first.id,
            object_key=first.public_key,
            storage_target=first.storage_target,
            media=MediaType(first.media_type, first.content_type, first.format),
            text_status=first.text_status,
        )

    async def _drop_description(self, scope: Scope, asset_id: UUID) -> None:
        async with self._database.write() as connection:
            asset = await select_asset(connection, scope, asset_id, lock=True)
            if asset is None or asset.description_status not in OPEN_STATES:
                return
            values = {"auto_describe": False, "description_status": State.SKIPPED.value}
            await update_asset(connection, scope, asset_id, values)
            await update_open_operations(
                connection,
                scope,
                asset_id,
                (OperationType.DESCRIBE,),
                status=State.FAILED,
                completed_at=datetime.now(UTC),
                error_message="not asked for",
            )
            await note_end(connection, scope, self._events, replace(asset, description_status=State.SKIPPED))
