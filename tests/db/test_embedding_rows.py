"""Vectors are written, marked and found by whoever may see them, through the index and without it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import text

from calotype.db import nearest as module
from calotype.db.asset import select_asset
from calotype.db.embedding import (
    count_lacking,
    delete_stale,
    insert_stale,
    lock_texts,
    select_lacking,
    select_texts,
    upsert_embeddings,
)
from calotype.db.embedding_index import index_name, make_index
from calotype.db.nearest import select_nearest, select_size
from calotype.db.tenant import insert_tenant
from calotype.db.trash import update_deleted
from calotype.domain.asset import State
from calotype.domain.embedding import Embedding, EmbeddingSource
from calotype.domain.image_search import LibrarySize
from calotype.domain.ranking import DEPTH, SIMILARITY_FLOOR
from calotype.domain.scope import Scope
from tests.db.rows import LATER, NOW, add, new_asset

CONTENT = EmbeddingSource.CONTENT
DIMENSION = 8
DONE = {"variant_status": State.COMPLETED, "description_status": State.COMPLETED}
WALKED = LibrarySize(assets=10**6, vectors=10**6, indexed=10**6)
SCANNED = LibrarySize(assets=10, vectors=10, indexed=None)


def vectors(count, seed):
    """Vectors in one half of space, so that many are near to many."""
    drawn = np.abs(np.random.default_rng(seed).normal(size=(count, DIMENSION))).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


async def fill(database, scope, model, count, seed):
    """Described assets with vectors; returns their ids in the order they were made."""
    made = vectors(count, seed)
    ids = [uuid4() for _ in range(count)]
    async with database.write() as connection:
        for number, asset_id in enumerate(ids):
            await add(connection, new_asset(scope.tenant_id, id=asset_id, **DONE), NOW + timedelta(seconds=number))
        rows = [Embedding(found, CONTENT, model, tuple(row.tolist())) for found, row in zip(ids, made, strict=True)]
        await upsert_embeddings(connection, scope, rows, NOW)
    return ids


async def nearest(database, scope, model, vector, size):
    """The hits, of one transaction."""
    async with database.snapshot() as connection:
        return await select_nearest(connection, scope, model, CONTENT, vector.tolist(), size)


@pytest.fixture(scope="module")
async def libraries(database):
    """Two tenants of a model of their own with an index: 3,000 vectors and 300 among them."""
    model = f"model {uuid4()}"
    async with database.write() as connection:
        scopes = [Scope(await insert_tenant(connection, f"tenant {uuid4()}", NOW)) for _ in range(2)]
    ids = [
        await fill(database, scope, model, count, seed)
        for seed, (scope, count) in enumerate(zip(scopes, (3000, 300), strict=True))
    ]
    async with database.read() as connection:
        assert await make_index(connection, model, CONTENT, DIMENSION)
    return model, scopes, ids


def recall(found, true):
    """The share of the true hits that are found as well as they could be: equally near ones may stand for each other."""
    if not true:
        return 1.0
    return sum(hit.merit >= true[-1].merit - 1e-6 for hit in found[: len(true)]) / len(true)


@pytest.mark.parametrize("which", [0, 1])
async def test_the_index_finds_what_a_comparison_finds(database, libraries, which):
    """For a big tenant, and for a small one whose vectors lie among those of others, hardly anything is missed."""
    model, scopes, _ = libraries
    found_shares = []
    for vector in vectors(20, 99):
        true = await nearest(database, scopes[which], model, vector, SCANNED)
        found = await nearest(database, scopes[which], model, vector, WALKED)
        assert len(found) == len(true) == DEPTH
        assert all(hit.merit >= SIMILARITY_FLOOR for hit in found)
        assert [hit.merit for hit in found] == sorted((hit.merit for hit in found), reverse=True)
        found_shares.append(recall(found, true[:10]))
    assert sum(found_shares) / len(found_shares) >= 0.97


async def test_after_many_deletions_nothing_is_lost(database, libraries):
    """With nine of ten in the trash the rest are found all the same, through the index and without it."""
    model, scopes, ids = libraries
    async with database.write() as connection:
        await update_deleted(connection, scopes[0], ids[0][: len(ids[0]) * 9 // 10], LATER)
    live = set(ids[0][len(ids[0]) * 9 // 10 :])
    for vector in vectors(5, 98):
        found = await nearest(database, scopes[0], model, vector, WALKED)
        true = await nearest(database, scopes[0], model, vector, SCANNED)
        assert len(found) == len(true) == DEPTH
        assert {hit.id for hit in found} <= live
        assert recall(found, true) >= 0.97


async def test_what_the_walk_does_not_reach_is_compared(database, monkeypatch):
    """When the walk gives up among the vectors of others before it meets the tenant's own, those are compared one by one."""
    model = f"model {uuid4()}"
    async with database.write() as connection:
        big, small = [Scope(await insert_tenant(connection, f"tenant {uuid4()}", NOW)) for _ in range(2)]
    await fill(database, big, model, 1500, 5)
    ids = await fill(database, small, model, 5, 6)
    async with database.read() as connection:
        await make_index(connection, model, CONTENT, DIMENSION)
    monkeypatch.setattr(module, "_SETTINGS", text(str(module._SETTINGS).replace("20000", "1").replace("'200'", "'10'")))
    found = await nearest(database, small, model, vectors(1, 97)[0], WALKED)
    assert {hit.id for hit in found} == set(ids)


