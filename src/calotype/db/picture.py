"""What development found out about a picture, written to and read from its asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.color import upsert_developed_colors
from calotype.db.engine import Pipeline
from calotype.db.scoped import within
from calotype.domain.asset import PictureFacts, State, StoredVariant
from calotype.domain.device_image import CLIENT
from calotype.domain.picture import (
    CaptureTime,
    DevelopedPicture,
    GpsPosition,
    PictureMetadata,
    VariantName,
)
from calotype.domain.scope import Scope

_A = tables.asset


_HASH = text(
    "INSERT INTO perceptual_hash (asset_id, tenant_id, phash) SELECT id, tenant_id, CAST(CAST(:phash AS text) AS bit(64)) "
    "FROM asset WHERE tenant_id = :tenant_id AND id = :asset_id "
    "ON CONFLICT (asset_id) DO UPDATE SET phash = excluded.phash WHERE perceptual_hash.phash <> excluded.phash"
)

# What a client said of the time itself is worth more than what the file says.
_IS_TOLD = _A.c.captured_offset_source == literal_column(
    f"'{CLIENT}'"
)  # no parameter: pipelines send only those of the call
_CAPTURED = {
    column.name: case((_IS_TOLD, column), else_=bindparam(f"new_{column.name}", type_=column.type))
    for column in (_A.c.captured_at, _A.c.captured_wall, _A.c.captured_offset_minutes, _A.c.captured_offset_source)
}
# Run for every picture, so built once.
_DEVELOPED = (
    update(_A).where(_A.c.tenant_id == bindparam("of_tenant"), _A.c.id == bindparam("of_asset")).values(**_CAPTURED)
)


async def update_developed(
    connection: AsyncConnection | Pipeline,
    scope: Scope,
    asset_id: UUID,
    picture: DevelopedPicture,
    variants: Mapping[VariantName, StoredVariant],
) -> None:
    """Store all that development made, live or trashed; nothing happens when the asset is gone."""
    captured = picture.metadata.captured
    await connection.execute(
        _DEVELOPED,
        {
            "of_tenant": scope.tenant_id,
            "of_asset": asset_id,
            "width": picture.width,
            "height": picture.height,
            "blur_hash": picture.blur_hash,
            "facts": _facts(picture),
            "new_captured_at": captured.moment if captured else None,
            "new_captured_wall": captured.wall if captured else None,
            "new_captured_offset_minutes": captured.offset_minutes if captured else None,
            "new_captured_offset_source": captured.offset_source if captured else None,
            "variants": {name.value: asdict(variant) for name, variant in variants.items()},
            "variant_status": State.COMPLETED.value,
            "variant_error": None,
        },
    )
    await connection.execute(
        _HASH, {"tenant_id": scope.tenant_id, "asset_id": asset_id, "phash": f"{picture.phash:064b}"}
    )
    await upsert_developed_colors(connection, scope, asset_id, picture.colors)


_OF_ASSET = update(_A).where(_A.c.tenant_id == bindparam("of_tenant"), _A.c.id == bindparam("of_asset"))


async def update_poster(
    connection: AsyncConnection | Pipeline,
    scope: Scope,
    asset_id: UUID,
    picture: DevelopedPicture,
    variants: Mapping[VariantName, StoredVariant],
) -> None:
    """Store what was made of one frame of a video, live or trashed; nothing happens when the asset is gone."""
    await connection.execute(
        _OF_ASSET,
        {
            "of_tenant": scope.tenant_id,
            "of_asset": asset_id,
            "blur_hash": picture.blur_hash,
            "facts": _facts(picture),
            "variants": {name.value: asdict(variant) for name, variant in variants.items()},
            "variant_status": State.COMPLETED.value,
            "variant_error": None,
        },
    )


async def update_preview(
    connection: AsyncConnection | Pipeline,
    scope: Scope,
    asset_id: UUID,
    blur_hash: str | None,
    variants: Mapping[VariantName, StoredVariant],
) -> None:
    """Store what was made of a picture that stands for an asset, live or trashed; nothing happens when the asset is gone."""
    made = {name.value: asdict(variant) for name, variant in variants.items()}
    await connection.execute(
        _OF_ASSET, {"of_tenant": scope.tenant_id, "of_asset": asset_id, "blur_hash": blur_hash, "variants": made}
    )


def _facts(picture: DevelopedPicture) -> dict[str, Any]:
    metadata = asdict(picture.metadata)
    if captured := metadata["captured"]:
        captured["wall"] = captured["wall"].isoformat()
    return {
        "frames": picture.frames,
        "bits": picture.bits,
        "has_alpha": picture.has_alpha,
        "kind": picture.kind,
        "metadata": metadata,
    }


async def select_facts(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> PictureFacts | None:
    """What was measured of one picture; None before its development."""
    row = (
        await connection.execute(select(_A.c.width, _A.c.height, _A.c.facts).where(within(scope), _A.c.id == asset_id))
    ).one_or_none()
    if row is None or row.facts is None:
        return None
    facts = dict(row.facts)
    return PictureFacts(width=row.width, height=row.height, metadata=_metadata(facts.pop("metadata")), **facts)


def _metadata(stored: Mapping[str, Any]) -> PictureMetadata:
    values = dict(stored)
    if captured := values["captured"]:
        values["captured"] = CaptureTime(**{**captured, "wall": datetime.fromisoformat(captured["wall"])})
    if gps := values["gps"]:
        values["gps"] = GpsPosition(**gps)
    values["keywords"] = tuple(values["keywords"])
    return PictureMetadata(**values)
