"""What an export reads: first what is in a batch, then its images a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.annotation import select_annotations
from calotype.db.batch import select_batch
from calotype.db.device_image import IMAGE_COLUMNS, image_from_row
from calotype.db.scoped import of_tenant, within
from calotype.domain.annotation import AnnotationType
from calotype.domain.export import BatchContents, ExportSource
from calotype.domain.scope import Scope

_A = tables.asset
_I = tables.device_image
_M = tables.custom_metadata
_T = tables.annotation
_ORIENTATION = _A.c.facts["metadata"]["orientation"].astext.cast(Integer)


async def select_batch_contents(
    connection: AsyncConnection, scope: Scope, batch_id: UUID, most_classes: int
) -> BatchContents | None:
    """What is in a batch, trash left out; None when there is no such batch.

    Of the classes, about `most_classes` are looked for. All statements of the connection must see the same state.
    """
    batch = await select_batch(connection, scope, batch_id)
    if batch is None:
        return None
    joined = _I.join(_A, _A.c.id == _I.c.asset_id)
    there = (of_tenant(scope, _I), within(scope), _I.c.batch_id == batch_id)
    ids = select(_I.c.asset_id).select_from(joined).where(*there)
    seen = (
        select(_T.c.class_value, _T.c.type)
        .where(of_tenant(scope, _T), _T.c.asset_id.in_(ids))
        .distinct()
        .limit(most_classes * len(AnnotationType) + 1)
    )
    in_order = await connection.execute(ids.order_by(_I.c.created_at, _I.c.asset_id))
    return BatchContents(
        batch,
        tuple(row.asset_id for row in in_order),
        frozenset((row.class_value, AnnotationType(row.type)) for row in await connection.execute(seen)),
    )


async def select_export_sources(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> list[ExportSource]:
    """Those of the given images that the scope sees, with what was said of them, in the order given."""
    query = (
        select(*IMAGE_COLUMNS, _A.c.checksum, _A.c.format, _ORIENTATION.label("orientation"))
        .select_from(_I.join(_A, _A.c.id == _I.c.asset_id).outerjoin(_M, _M.c.asset_id == _I.c.asset_id))
        .where(of_tenant(scope, _I), within(scope), _is_one_of(asset_ids))
    )
    rows = {row.asset_id: row for row in await connection.execute(query)}
    annotations = await select_annotations(connection, scope, list(rows))
    return [
        ExportSource(
            image_from_row(row, annotations.get(asset_id, ())),
            row.format,
            row.checksum.hex(),
            row.orientation,
        )
        for asset_id in asset_ids
        if (row := rows.get(asset_id)) is not None
    ]


def _is_one_of(asset_ids: Sequence[UUID]) -> ColumnElement[bool]:
    return _I.c.asset_id == any_(bindparam(None, list(asset_ids), ARRAY(UUID_TYPE)))
