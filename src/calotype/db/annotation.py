"""Rows of annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline
from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.scope import Scope

_T = tables.annotation

# Geometries differ in length, which an array of arrays could not hold, so each travels as its literal.
_INSERT = text(
    "INSERT INTO annotation (asset_id, tenant_id, index, class_value, type, geometry, confidence, extra) "
    "SELECT :asset_id, :tenant_id, a.index, a.class_value, a.type, CAST(a.geometry AS double precision[]), "
    "a.confidence, a.extra "
    "FROM unnest(CAST(:index AS smallint[]), CAST(:class_value AS text[]), CAST(:type AS text[]), "
    "CAST(:geometry AS text[]), CAST(:confidence AS double precision[]), CAST(:extra AS text[])) "
    "AS a (index, class_value, type, geometry, confidence, extra)"
)
_SELECT = (
    select(_T)
    .where(_T.c.tenant_id == bindparam("tenant_id"), _T.c.asset_id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE))))
    .order_by(_T.c.asset_id, _T.c.index)
)


async def insert_annotations(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, annotations: Sequence[Annotation]
) -> None:
    """Store what was seen in a picture, in its order, however much in one statement that stays the same."""
    if not annotations:
        return
    await connection.execute(
        _INSERT,
        {
            "asset_id": asset_id,
            "tenant_id": scope.tenant_id,
            "index": list(range(len(annotations))),
            "class_value": [seen.class_value for seen in annotations],
            "type": [seen.type.value for seen in annotations],
            "geometry": ["{" + ",".join(map(repr, seen.geometry)) + "}" for seen in annotations],
            "confidence": [seen.confidence for seen in annotations],
            "extra": [json.dumps(seen.extra) if seen.extra else None for seen in annotations],
        },
    )


async def select_annotations(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, tuple[Annotation, ...]]:
    """What was seen in each of the given assets that has annotations, in its order."""
    found: dict[UUID, list[Annotation]] = {}
    if asset_ids:
        for row in await connection.execute(_SELECT, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)}):
            seen = Annotation(
                row.class_value,
                AnnotationType(row.type),
                tuple(row.geometry),
                row.confidence,
                json.loads(row.extra) if row.extra else {},
            )
            found.setdefault(row.asset_id, []).append(seen)
    return {asset_id: tuple(seen) for asset_id, seen in found.items()}
