"""Rows of scenes and of what is said in them; replaced as a whole, under the lock of their video's asset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant, within
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.scene import Scene, TranscriptSegment
from calotype.domain.scope import Scope

_S = tables.scene
_T = tables.transcript_segment
_E = tables.embedding
_A = tables.asset

_INSERT = text(
    "INSERT INTO scene (id, asset_id, tenant_id, index, start_time, end_time, keyframe_key, description, visible_text, "
    "transcript, tags, confidence, search, created_at) SELECT id, :asset_id, :tenant_id, index, start_time, end_time, "
    "keyframe_key, description, visible_text, transcript, ARRAY(SELECT json_array_elements_text(tags)), confidence, "
    "CAST(search AS tsvector), :created_at FROM unnest(CAST(:ids AS uuid[]), CAST(:indexes AS integer[]), "
    "CAST(:starts AS double precision[]), CAST(:ends AS double precision[]), CAST(:keys AS text[]), "
    "CAST(:descriptions AS text[]), CAST(:visible AS text[]), CAST(:transcripts AS text[]), CAST(:tags AS json[]), "
    "CAST(:confidences AS double precision[]), CAST(:searches AS text[])) AS given (id, index, start_time, end_time, "
    "keyframe_key, description, visible_text, transcript, tags, confidence, search)"
)
_INSERT_SEGMENTS = text(
    "INSERT INTO transcript_segment (asset_id, tenant_id, index, start_time, end_time, text) "
    "SELECT :asset_id, :tenant_id, index, start_time, end_time, said FROM unnest(CAST(:indexes AS integer[]), "
    "CAST(:starts AS double precision[]), CAST(:ends AS double precision[]), CAST(:texts AS text[])) "
    "AS given (index, start_time, end_time, said)"
)


async def delete_scenes(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> set[str]:
    """Remove the scenes of a video with their vectors and what is said in them; returns the keys of their keyframes."""
    gone = await connection.execute(
        delete(_S).where(of_tenant(scope, _S), _S.c.asset_id == asset_id).returning(_S.c.keyframe_key)
    )
    await connection.execute(delete(_T).where(of_tenant(scope, _T), _T.c.asset_id == asset_id))
    await connection.execute(
        delete(_E).where(of_tenant(scope, _E), _E.c.asset_id == asset_id, _E.c.source == EmbeddingSource.SCENE.value)
    )
    return {key for key in gone.scalars() if key is not None}


async def insert_scenes(connection: AsyncConnection, scope: Scope, scenes: Sequence[tuple[Scene, str]]) -> None:
    """Store the scenes of one video, each with the tsvector literal of its words."""
    if not scenes:
        return
    await connection.execute(
        _INSERT,
        {
            "asset_id": scenes[0][0].asset_id,
            "tenant_id": scope.tenant_id,
            "created_at": scenes[0][0].created_at,
            "ids": [scene.id for scene, _ in scenes],
            "indexes": [scene.index for scene, _ in scenes],
            "starts": [scene.start for scene, _ in scenes],
            "ends": [scene.end for scene, _ in scenes],
            "keys": [scene.keyframe_key for scene, _ in scenes],
            "descriptions": [scene.description for scene, _ in scenes],
            "visible": [scene.visible_text for scene, _ in scenes],
            "transcripts": [scene.transcript for scene, _ in scenes],
            "tags": [json.dumps(scene.tags) for scene, _ in scenes],
            "confidences": [scene.confidence for scene, _ in scenes],
            "searches": [search for _, search in scenes],
        },
    )


async def insert_segments(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, segments: Sequence[TranscriptSegment]
) -> None:
    """Store what is said in a video."""
    if segments:
        await connection.execute(
            _INSERT_SEGMENTS,
            {
                "asset_id": asset_id,
                "tenant_id": scope.tenant_id,
                "indexes": list(range(len(segments))),
                "starts": [segment.start for segment in segments],
                "ends": [segment.end for segment in segments],
                "texts": [segment.text for segment in segments],
            },
        )


async def select_scenes(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> list[Scene]:
    """The scenes of a video of the scope, in their order."""
    query = _scoped(scope).where(_S.c.asset_id == asset_id).order_by(_S.c.index)
    return [_from_row(row) for row in await connection.execute(query)]


async def select_scene(connection: AsyncConnection, scope: Scope, scene_id: UUID) -> Scene | None:
    """One scene of a video of the scope."""
    row = (await connection.execute(_scoped(scope).where(_S.c.id == scene_id))).one_or_none()
    return _from_row(row) if row else None


async def select_found_scenes(
    connection: AsyncConnection, scope: Scope, scene_ids: Sequence[UUID]
) -> dict[UUID, Scene]:
    """Those of some scenes that are of videos of the scope, by id."""
    if not scene_ids:
        return {}
    rows = await connection.execute(_scoped(scope).where(_S.c.id.in_(list(scene_ids))))
    return {row.id: _from_row(row) for row in rows}


def _scoped(scope: Scope) -> Select[Any]:
    embedded = (
        select(_E.c.asset_id)
        .where(_E.c.asset_id == _S.c.asset_id, _E.c.source == EmbeddingSource.SCENE.value, _E.c.part == _S.c.index)
        .exists()
    )
    return select(_S, embedded.label("is_embedded")).join_from(_S, _A, _A.c.id == _S.c.asset_id).where(within(scope))


def _from_row(row: Row[Any]) -> Scene:
    return Scene(
        id=row.id,
        asset_id=row.asset_id,
        index=row._mapping["index"],
        start=row.start_time,
        end=row.end_time,
        keyframe_key=row.keyframe_key,
        description=row.description,
        visible_text=row.visible_text,
        transcript=row.transcript,
        tags=tuple(row.tags),
        confidence=row.confidence,
        is_embedded=row.is_embedded,
        created_at=row.created_at,
    )
