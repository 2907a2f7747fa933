"""Rows of dominant colours, and of their extractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.engine import Pipeline, driver_connection
from calotype.db.scoped import within
from calotype.domain.asset import State
from calotype.domain.color import MOST_COLORS, ColorAnalysis, Extraction
from calotype.domain.picture import DominantColor
from calotype.domain.scope import Scope

_A = tables.asset

# An extraction somebody asked for outlives a development; only one that failed gives way to it.
_DEVELOPED = text(
    "INSERT INTO color_analysis (asset_id, tenant_id, wanted, status, n_colors, extracted_at) "
    "SELECT id, tenant_id, CAST(:n_colors AS smallint), 'completed', CAST(:n_colors AS smallint), now() "
    "FROM asset WHERE tenant_id = :tenant_id AND id = :asset_id "
    "ON CONFLICT (asset_id) DO UPDATE SET wanted = excluded.wanted, status = excluded.status, requested_at = NULL, "
    "n_colors = excluded.n_colors, extracted_at = excluded.extracted_at "
    "WHERE color_analysis.requested_at IS NULL OR color_analysis.status = 'failed'"
)
# Both only where the transaction has just written the analysis, which bears its time.
_DELETE_COLORS = text(
    "DELETE FROM dominant_color USING color_analysis AS analysis WHERE dominant_color.asset_id = analysis.asset_id "
    "AND analysis.tenant_id = :tenant_id AND analysis.asset_id = :asset_id AND analysis.extracted_at = now()"
)
_INSERT_COLORS = text(
    "INSERT INTO dominant_color (asset_id, tenant_id, rank, percentage, rgb, lab) "
    "SELECT analysis.asset_id, analysis.tenant_id, c.rank, c.percentage, c.rgb, ARRAY[c.l, c.a, c.b] "
    "FROM color_analysis AS analysis, "
    "unnest(CAST(:rank AS smallint[]), CAST(:percentage AS float8[]), CAST(:rgb AS integer[]), CAST(:l AS float8[]), "
    "CAST(:a AS float8[]), CAST(:b AS float8[])) AS c (rank, percentage, rgb, l, a, b) "
    "WHERE analysis.tenant_id = :tenant_id AND analysis.asset_id = :asset_id AND analysis.extracted_at = now()"
)


async def upsert_developed_colors(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, colors: Sequence[DominantColor]
) -> None:
    """Store the colours that a development found, unless somebody has asked for an extraction of their own."""
    owner = {"tenant_id": scope.tenant_id, "asset_id": asset_id}
    await connection.execute(_DEVELOPED, {**owner, "n_colors": MOST_COLORS})
    await replace_colors(connection, scope, asset_id, colors)


async def replace_colors(
    connection: AsyncConnection | Pipeline, scope: Scope, asset_id: UUID, colors: Sequence[DominantColor]
) -> None:
    """Store the colours of an analysis that was written in the same transaction; nothing happens where none was."""
    owner = {"tenant_id": scope.tenant_id, "asset_id": asset_id}
    await connection.execute(_DELETE_COLORS, owner)
    await connection.execute(
        _INSERT_COLORS,
        {
            **owner,
            "rank": [color.rank for color in colors],
            "percentage": [color.percentage for color in colors],
            "rgb": [int.from_bytes(bytes(color.rgb), "big") for color in colors],
            **{name: [color.lab[index] for color in colors] for index, name in enumerate("lab")},
        },
    )


_REQUEST = text(
    "INSERT INTO color_analysis (asset_id, tenant_id, wanted, status, requested_at) "
    "SELECT id, tenant_id, CAST(:wanted AS smallint), 'pending', :now FROM asset "
    "WHERE tenant_id = :tenant_id AND id = ANY(CAST(:asset_ids AS uuid[])) "
    "ON CONFLICT (asset_id) DO UPDATE SET wanted = excluded.wanted, status = excluded.status, "
    "requested_at = excluded.requested_at"
)


async def upsert_requests(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID], wanted: int, now: datetime
) -> None:
    """Note that somebody asks for at most `wanted` colours of each of the pictures; what was found before stays until then."""
    parameters = {"tenant_id": scope.tenant_id, "asset_ids": list(asset_ids), "wanted": wanted, "now": now}
    await connection.execute(_REQUEST, parameters)


_BEGIN = text(
    "UPDATE color_analysis SET status = 'processing' WHERE tenant_id = :tenant_id AND asset_id = :asset_id "
    "AND status IN ('pending', 'processing') RETURNING wanted"
)


async def update_begun(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> int | None:
    """Mark an extraction as being worked on; for how many colours, or None when there is nothing to do."""
    begun = await connection.execute(_BEGIN, {"tenant_id": scope.tenant_id, "asset_id": asset_id})
    wanted: int | None = begun.scalar_one_or_none()
    return wanted


_END = text(
    "UPDATE color_analysis SET status = CAST(:status AS text), "
    "n_colors = CASE WHEN :status = 'completed' THEN wanted ELSE n_colors END, "
    "extracted_at = CASE WHEN :status = 'completed' THEN now() ELSE extracted_at END "
    "WHERE tenant_id = :tenant_id AND asset_id = :asset_id AND status IN ('pending', 'processing') AND wanted = :wanted"
)


async def update_ended(connection: AsyncConnection, scope: Scope, asset_id: UUID, wanted: int, status: State) -> bool:
    """End an extraction, well or not; False when it has been ended already, or another one has been asked for meanwhile."""
    parameters = {"tenant_id": scope.tenant_id, "asset_id": asset_id, "wanted": wanted, "status": status.value}
    return (await connection.execute(_END, parameters)).rowcount > 0


_EXTRACTIONS = text(
    "SELECT asset_id, wanted, status, n_colors, extracted_at FROM color_analysis "
    "WHERE tenant_id = :tenant_id AND asset_id = ANY(CAST(:ids AS uuid[]))"
)
# A row a picture, because 50 pictures have some 500 colours.
_COLORS = text(
    "SELECT asset_id, array_agg(rank ORDER BY rank) AS ranks, array_agg(percentage ORDER BY rank) AS percentages, "
    "array_agg(rgb ORDER BY rank) AS rgbs, array_agg(lab ORDER BY rank) AS labs FROM dominant_color "
    "WHERE tenant_id = :tenant_id AND asset_id = ANY(CAST(:ids AS uuid[])) GROUP BY asset_id"
)


async def select_colors(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> tuple[DominantColor, ...]:
    """The dominant colours of one picture by rank."""
    return (await _select_colors(connection, scope, [asset_id])).get(asset_id, ())


async def select_extractions(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> Mapping[UUID, Extraction]:
    """The newest extraction of each of the pictures, with all that was found last; those never looked at are left out."""
    parameters = {"tenant_id": scope.tenant_id, "ids": list(asset_ids)}
    rows = (await connection.execute(_EXTRACTIONS, parameters)).all()
    colors = await _select_colors(connection, scope, [row.asset_id for row in rows if row.n_colors])
    return {
        row.asset_id: Extraction(
            row.asset_id,
            row.wanted,
            State(row.status),
            ColorAnalysis(row.n_colors, row.extracted_at, colors.get(row.asset_id, ())) if row.n_colors else None,
        )
        for row in rows
    }


async def _select_colors(
    connection: AsyncConnection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[UUID, tuple[DominantColor, ...]]:
    if not asset_ids:
        return {}
    rows = await connection.execute(_COLORS, {"tenant_id": scope.tenant_id, "ids": list(asset_ids)})
    return {
        row.asset_id: tuple(
            DominantColor(rank, percentage, (rgb >> 16, rgb >> 8 & 255, rgb & 255), (lab[0], lab[1], lab[2]))
            for rank, percentage, rgb, lab in zip(row.ranks, row.percentages, row.rgbs, row.labs, strict=True)
        )
        for row in rows
    }


# A piece for each cell, because no single value may pass a gigabyte.
_ENTRIES = """
SELECT string_agg(entry, '') FROM dominant_color
WHERE tenant_id = %(tenant_id)s AND cell = ANY(%(cells)s::smallint[]) AND percentage >= %(least)s GROUP BY cell
"""
_HIDDEN = text("string_agg(uuid_send(id), '')")


async def select_color_entries(
    connection: AsyncConnection, scope: Scope, cells: Sequence[int], min_percentage: float
) -> bytes:
    """The colours in the given cells of all of a tenant's pictures, trashed ones included, 22 bytes each.

    Big-endian: 16 bytes of the asset's id, 4 of the colour (a zero, red, green, blue), 2 of hundredths of a percent.
    """
    parameters = {"tenant_id": scope.tenant_id, "cells": list(cells), "least": min_percentage}
    # Past SQLAlchemy, which would have megabytes sent as text.
    driver = await driver_connection(connection)
    found = await driver.execute(_ENTRIES, parameters, binary=True)
    return b"".join(row[0] for row in await found.fetchall())


async def select_hidden_ids(connection: AsyncConnection, scope: Scope) -> bytes:
    """The ids of the tenant's trashed assets, 16 bytes each: what a search among the colours of live ones must pass over."""
    query = select(_HIDDEN).select_from(_A).where(within(scope.trashed()))
    ids: bytes | None = (await connection.execute(query)).scalar_one()
    return ids or b""
