"""Rows for tests: assets as an upload would make them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from calotype.db.asset import insert_asset, update_asset
from calotype.db.engine import Connection, Database
from calotype.domain.asset import NewAsset, State, UploadMethod
from calotype.domain.scope import Scope
from calotype.services.search_document import search_document

NOW = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)


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
    search = search_document(title=new.title, filename=new.original_filename, tags=new.tags, **texts)
    await insert_asset(connection, new, search, now)
    if later:
        assert await update_asset(connection, scope, new.id, later)
    return new.id


async def add_one(database: Database, scope: Scope, now: datetime = NOW, **values: Any) -> UUID:
    """Insert one plain asset in a transaction of its own."""
    async with database.write() as connection:
        return await add(connection, new_asset(scope.tenant_id, **values), now)
