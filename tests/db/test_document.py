"""Rows of documents, and the windows in which they are listed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from calotype.db import document_chunk
from calotype.db.asset import delete_asset
from calotype.db.document import insert_document, select_document_page, select_documents, update_document
from calotype.db.document_chunk import insert_chunks, select_chunks
from calotype.db.trash import update_deleted
from calotype.domain.asset import State
from calotype.domain.document import BlockKind, Chunk, Document
from calotype.domain.listing import Window
from tests.db.rows import LATER, NOW, add, new_asset


async def add_document(connection, scope, now=NOW, **values):
    """A document of a tenant; returns its id."""
    given = {"media_type": "document", "variant_status": None, "description_status": None, "text_status": State.PENDING}
    asset_id = await add(connection, new_asset(scope.tenant_id, **{**given, **values}), now)
    await insert_document(connection, scope, asset_id)
    return asset_id


async def test_a_new_document_knows_nothing_of_its_text(database, scope, other_scope):
    """What is read is added; it is its own tenant's, and goes with its asset."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        assert await select_documents(connection, scope, [asset_id, uuid4()]) == {
            asset_id: Document(asset_id, None, None, {}, None)
        }
        values = {"page_count": 3, "chunk_count": 7, "properties": {"title": "Ä \U0001f5fa"}, "note": "a"}
        await update_document(connection, other_scope, asset_id, {"note": "theirs"})
        await update_document(connection, scope, asset_id, values)
        assert await select_documents(connection, scope, [asset_id]) == {asset_id: Document(asset_id, **values)}
        assert await select_documents(connection, other_scope, [asset_id]) == {}
        assert await select_documents(connection, scope, []) == {}
        await delete_asset(connection, scope, asset_id)
        assert await select_documents(connection, scope, [asset_id]) == {}


async def test_documents_are_listed_newest_first(database, scope, other_scope):
    """Of those of the same moment the higher id first; a window shows some, the count all; other assets are left out."""
    async with database.write() as connection:
        made = [await add_document(connection, scope, NOW + timedelta(seconds=number // 2)) for number in range(6)]
        await add(connection, new_asset(scope.tenant_id))
        await add_document(connection, other_scope)
        done = await add_document(connection, scope, NOW - timedelta(days=1), text_status=State.COMPLETED)
        gone = await add_document(connection, scope)
        await update_deleted(connection, scope, [gone], LATER)
        times = {asset_id: place // 2 for place, asset_id in enumerate(made)}
        order = sorted(made, key=lambda asset_id: (times[asset_id], asset_id), reverse=True)
        windows = [await select_document_page(connection, scope, None, Window(3, start)) for start in (0, 3, 6, 9)]
        assert [asset.id for assets, _ in windows for asset in assets] == [*order, done]
        assert [total for _, total in windows] == [7] * 4
        completed, total = await select_document_page(connection, scope, State.COMPLETED, Window(3, 0))
        assert ([asset.id for asset in completed], total) == ([done], 1)


async def test_chunks_of_a_long_document_are_written_in_several_statements(database, scope, monkeypatch):
    """None is lost, doubled or out of its order."""
    monkeypatch.setattr(document_chunk, "_AT_ONCE", 3)
    chunks = [
        (uuid4(), Chunk(index, f"Text {index}", (index + 1,), ("A", "B"), BlockKind.LIST, 2), f"'t{index}':1C")
        for index in range(8)
    ]
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        await insert_chunks(connection, scope, asset_id, chunks, NOW)
        await insert_chunks(connection, scope, asset_id, [], NOW)
        found = await select_chunks(connection, scope, asset_id)
    assert [(one.id, one.chunk) for one in found] == [(key, chunk) for key, chunk, _ in chunks]