async def test_the_index_is_used_where_it_is_meant_to_be(database, libraries):
    """The walk reads the model's index, the comparison does not."""
    model, scopes, _ = libraries
    plans = {}
    for is_scan in (False, True):
        statement = module._nearest(scopes[1].visibility, model, CONTENT, DIMENSION, is_scan=is_scan)
        async with database.snapshot() as connection:
            if not is_scan:
                await connection.execute(module._SETTINGS)
            explained = text("EXPLAIN " + statement.text)
            values = {"tenant_id": scopes[1].tenant_id, "vector": str([0.1] * DIMENSION)}
            plans[is_scan] = "\n".join((await connection.execute(explained, values)).scalars())
    assert index_name(model, CONTENT) in plans[False]
    assert index_name(model, CONTENT) not in plans[True]
    assert "embedding_by_tenant" in plans[True]


async def test_sizes(database, libraries):
    """Assets and vectors are counted for the tenant; an index counts only where there is one."""
    model, scopes, _ = libraries
    async with database.read() as connection:
        size = await select_size(connection, scopes[1], model, CONTENT)
        missing = await select_size(connection, scopes[1], "another", CONTENT)
    assert (size.assets, size.vectors) == (300, 300)
    assert size.indexed is not None
    assert (missing.vectors, missing.indexed) == (0, None)
    assert missing.is_scanned


@pytest.mark.parametrize(
    "model", ["it's", 'say "no"', "a:b/c-d", "a::b \\:c", "%s %(x)s", "ünï 模型", "x" * 300, "drop\\'table; --"]
)
async def test_models_of_any_name(database, scope, model):
    """A model may be named in any letters: its vectors are indexed and found, and another model's never with them."""
    (asset_id,) = await fill(database, scope, model, 1, 3)
    async with database.read() as connection:
        assert await make_index(connection, model, CONTENT, DIMENSION)
        assert not await make_index(connection, model, CONTENT, DIMENSION)
    (vector,) = vectors(1, 3)
    for size in (WALKED, SCANNED):
        assert [hit.id for hit in await nearest(database, scope, model, vector, size)] == [asset_id]
        assert await nearest(database, scope, model + "x", vector, SCANNED) == []


async def test_a_vector_of_nothing_is_near_to_nothing(database, scope):
    """A text without words has a vector, but no question finds it."""
    async with database.write() as connection:
        asset_id = await add(connection, new_asset(scope.tenant_id, **DONE))
        await upsert_embeddings(connection, scope, [Embedding(asset_id, CONTENT, "nothing", (0.0,) * DIMENSION)], NOW)
    assert await nearest(database, scope, "nothing", vectors(1, 1)[0], SCANNED) == []


async def test_what_lacks_a_vector(database, scope):
    """Described assets without a vector, with a stale one, or with metadata that has none; nobody else's, none twice."""
    async with database.write() as connection:
        fresh, stale, missing, said = [await add(connection, new_asset(scope.tenant_id, **DONE)) for _ in range(4)]
        await add(connection, new_asset(scope.tenant_id))
        rows = [Embedding(found, CONTENT, "m", (1.0, 0.0)) for found in (fresh, stale, said)]
        await upsert_embeddings(connection, scope, rows, NOW)
        assert await insert_stale(connection, scope, stale, CONTENT, NOW)
        assert not await insert_stale(connection, scope, missing, CONTENT, NOW)
        await connection.execute(
            text("INSERT INTO custom_metadata VALUES (:id, :tenant, '{}', '')"), {"id": said, "tenant": scope.tenant_id}
        )
    async with database.read() as connection:
        lacking = await select_lacking(connection, scope, "m", UUID(int=0), 10)
        assert lacking == sorted([stale, missing, said])
        assert await select_lacking(connection, scope, "m", lacking[0], 1) == lacking[1:2]
        assert await count_lacking(connection, scope, "m") == 3
        assert await count_lacking(connection, scope, "other") == 4
    async with database.write() as connection:
        await delete_stale(connection, scope, "m", [stale])
        assert await count_lacking(connection, scope, "m") == 2


async def test_a_locked_text_cannot_be_changed_meanwhile(database, scope):
    """Who changes an asset waits for whoever has locked its texts to store a vector."""
    async with database.write() as connection:
        asset_id = await add(connection, new_asset(scope.tenant_id, title="Pier", **DONE))
    async with database.write() as connection:
        await lock_texts(connection, scope, [asset_id])
        texts = await select_texts(connection, scope, [asset_id])
        assert texts[asset_id].content == "Pier\nPier"

        async def change():
            async with database.write() as other:
                return await select_asset(other, scope, asset_id, lock=True)

        changing = asyncio.create_task(change())
        done, _ = await asyncio.wait([changing], timeout=0.3)
        assert not done
    assert (await changing).id == asset_id
