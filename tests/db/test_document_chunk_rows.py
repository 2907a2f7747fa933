"""Chunks come back as they were stored, to whom they belong, and go with their vectors."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.db.document_chunk import delete_chunks, insert_chunks, select_chunks, select_found_chunks
from calotype.db.embedding import (
    count_lacking,
    insert_all_stale,
    lock_texts,
    select_chunk_texts,
    select_having_chunks,
    select_lacking,
    select_vectors,
    upsert_embeddings,
)
from calotype.db.trash import update_deleted
from calotype.domain.document import BlockKind, Chunk
from calotype.domain.embedding import Embedding, EmbeddingSource
from calotype.domain.scope import Scope
from tests.db.chunk_rows import add_chunks, add_document, chunk_of
from tests.db.conftest import new_tenant
from tests.db.rows import NOW

CHUNK = EmbeddingSource.CHUNK
stored_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
chunks = st.lists(
    st.builds(
        Chunk,
        st.just(0),
        stored_text,
        st.none() | st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=3).map(tuple),
        st.lists(stored_text, max_size=3).map(tuple),
        st.sampled_from(BlockKind),
        st.integers(0, 10_000),
    ),
    max_size=4,
).map(
    lambda found: [Chunk(i, c.content, c.page_numbers, c.headings, c.kind, c.word_count) for i, c in enumerate(found)]
)


@pytest.fixture(scope="module")
async def shelf(database):
    """The live assets of a tenant of this module."""
    return Scope(await new_tenant(database))


@given(chunks)
async def test_chunks_come_back_as_they_were_stored(database, shelf, made):
    """Whatever they say, with their pages, headings and order."""
    scope = shelf
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        ids = await add_chunks(connection, scope, asset_id, made)
        found = await select_chunks(connection, scope, asset_id)
        by_id = await select_found_chunks(connection, scope, ids)
    assert [stored.chunk for stored in found] == made
    assert [stored.id for stored in found] == ids
    assert all(stored.asset_id == asset_id and stored.created_at == NOW for stored in found)
    assert by_id == {stored.id: stored for stored in found}


async def test_nobody_reads_what_is_not_theirs_or_in_the_trash(database, scope, other_scope):
    """Another tenant neither reads nor removes chunks; those of a deleted document are only seen by who asks for any."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        ids = await add_chunks(connection, scope, asset_id, [chunk_of()], model="m")
        assert await select_chunks(connection, other_scope, asset_id) == []
        assert await select_found_chunks(connection, other_scope, ids) == {}
        assert await select_chunk_texts(connection, other_scope, [asset_id]) == {}
        assert await select_having_chunks(connection, other_scope, [asset_id]) == []
        assert await select_vectors(connection, other_scope, asset_id, CHUNK, "m") == {}
        await delete_chunks(connection, other_scope, asset_id)
        assert len(await select_chunks(connection, scope, asset_id)) == 1
        await update_deleted(connection, scope, [asset_id], NOW)
        assert await select_chunks(connection, scope, asset_id) == []
        assert await select_found_chunks(connection, scope, ids) == {}
        assert len(await select_chunks(connection, scope.any(), asset_id)) == 1
        assert await select_found_chunks(connection, scope, []) == {}


async def test_chunks_go_with_their_vectors(database, scope):
    """And no other document's do; none is no work."""
    async with database.write() as connection:
        one, other = [await add_document(connection, scope) for _ in range(2)]
        for asset_id in (one, other):
            await add_chunks(connection, scope, asset_id, [chunk_of(0), chunk_of(1)], model="m")
        await delete_chunks(connection, scope, one)
        assert await select_chunks(connection, scope, one) == []
        assert await select_vectors(connection, scope, one, CHUNK, "m") == {}
        assert len(await select_chunks(connection, scope, other)) == 2
        assert await select_vectors(connection, scope, other, CHUNK, "m") == {0: [1, 0, 0], 1: [1, 1, 0]}
        await insert_chunks(connection, scope, one, [], NOW)


async def test_documents_lack_what_their_chunks_lack(database, scope):
    """One without a vector of each chunk, or with stale ones, is found to be embedded; one without chunks never is."""
    async with database.write() as connection:
        whole, partly, none = [await add_document(connection, scope) for _ in range(3)]
        await add_chunks(connection, scope, whole, [chunk_of(0), chunk_of(1)], model="m")
        await add_chunks(connection, scope, partly, [chunk_of(0)], model="m")
        await add_chunks(connection, scope, partly, [chunk_of(1, headings=())])
        assert await select_lacking(connection, scope, "m", UUID(int=0), 10) == [partly]
        assert await count_lacking(connection, scope, "m") == 1
        assert await count_lacking(connection, scope, "other") == 2
        await upsert_embeddings(connection, scope, [Embedding(partly, CHUNK, "m", (1.0, 1.0, 0.0), 1)], NOW)
        assert await count_lacking(connection, scope, "m") == 0
        await insert_all_stale(connection, scope, "m", NOW)
        assert await count_lacking(connection, scope, "m") == 2
        await lock_texts(connection, scope, [whole, partly, none])
        texts = await select_chunk_texts(connection, scope, [whole, partly, none])
        assert set(texts) == {whole, partly}
        assert texts[partly] == (
            (0, 'Safety\na "quoted", heading\nThe forklift is checked every morning.'),
            (1, "The forklift is checked every morning."),
        )
        assert await select_having_chunks(connection, scope, [whole, partly, none]) == sorted([whole, partly])
