"""Chunks are found by words and by nearness, within what a filter leaves, and however many there are from their indexes."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from calotype.db.document_chunk import delete_chunks, select_chunks, select_found_chunks
from calotype.db.document_search import select_by_words, select_nearest_chunks, select_newest_chunks
from calotype.db.embedding import count_lacking
from calotype.db.trash import update_deleted
from calotype.domain.document_search import DocumentQuery
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_lexemes
from tests.db.chunk_rows import add_chunks, add_document, chunk_of
from tests.db.conftest import new_tenant
from tests.db.rows import NOW
from tests.db.test_index_use import Big, explained
from tests.db.test_scene_search import looked_at

ALL = DocumentQuery("")
FORKLIFT = ["~forklift"]
CHUNKS = 20_000
DOCUMENTS = 200
SHARE = 100


async def found(connection, scope, question, query=ALL):
    """The numbers of the chunks found by words, best first."""
    hits = await select_by_words(connection, scope, to_lexemes(question, 20), query)
    chunks = await select_found_chunks(connection, scope, [hit.id for hit in hits])
    return [chunks[hit.id].chunk.index for hit in hits]


async def test_chunks_are_found_by_everything_that_is_known_of_them(database, scope):
    """What they say, the headings above them, and the file's name; headings count most, and all words before some."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        chunks = [
            chunk_of(0, "The crane is red.", headings=()),
            chunk_of(1, "It is heavy.", headings=("Cranes",)),
            chunk_of(2, "\u6e2f\u306e\u30af\u30ec\u30fc\u30f3", headings=()),
            chunk_of(3, "A red ship.", headings=()),
        ]
        await add_chunks(connection, scope, asset_id, chunks)
        assert await found(connection, scope, "cranes") == [1, 0]
        assert await found(connection, scope, "red crane") == [0, 1, 3]
        assert sorted(await found(connection, scope, "manual")) == [0, 1, 2, 3]
        assert await found(connection, scope, "\u30af\u30ec\u30fc\u30f3") == [2]
        assert await found(connection, scope, "zeppelin") == []
        assert await select_by_words(connection, scope, [], ALL) == []


async def test_rare_words_count_more(database, scope):
    """A chunk with the word that few have comes before those with the word that many have."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        chunks = [chunk_of(place, "The procedure.", headings=()) for place in range(30)]
        await add_chunks(connection, scope, asset_id, [*chunks, chunk_of(30, "The bollard.", headings=())])
        assert (await found(connection, scope, "procedure bollard"))[0] == 30


@pytest.mark.parametrize("status", ["pending", "processing", "failed"])
async def test_chunks_that_are_there_are_found_whatever_becomes_of_reading_again(database, scope, status):
    """While a document is read again, and after that failed, its old chunks are found by words, by nearness and in browsing."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope, text_status=status)
        (chunk,) = await add_chunks(connection, scope, asset_id, [chunk_of()], model="m")
        assert [hit.id for hit in await select_by_words(connection, scope, FORKLIFT, ALL)] == [chunk]
        assert [hit.id for hit in await select_nearest_chunks(connection, scope, "m", [1, 0, 0], ALL)] == [chunk]
        assert await select_newest_chunks(connection, scope, ALL) == [chunk]


