"""What development made is read back as it was, by statements sent one by one or together."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from calotype.db import asset, color, operation, picture
from calotype.db.engine import pipelined
from calotype.domain.asset import (
    PictureFacts,
    State,
    StoredVariant,
)
from calotype.domain.picture import (
    DominantColor,
    PictureMetadata,
    VariantName,
)
from tests.db.rows import (
    METADATA,
    NOW,
    add_one,
    count_assets,
    developed,
    new_asset,
    step_of,
)

VARIANTS = {
    VariantName.TINY_64: StoredVariant("variants/t/a/tiny_64.jpg", "image/jpeg", 48, 64, 1000),
    VariantName.LARGE_1024: StoredVariant("variants/t/a/large_1024.jpg", "image/jpeg", 768, 1024, 200_000),
}


@pytest.mark.parametrize("metadata", [METADATA, PictureMetadata()])
async def test_a_developed_picture_is_read_back_as_it_was(database, scope, metadata):
    """Colours, facts, variants and the moment of capture survive."""
    identity = await add_one(database, scope)
    made = developed(metadata=metadata)
    async with database.write() as connection:
        assert await picture.select_facts(connection, scope, identity) is None
        await picture.update_developed(connection, scope, identity, made, VARIANTS)
        found = await asset.select_asset(connection, scope, identity)
        assert found
        assert found.variants == VARIANTS
        assert found.variant_status is State.COMPLETED
        assert (found.width, found.height, found.blur_hash) == (3000, 4000, made.blur_hash)
        utc = datetime(2020, 3, 1, 5, 0, 1, 500, UTC) if metadata.captured else None
        assert found.captured_at == utc
        assert await color.select_colors(connection, scope, identity) == made.colors
        assert await picture.select_facts(connection, scope, identity) == PictureFacts(
            3000, 4000, 1, 8, False, "photo", metadata
        )


async def test_developing_again_replaces_the_colours(database, scope):
    """A second development leaves nothing of the first."""
    identity = await add_one(database, scope)
    one = DominantColor(1, 100.0, (1, 2, 3), (0.5, 0.0, -0.25))
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
        await picture.update_developed(connection, scope, identity, developed(colors=(one,)), {})
        assert await color.select_colors(connection, scope, identity) == (one,)


async def test_a_pipeline_writes_what_a_connection_writes(database, scope):
    """Statements sent together have the same effect, values and types included."""
    new = new_asset(scope.tenant_id, title="it's 東京", tags=("a", "b"))
    made, step = developed(), step_of(new.id)
    async with database.write() as connection, pipelined(connection) as pipeline:
        await asset.insert_asset(pipeline, new, "'word':1A", NOW)
        await operation.insert_operations(pipeline, scope, [step])
        await picture.update_developed(pipeline, scope, new.id, made, VARIANTS)
    async with database.read() as connection:
        found = await asset.select_asset(connection, scope, new.id)
        assert found
        assert (found.title, found.tags, found.variants) == (new.title, new.tags, VARIANTS)
        assert found.checksum == new.checksum
        assert await operation.select_operations(connection, scope, new.id) == [step]
        assert await color.select_colors(connection, scope, new.id) == made.colors


async def test_a_pipeline_that_fails_undoes_the_transaction(database, scope):
    """One bad statement leaves nothing of the others."""
    new = new_asset(scope.tenant_id)

    async def write_twice() -> None:
        async with database.write() as connection, pipelined(connection) as pipeline:
            await asset.insert_asset(pipeline, new, "", NOW)
            await asset.insert_asset(pipeline, new, "", NOW)

    with pytest.raises(psycopg.errors.UniqueViolation):
        await write_twice()
    async with database.read() as connection:
        assert await count_assets(connection, scope) == 0


async def test_a_picture_of_another_tenant_is_not_developed(database, scope, other_scope):
    """A result for an asset that is gone from the scope is dropped."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        await picture.update_developed(connection, other_scope, identity, developed(), {})
        assert await picture.select_facts(connection, scope, identity) is None
        assert await color.select_colors(connection, other_scope, identity) == ()
