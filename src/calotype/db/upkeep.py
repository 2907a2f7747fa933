"""Queries over all tenants that find what was lost or left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.video import from_row, select_joined
from calotype.domain import object_keys
from calotype.domain.asset import OPEN_STATES, State
from calotype.domain.video import Video

_A = tables.asset
_V = tables.video
_OPEN = sorted(state.value for state in OPEN_STATES)


@dataclass(frozen=True, slots=True)
class UnfinishedAsset:
    """An asset some of whose work has not ended."""

    id: UUID
    tenant_id: UUID
    variant_status: State | None
    description_status: State | None
    text_status: State | None


async def select_unfinished(
    connection: AsyncConnection, created_before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UnfinishedAsset, datetime]]:
    """Live assets of any tenant with unfinished work, oldest first, after a given place; locked, those locked left out."""
    query = (
        select(_A.c.id, _A.c.tenant_id, _A.c.variant_status, _A.c.description_status, _A.c.text_status, _A.c.created_at)
        .where(
            _A.c.deleted_at.is_(None),
            _A.c.created_at < created_before,
            or_(_A.c.variant_status.in_(_OPEN), _A.c.description_status.in_(_OPEN), _A.c.text_status.in_(_OPEN)),
            tuple_(_A.c.created_at, _A.c.id) > tuple_(*after),
        )
        .order_by(_A.c.created_at, _A.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        (
            UnfinishedAsset(
                row.id,
                row.tenant_id,
                State(row.variant_status) if row.variant_status else None,
                State(row.description_status) if row.description_status else None,
                State(row.text_status) if row.text_status else None,
            ),
            row.created_at,
        )
        for row in await connection.execute(query)
    ]


_IS_OPEN_VIDEO = or_(_V.c.download_status.in_(_OPEN), _V.c.indexing_status.in_(_OPEN), _V.c.rendition_status.in_(_OPEN))


async def select_unfinished_videos(
    connection: AsyncConnection, created_before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UUID, Video, datetime]]:
    """(tenant id, video, time of upload) of live videos of any tenant that wait for work, oldest first, after a given place.

    Their assets are locked, those locked left out.
    """
    query = (
        select_joined()
        .add_columns(_A.c.created_at, _A.c.tenant_id.label("owner"))
        .where(
            _A.c.deleted_at.is_(None),
            _A.c.created_at < created_before,
            _IS_OPEN_VIDEO,
            tuple_(_A.c.created_at, _A.c.id) > tuple_(*after),
        )
        .order_by(_A.c.created_at, _A.c.id)
        .limit(limit)
        .with_for_update(of=_A, skip_locked=True)
    )
    return [(row.owner, from_row(row), row.created_at) for row in await connection.execute(query)]


_UNFINISHED_COLORS = text(
    "SELECT analysis.tenant_id, analysis.asset_id, analysis.requested_at FROM color_analysis AS analysis "
    "JOIN asset ON asset.id = analysis.asset_id AND asset.deleted_at IS NULL "
    "WHERE analysis.status IN ('pending', 'processing') AND analysis.requested_at < :before "
    "AND (analysis.requested_at, analysis.asset_id) > (:after_time, :after_id) "
    "ORDER BY analysis.requested_at, analysis.asset_id LIMIT :limit FOR UPDATE OF asset SKIP LOCKED"
)


async def select_unfinished_colors(
    connection: AsyncConnection, requested_before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UUID, UUID, datetime]]:
    """(tenant id, asset id, time) of unfinished extractions of colours, oldest first, after a given place; assets locked."""
    parameters = {"before": requested_before, "after_time": after[0], "after_id": after[1], "limit": limit}
    rows = await connection.execute(_UNFINISHED_COLORS, parameters)
    return [(row.tenant_id, row.asset_id, row.requested_at) for row in rows]


_STALE_EMBEDDINGS = text(
    "SELECT stale.tenant_id, stale.asset_id, stale.created_at FROM stale_embedding AS stale "
    "JOIN asset ON asset.id = stale.asset_id AND asset.deleted_at IS NULL "
    "WHERE stale.model = :model AND stale.created_at < :before "
    "AND (stale.created_at, stale.asset_id) > (:after_time, :after_id) "
    "ORDER BY stale.created_at, stale.asset_id LIMIT :limit FOR UPDATE OF asset SKIP LOCKED"
)


async def select_stale_embeddings(
    connection: AsyncConnection, model: str, marked_before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UUID, UUID, datetime]]:
    """(tenant id, asset id, time) of live assets with a stale vector of a model, oldest first, after a given place; locked."""
    parameters = {"model": model, "before": marked_before, "after_time": after[0], "after_id": after[1], "limit": limit}
    rows = await connection.execute(_STALE_EMBEDDINGS, parameters)
    return [(row.tenant_id, row.asset_id, row.created_at) for row in rows]


_OVERDUE_DELIVERIES = text(
    "SELECT tenant_id, id, next_attempt_at FROM webhook_delivery "
    "WHERE status = 'pending' AND next_attempt_at < :before AND (next_attempt_at, id) > (:after_time, :after_id) "
    "ORDER BY next_attempt_at, id LIMIT :limit FOR UPDATE SKIP LOCKED"
)


async def select_overdue_deliveries(
    connection: AsyncConnection, due_before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[tuple[UUID, UUID, datetime]]:
    """(tenant id, delivery id, time) of deliveries whose next attempt was due, the oldest first, after a given place; locked."""
    parameters = {"before": due_before, "after_time": after[0], "after_id": after[1], "limit": limit}
    rows = await connection.execute(_OVERDUE_DELIVERIES, parameters)
    return [(row.tenant_id, row.id, row.next_attempt_at) for row in rows]


# Of an announced upload that became an asset only the asset says what is kept: it may be purged before the upload is forgotten.
_KNOWN_IDS = text(
    "SELECT id FROM asset WHERE id = ANY(CAST(:ids AS uuid[])) "
    "UNION ALL SELECT id FROM presigned_upload WHERE id = ANY(CAST(:ids AS uuid[])) "
    "AND reaped_at IS NULL AND confirmed_at IS NULL "
    "UNION ALL SELECT id FROM chunked_upload WHERE id = ANY(CAST(:ids AS uuid[])) AND reaped_at IS NULL AND status = 'uploading'"
)
# What is made of videos is replaced while they live, so that a video's id says nothing of it.
_KNOWN_MADE = text(
    "SELECT keyframe_key FROM scene WHERE asset_id = ANY(CAST(:ids AS uuid[])) AND keyframe_key = ANY(CAST(:keys AS text[])) "
    "UNION ALL SELECT key FROM video, LATERAL (VALUES (rendition_key), (storyboard->>'object_key')) AS made (key) "
    "WHERE asset_id = ANY(CAST(:ids AS uuid[])) AND key = ANY(CAST(:keys AS text[])) "
    # Work of a day may not be done yet.
    "UNION ALL SELECT stored.key FROM unnest(CAST(:keys AS text[])) AS stored (key) "
    "JOIN video ON video.asset_id = CAST(split_part(stored.key, '/', 3) AS uuid) "
    "WHERE video.indexing_status IN ('pending', 'processing') OR video.rendition_status IN ('pending', 'processing')"
)
# Of several attempts to download a video, or to put an upload or its chunks together, one may have come to nothing.
_KNOWN_ATTEMPTS = text(
    "SELECT object_key FROM asset WHERE id = ANY(CAST(:ids AS uuid[])) AND object_key = ANY(CAST(:keys AS text[])) "
    "UNION ALL SELECT key FROM presigned_upload, LATERAL (VALUES (object_key), (received_key)) AS stored (key) "
    "WHERE id = ANY(CAST(:ids AS uuid[])) AND key = ANY(CAST(:keys AS text[])) "
    "AND reaped_at IS NULL AND confirmed_at IS NULL "
    # Chunks that are being put together, however long that takes.
    "UNION ALL SELECT stored.key FROM unnest(CAST(:keys AS text[])) AS stored (key) "
    "JOIN chunked_upload AS upload ON upload.id = CAST(split_part(stored.key, '/', 3) AS uuid) "
    "WHERE upload.reaped_at IS NULL AND upload.status = 'uploading'"
)
# A chunk goes when its video is there, so that the video's id says nothing of it.
_KNOWN_CHUNKS = text(
    "SELECT object_key FROM upload_chunk WHERE upload_id = ANY(CAST(:ids AS uuid[])) AND object_key = ANY(CAST(:keys AS text[]))"
)
_KNOWN_BY_KEY = (
    (object_keys.is_chunk, _KNOWN_CHUNKS),
    (object_keys.is_made_of_video, _KNOWN_MADE),
    (object_keys.is_attempt, _KNOWN_ATTEMPTS),
)
# The primary key serves the first digits of an id as a range.
_KNOWN_KEYS = text(
    "SELECT asset.object_key FROM unnest(CAST(:keys AS text[]), CAST(:lowest AS uuid[]), CAST(:highest AS uuid[])) "
    "AS stored (key, lowest, highest) "
    "JOIN asset ON asset.id >= stored.lowest AND asset.id <= stored.highest AND asset.object_key = stored.key"
)


async def select_known_keys(connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
    """Which of the given object keys belong to a row of any tenant, by the ids that stand in them, or their first digits."""
    by_id = {key: owner for key in keys if (owner := object_keys.owner_in(key))}
    known: set[str] = set()
    for is_of_form, statement in _KNOWN_BY_KEY:
        found = {key: by_id.pop(key) for key in list(by_id) if is_of_form(key)}
        if found:
            parameters = {"ids": sorted(set(found.values())), "keys": list(found)}
            known |= set((await connection.execute(statement, parameters)).scalars())
    if by_id:
        rows = await connection.execute(_KNOWN_IDS, {"ids": sorted(set(by_id.values()))})
        ids = {str(identity) for identity in rows.scalars()}
        known |= {key for key, identity in by_id.items() if identity in ids}
    by_digits = {key: digits for key in keys if (digits := object_keys.digits_in(key))}
    if by_digits:
        bounds = {
            "keys": list(by_digits),
            "lowest": [digits + "0" * 24 for digits in by_digits.values()],
            "highest": [digits + "f" * 24 for digits in by_digits.values()],
        }
        known |= set((await connection.execute(_KNOWN_KEYS, bounds)).scalars())
    return known


async def select_next_originals(connection: AsyncConnection, after: UUID | None, limit: int) -> list[tuple[UUID, str]]:
    """(id, object key) of assets of any tenant that have bytes, by id, after a given one: for checking rows against objects."""
    query = select(_A.c.id, _A.c.object_key).where(_A.c.checksum != b"").order_by(_A.c.id).limit(limit)
    if after is not None:
        query = query.where(_A.c.id > after)
    return [(row[0], row[1]) for row in await connection.execute(query)]


_MISSED = text(
    "SELECT f.tenant_id, f.asset_id, a.id IS NOT NULL AND a.deleted_at IS NULL AS is_live "
    "FROM upload_session_file AS f LEFT JOIN asset AS a ON a.id = f.asset_id AND a.tenant_id = f.tenant_id "
    "WHERE f.outcome = 'pending' AND (a.id IS NULL OR a.deleted_at IS NOT NULL OR ("
    "coalesce(a.variant_status, '') NOT IN ('pending', 'processing') "
    "AND coalesce(a.description_status, '') NOT IN ('pending', 'processing') "
    "AND coalesce(a.text_status, '') NOT IN ('pending', 'processing')))"
)


async def select_unsettled(connection: AsyncConnection) -> list[tuple[UUID, UUID, bool]]:
    """(tenant id, asset id, whether the asset is live) of waiting rows of any tenant whose asset waits for nothing."""
    return [(row[0], row[1], row[2]) for row in await connection.execute(_MISSED)]


_IDLE = text(
    "SELECT DISTINCT f.tenant_id, f.session_id FROM upload_session_file AS f JOIN upload_session AS s ON s.id = f.session_id "
    "WHERE f.outcome = 'pending' AND s.closed_at IS NULL AND s.received_at < :before AND NOT EXISTS ("
    "SELECT 1 FROM upload_session_file AS later WHERE later.session_id = s.id AND later.ended_at >= :before)"
)


async def select_idle_sessions(connection: AsyncConnection, before: datetime) -> list[tuple[UUID, UUID]]:
    """(tenant id, session id) of unfinished sessions of any tenant in which nothing has happened since a moment."""
    return [(row[0], row[1]) for row in await connection.execute(_IDLE, {"before": before})]