async def test_nobody_finds_what_is_not_theirs_or_in_the_trash(database, scope, other_scope):
    """Another tenant finds nothing, even when it names the document; nor does anybody what was deleted."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        await add_chunks(connection, scope, asset_id, [chunk_of()], model="m")
        named = DocumentQuery("", document_ids=(asset_id,))

        async def counts(of):
            return [
                len(await select_by_words(connection, of, FORKLIFT, named)),
                len(await select_nearest_chunks(connection, of, "m", [1, 0, 0], named)),
                len(await select_newest_chunks(connection, of, named)),
            ]

        assert await counts(scope) == [1, 1, 1]
        assert await counts(other_scope) == [0, 0, 0]
        await update_deleted(connection, scope, [asset_id], NOW)
        assert await counts(scope) == [0, 0, 0]


async def test_nearest_chunks_come_first_and_of_one_model_only(database, scope):
    """By cosine similarity, never below the floor; vectors of another model or length are never compared."""
    async with database.write() as connection:
        asset_id = await add_document(connection, scope)
        ids = await add_chunks(connection, scope, asset_id, [chunk_of(place) for place in range(4)], model="m")
        hits = await select_nearest_chunks(connection, scope, "m", [1, 2, 0], ALL)
        assert [ids.index(hit.id) for hit in hits] == [2, 3, 1, 0]
        assert hits[0].merit == pytest.approx(1, abs=1e-3)
        assert await select_nearest_chunks(connection, scope, "m", [-1, -2, 0], ALL) == []
        assert await select_nearest_chunks(connection, scope, "other", [1, 2, 0], ALL) == []
        assert await select_nearest_chunks(connection, scope, "m", [1, 2], ALL) == []


async def test_browsing_begins_with_the_newest(database, scope):
    """Of each document its first chunk, or all in their order of those that are named; as many as are asked for."""
    async with database.write() as connection:
        made = [await add_document(connection, scope, NOW + timedelta(hours=hour)) for hour in range(3)]
        ids = [await add_chunks(connection, scope, one, [chunk_of(place) for place in range(3)]) for one in made]
        newest = [chunks[0] for chunks in reversed(ids)]
        assert await select_newest_chunks(connection, scope, ALL) == newest
        assert await select_newest_chunks(connection, scope, DocumentQuery("", limit=2)) == newest[:2]
        named = DocumentQuery("", document_ids=(made[0], made[1]))
        assert await select_newest_chunks(connection, scope, named) == [*ids[1], *ids[0]]


@pytest.fixture(scope="module")
async def shelf(database):
    """Documents of all formats, two chunks each: their scope, and (format, id, ids of chunks)."""
    scope = Scope(await new_tenant(database))
    known = []
    async with database.write() as connection:
        for form in ("pdf", "docx", "txt", "md", "pdf"):
            asset_id = await add_document(connection, scope, format=form)
            known.append(
                (form, asset_id, await add_chunks(connection, scope, asset_id, [chunk_of(0), chunk_of(1)], "m"))
            )
    return scope, known


@given(st.data())
async def test_filters_leave_what_fits(database, shelf, data):
    """Formats and ids, alone and together; all ways of searching agree with a plain look."""
    scope, known = shelf
    ids = [*[asset_id for _, asset_id, _ in known], uuid4()]
    wanted = data.draw(st.none() | st.lists(st.sampled_from(ids), unique=True).map(tuple))
    formats = data.draw(st.none() | st.lists(st.sampled_from(["pdf", "docx", "txt", "md"]), unique=True).map(tuple))
    query = DocumentQuery("", document_ids=wanted, formats=formats, limit=500)
    fitting = [
        chunks
        for form, asset_id, chunks in known
        if (wanted is None or asset_id in wanted) and (formats is None or form in formats)
    ]
    expected = {chunk for chunks in fitting for chunk in chunks}
    async with database.read() as connection:
        by_words = await select_by_words(connection, scope, FORKLIFT, query)
        nearest = await select_nearest_chunks(connection, scope, "m", [1, 0.5, 0], query)
        newest = await select_newest_chunks(connection, scope, query)
    assert {hit.id for hit in by_words} == expected
    assert {hit.id for hit in nearest} == expected
    assert set(newest) == (expected if wanted is not None else {chunks[0] for chunks in fitting})


_FILL = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search, text_status)
SELECT md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), 'document', 'application/pdf',
    CASE WHEN n = 1 THEN 'md' ELSE 'pdf' END, 'STREAMING', 'key', 'n.pdf', 1,
    sha256(n::text::bytea), 'default', true, '{}', CAST(:now AS timestamptz) + n * interval '1 minute', :now, '{}', false,
    CAST('' AS tsvector), 'completed' FROM generate_series(1, :documents) AS n;
INSERT INTO document_chunk (id, asset_id, tenant_id, index, content, headings, kind, word_count, search, created_at)
SELECT gen_random_uuid(), md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), i, 'Text', '{}', 'paragraph', 1,
    CAST('''~common'' ''common'' ''~rare' || (n * 100 + i) % 4000 || ''' ''rare' || (n * 100 + i) % 4000 || ''' '
        || (SELECT string_agg('''filler' || (n * i * j) % 997 || '''', ' ') FROM generate_series(1, 6) AS j) AS tsvector),
    CAST(:now AS timestamptz) + n * interval '1 minute'
FROM generate_series(1, :documents) AS n, generate_series(0, :chunks / :documents - 1) AS i;
INSERT INTO embedding (asset_id, source, part, model, tenant_id, dimension, vector, created_at)
SELECT md5(CAST(:tenant AS text) || n)::uuid, 'chunk', i, 'm', CAST(:tenant AS uuid), 8,
    CAST('[' || n || ',' || i || ',' || n * i % 7 || ',1,2,3,4,5]' AS halfvec), :now
FROM generate_series(1, :documents) AS n, generate_series(0, :chunks / :documents - 1) AS i
"""


