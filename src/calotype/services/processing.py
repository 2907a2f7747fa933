"""The end of all work on an asset: upload sessions that wait for it, and webhooks, are told."""

from __future__ import annotations

from calotype.db.engine import Connection, Pipeline
from calotype.db.session_file import settle_session_files
from calotype.domain.asset import Asset, State
from calotype.domain.event import Event, EventType
from calotype.domain.scope import Scope
from calotype.services.event import EventService


async def note_end(connection: Connection | Pipeline, scope: Scope, events: EventService, asset: Asset) -> None:
    """Tell that all work on an asset has ended, if it has.

    `asset` is as its piece of work that has just ended leaves it. Its row is locked, so that of two that end at the same moment
    one finds the other ended.
    """
    if asset.is_unfinished:
        return
    await settle_session_files(connection, scope, asset.id)
    if asset.deleted_at is None:
        await events.emit(connection, scope, end_of(asset))


def end_of(asset: Asset) -> Event:
    """What is told of an asset whose processing has ended, well or with what failed."""
    data = {"asset_id": asset.id, "media_type": asset.media_type, "filename": asset.original_filename}
    if State.FAILED in {asset.variant_status, asset.description_status, asset.text_status}:
        return Event(EventType.ASSET_FAILED, {**data, "error": asset.error})
    return Event(
        EventType.ASSET_PROCESSED,
        {
            **data,
            "content_type": asset.content_type,
            "size_bytes": asset.size_bytes,
            "width": asset.width,
            "height": asset.height,
        },
    )
