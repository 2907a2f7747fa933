"""Rows for tests: assets as an upload would make them."""

from __future__ import annotations

import asyncio
import hashlib
import time
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select, text

from calotype.db import tables
from calotype.db.asset import insert_asset, update_asset
from calotype.db.engine import Connection, Database
from calotype.db.folder import insert_folder
from calotype.db.scoped import within
from calotype.domain.asset import DescriptionRecord, NewAsset, Operation, OperationType, State, UploadMethod
from calotype.domain.folder import Folder
from calotype.domain.picture import CaptureTime, DevelopedPicture, DominantColor, GpsPosition, PictureMetadata
from calotype.domain.presigned_upload import PresignedUpload
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset

NOW = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
START = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
"""The place before all that waits."""


def new_asset(tenant_id: UUID, **values: Any) -> NewAsset:
    """What an upload knows of a photo; any value may be given."""
    identity = values.get("id", uuid4())
    plain = NewAsset(
        id=identity,
        tenant_id=tenant_id,
        media_type="image",
        content_type="image/jpeg",
        format="JPEG",
        upload_method=UploadMethod.STREAMING,
        object_key=f"uploads/{tenant_id}/{identity}/photo.jpg",
        original_filename="photo.jpg",
        size_bytes=1234,
        checksum=hashlib.sha256(identity.bytes).hexdigest(),
        title=None,
        tags=(),
        storage_target="default",
        auto_describe=True,
        variant_status=State.PENDING,
        description_status=State.PENDING,
    )
    return replace(plain, **values)


async def add(connection: Connection, new: NewAsset, now: datetime = NOW, **later: Any) -> UUID:
    """Insert an asset, then set what comes later in its life; everything is searchable."""
    scope = Scope(new.tenant_id)
    texts = {"description": later.get("description"), "visible_text": later.get("visible_text")}
    search = searchable_asset(title=new.title, filename=new.original_filename, tags=new.tags, **texts)
    await insert_asset(connection, new, search, now)
    if later:
        assert await update_asset(connection, scope, new.id, later)
    return new.id


async def add_one(database: Database, scope: Scope, now: datetime = NOW, **values: Any) -> UUID:
    """Insert one plain asset in a transaction of its own."""
    async with database.write() as connection:
        return await add(connection, new_asset(scope.tenant_id, **values), now)


async def count_assets(connection: Connection, scope: Scope) -> int:
    """How many assets a scope holds."""
    counted = await connection.execute(select(func.count()).select_from(tables.asset).where(within(scope)))
    return int(counted.scalar_one())


async def add_folder(
    connection: Connection, scope: Scope, name: str = "", parent: Folder | None = None, now: datetime = NOW
) -> Folder:
    """Insert a folder, at the root or inside another one."""
    identity = uuid4()
    place = (parent.id, parent.depth + 1) if parent else (None, 0)
    folder = Folder(identity, name or f"folder {identity}", *place, 0, 0, now, now)
    await insert_folder(connection, scope, folder)
    return folder


def record(created_at: datetime = NOW, text: str = "A pier.") -> DescriptionRecord:
    """One description."""
    return DescriptionRecord(uuid4(), text, "NO ENTRY", 0.75, ("measured", "reader"), "standard", 12, created_at)


def step_of(
    asset_id: UUID,
    kind: OperationType = OperationType.VARIANTS,
    status: State = State.PENDING,
    created_at: datetime = NOW,
) -> Operation:
    """One step of an asset's history."""
    return Operation(uuid4(), asset_id, kind, status, created_at, None, None)


def announced(scope: Scope, **values) -> PresignedUpload:
    """An upload as `initiate` announces it."""
    identity = uuid4()
    plain = PresignedUpload(
        identity, scope.tenant_id, f"uploads/{identity}", "photo.jpg", 500, "Title", ("a", "b"), True, NOW, LATER
    )
    return replace(plain, **values)


METADATA = PictureMetadata(
    captured=CaptureTime(datetime(2020, 2, 29, 23, 30, 1, 500), "DateTimeOriginal", -330, "exif"),  # noqa: DTZ001 - wall time
    gps=GpsPosition(-33.5, 151.25, None),
    camera_make="Canon",
    exposure_time=1 / 3,
    keywords=("a", "ü"),
    orientation=6,
)


def developed(**values):
    """A picture as development makes it."""
    plain = DevelopedPicture(
        width=3000,
        height=4000,
        frames=1,
        bits=8,
        has_alpha=False,
        kind="photo",
        blur_hash="LKO2?U%2Tw=w]~RBVZRi};RPxuwH",
        phash=2**63 + 1,
        colors=(
            DominantColor(1, 60.5, (255, 0, 1), (53.1, 80.25, 67.0)),
            DominantColor(2, 39.5, (0, 0, 0), (0.0, 0.0, 0.0)),
        ),
        variants=(),
        metadata=METADATA,
    )
    return replace(plain, **values)


async def vacuum(connection: Connection, *names: str) -> None:
    """Vacuum tables until each page is known to be visible to all, for half a minute at most.

    Any open transaction prevents it, whoever's it is; who did so to the end is told. Where nobody is in the way five times in a
    row, the sixth would change nothing.
    """
    unseen = text(
        "SELECT count(*) FROM pg_class WHERE relname = ANY(:names) AND relkind = 'r' AND relallvisible < relpages"
    )
    until = time.monotonic() + 30
    alone = 0
    while True:
        await connection.execute(text(f"VACUUM (ANALYZE) {', '.join(names)}"))
        if not await connection.scalar(unseen, {"names": list(names)}):
            return
        holders = [tuple(row) for row in await connection.execute(_HOLDERS)]
        alone = 0 if holders else alone + 1
        if alone == 5 or time.monotonic() > until:
            warnings.warn(f"the vacuum was held up by {holders}", stacklevel=2)
            return
        await asyncio.sleep(0.2)


_HOLDERS = text(
    "SELECT pid, backend_type, state, age(backend_xmin), age(backend_xid), state_change, left(query, 200) "
    "FROM pg_stat_activity WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_backend_pid()"
)
