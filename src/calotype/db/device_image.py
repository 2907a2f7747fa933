"""Rows of what devices said of their images, and which batch each belongs to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.annotation import select_annotations
from calotype.db.engine import Pipeline
from calotype.db.scoped import of_tenant, within
from calotype.domain.annotation import Annotation
from calotype.domain.batch import BatchImage
from calotype.domain.device_image import DeviceImage, DeviceMetadata
from calotype.domain.listing import Window
from calotype.domain.scope import Scope

_A = tables.asset
_I = tables.device_image
_M = tables.custom_metadata

IMAGE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    _I.c.asset_id,
    _A.c.object_key,
    _A.c.original_filename,
    _A.c.size_bytes,
    _A.c.content_type,
    _A.c.width,
    _A.c.height,
    _A.c.sort_at,
    _A.c.created_at,
    _I.c.model_id,
    _I.c.model_version,
    _M.c.document,
)
"""What `image_from_row` needs of an image, its asset and its custom metadata."""

_INSERT = _I.insert()
_BATCHES = select(_I.c.asset_id, _I.c.batch_id).where(
    _I.c.tenant_id == bindparam("tenant_id"), _I.c.asset_id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE)))
)
NUMBERS_AT_ONCE = 1024
_NEXT = text("SELECT nextval('device_image_number')")
_LAST = text("SELECT CASE WHEN is_called THEN last_value + 1 ELSE 0 END FROM device_image_number")


async def take_numbers(connection: AsyncConnection) -> range:
    """Numbers for images that nobody else gets, ever. The transaction must be durable."""
    first = int((await connection.execute(_NEXT)).scalar_one()) * NUMBERS_AT_ONCE
    return range(first, first + NUMBERS_AT_ONCE)


async def select_numbers_taken(connection: AsyncConnection) -> int:
    """How many numbers have been taken; all of them are smaller."""
    return int((await connection.execute(_LAST)).scalar_one()) * NUMBERS_AT_ONCE


async def insert_device_image(
    connection: AsyncConnection | Pipeline,
    scope: Scope,
    device_id: UUID,
    image: DeviceImage,
    metadata: DeviceMetadata,
    now: datetime,
) -> None:
    """Store which batch an image belongs to, and the model that saw it."""
    await connection.execute(
        _INSERT,
        {
            "asset_id": image.asset_id,
            "tenant_id": scope.tenant_id,
            "device_id": device_id,
            "batch_id": image.batch_id,
            "model_id": metadata.model_id,
            "model_version": metadata.model_version,
            "created_at": now,
        },
    )


async def select_batches_of_images(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, UUID]:
    """The batches of those of the given assets that devices have sent, by the asset's id."""
    rows = await connection.execute(_BATCHES, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return {row.asset_id: row.batch_id for row in rows}


async def select_batch_images(
    connection: AsyncConnection, scope: Scope, batch_id: UUID, window: Window
) -> tuple[list[BatchImage], int]:
    """A window of the images of a batch as far as the scope sees them, in the order they came, and how many there are."""
    joined = _I.join(_A, _A.c.id == _I.c.asset_id)
    wanted = (of_tenant(scope, _I), within(scope), _I.c.batch_id == batch_id)
    total = (await connection.execute(select(func.count()).select_from(joined).where(*wanted))).scalar_one()
    query = (
        select(*IMAGE_COLUMNS)
        .select_from(joined.outerjoin(_M, _M.c.asset_id == _I.c.asset_id))
        .where(*wanted)
        .order_by(_I.c.created_at, _I.c.asset_id)
        .limit(window.limit)
        .offset(window.offset)
    )
    rows = list(await connection.execute(query))
    annotations = await select_annotations(connection, scope, [row.asset_id for row in rows])
    return [image_from_row(row, annotations.get(row.asset_id, ())) for row in rows], int(total)


def image_from_row(row: Any, annotations: tuple[Annotation, ...]) -> BatchImage:
    """The image that a row with `IMAGE_COLUMNS` is of."""
    return BatchImage(
        asset_id=row.asset_id,
        object_key=row.object_key,
        filename=row.original_filename,
        size_bytes=row.size_bytes,
        content_type=row.content_type,
        width=row.width,
        height=row.height,
        captured_at=row.sort_at,
        created_at=row.created_at,
        model_id=row.model_id,
        model_version=row.model_version,
        annotations=annotations,
        metadata=json.loads(row.document) if row.document else {},
    )