@pytest.fixture(scope="module")
async def full(database):
    """A tenant with twenty thousand chunks, beside another one with a hundredth of that."""
    tenants = [await new_tenant(database) for _ in range(2)]
    async with database.write() as connection:
        for tenant_id, share in zip(tenants, (1, SHARE), strict=True):
            values = {"tenant": tenant_id, "now": NOW, "documents": DOCUMENTS // share, "chunks": CHUNKS // share}
            for statement in _FILL.split(";\n"):
                given_here = {name: value for name, value in values.items() if f":{name}" in statement}
                await connection.execute(text(statement), given_here)
    async with database.read() as connection:
        await connection.execute(text("ANALYZE asset, document_chunk, embedding"))
        yield Big(Scope(tenants[0]), connection, {"small": tenants[1]})
        for tenant_id in tenants:
            for table in ("document_chunk", "embedding", "asset"):
                await connection.execute(text(f"DELETE FROM {table} WHERE tenant_id = :tenant"), {"tenant": tenant_id})


@pytest.fixture
def small(full) -> Scope:
    """The small tenant beside it."""
    return Scope(full.folders["small"])


async def one_of(full) -> tuple:
    """The only document in Markdown."""
    rows = await full.connection.execute(
        text("SELECT id FROM asset WHERE tenant_id = :tenant AND format = 'md'"), {"tenant": full.scope.tenant_id}
    )
    return (rows.scalar_one(),)


async def test_rare_words_are_found_in_their_index(full):
    """Of twenty thousand chunks only those with the word are looked at."""
    nodes = await explained(full, select_by_words(full.connection, full.scope, ["rare17"], ALL))
    assert any(node.get("Index Name") == "document_chunk_by_words" for node in nodes)
    assert looked_at(nodes, "document_chunk") <= 2 * CHUNKS / 4000


async def test_a_word_that_is_everywhere_hides_no_rare_one(full):
    """No more is looked at than is ranked, and what has the rare word besides comes first."""
    both = ["common", "rare17"]
    nodes = await explained(full, select_by_words(full.connection, full.scope, both, ALL))
    assert looked_at(nodes, "document_chunk") <= 1_100
    hits = await select_by_words(full.connection, full.scope, both, ALL)
    assert len(hits) == 500
    assert [hit.merit > 1_000 for hit in hits] == [True] * 5 + [False] * 495


async def test_only_what_is_near_is_read(full):
    """Of the chunks themselves no more than are in the answer, however many vectors are compared."""
    query = select_nearest_chunks(full.connection, full.scope, "m", [1.0] * 8, ALL)
    nodes = await explained(full, query)
    assert looked_at(nodes, "embedding") <= CHUNKS
    assert looked_at(nodes, "document_chunk", "asset") <= 1_000


async def test_one_document_is_searched_by_itself(full):
    """A filter reads the vectors of what it leaves, not the tenant's."""
    for wanted in (DocumentQuery("", document_ids=await one_of(full)), DocumentQuery("", formats=("md",))):
        nodes = await explained(full, select_nearest_chunks(full.connection, full.scope, "m", [1.0] * 8, wanted))
        assert looked_at(nodes, "document_chunk", "embedding") <= 5 * CHUNKS / DOCUMENTS


async def test_a_small_tenant_does_not_pay_for_a_large_one(full, small):
    """Nearness is exact: each vector of the tenant is read, but not those of its large neighbour."""
    nodes = await explained(full, select_nearest_chunks(full.connection, small, "m", [1.0] * 8, ALL))
    assert looked_at(nodes, "document_chunk", "embedding") <= 2 * CHUNKS // SHARE
    nodes = await explained(full, select_newest_chunks(full.connection, small, ALL))
    assert looked_at(nodes, "document_chunk") <= 2 * CHUNKS // SHARE


async def test_reading_one_document_reads_its_rows(full):
    """Its chunks, what it waits for and what goes with it come from indexes."""
    connection, scope = full.connection, full.scope
    (one,) = await one_of(full)
    asked = {
        "chunks": (select_chunks(connection, scope, one), CHUNKS / DOCUMENTS),
        "removal": (delete_chunks(connection, scope, uuid4()), 1),
        "browsing": (select_newest_chunks(connection, scope, DocumentQuery("", limit=20)), DOCUMENTS),
    }
    for name, (work, most) in asked.items():
        nodes = await explained(full, work)
        assert looked_at(nodes, "document_chunk", "embedding") <= 1.5 * most, (name, nodes)


async def test_what_lacks_vectors_is_counted_within_the_tenant(full, small):
    """However many chunks others have."""
    assert await count_lacking(full.connection, full.scope, "m") == 0
    assert await count_lacking(full.connection, full.scope, "other") == DOCUMENTS
    nodes = await explained(full, count_lacking(full.connection, small, "m"))
    assert looked_at(nodes, "document_chunk") <= 2 * CHUNKS // SHARE
