"""Passages of documents are found by their words and by what they mean, and their vectors are kept in step with their texts."""

from __future__ import annotations

import pytest

from calotype.domain.document_search import DocumentQuery
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.errors import Unavailable
from calotype.services.document_search import DocumentSearchService
from tests.db.chunk_rows import add_chunks, add_document, chunk_of
from tests.services.meaning import TinyEmbedder, reindexed, services_of

PASSAGES = ("A dog at the gate.", "The crane lifts containers.", "Invoices are paid within a month.")


async def shelved(library, *passages, **values):
    """A document with these chunks and their vectors; its id and the ids of the chunks."""
    embeddings = library.services.embeddings
    chunks = [chunk_of(place, content, headings=()) for place, content in enumerate(passages)]
    async with embeddings._database.write() as connection:
        asset_id = await add_document(connection, library.scope, **values)
        ids = await add_chunks(connection, library.scope, asset_id, chunks)
        await embeddings.store_parts(connection, library.scope, await embeddings.of_chunks(asset_id, chunks))
    return asset_id, ids


async def find(library, text, service=None, **options):
    """The passages a search finds, best first."""
    found = await (service or library.services.document_search).search(library.scope, DocumentQuery(text, **options))
    return [hit.chunk.chunk.content for hit in found]


async def test_passages_are_found_by_words_and_by_meaning(library):
    """A word that stands there is enough, and so is one that means the same; what fits both ways scores highest."""
    await shelved(library, *PASSAGES)
    assert await find(library, "invoices") == [PASSAGES[2]]
    assert (await find(library, "puppy"))[0] == PASSAGES[0]
    assert await find(library, "quantum physics of black holes") == []
    (best, *_) = await library.services.document_search.search(library.scope, DocumentQuery(PASSAGES[0]))
    assert best.score == 1
    assert best.asset.original_filename == "manual.pdf"
    assert await find(library, "invoices paid dog", limit=1) == (await find(library, "invoices paid dog"))[:1]


async def test_what_scores_less_than_asked_for_is_left_out(library):
    """Found in one of two ways only is half a score at most."""
    await shelved(library, *PASSAGES)
    hit = (await library.services.document_search.search(library.scope, DocumentQuery("puppy")))[0]
    assert hit.score == pytest.approx(0.5)
    assert await find(library, "puppy", threshold=0.5) == [PASSAGES[0]]
    assert await find(library, "puppy", threshold=0.51) == []


async def test_a_search_is_limited_to_documents_and_formats(library):
    """Ids and formats leave what they name; ids of nobody match nothing."""
    one, _ = await shelved(library, PASSAGES[0])
    two, _ = await shelved(library, PASSAGES[0] + " Twice.", format="md")
    assert await find(library, "dog", document_ids=(one,)) == [PASSAGES[0]]
    assert await find(library, "dog", formats=("md",)) == [PASSAGES[0] + " Twice."]
    assert await find(library, "dog", document_ids=(one,), formats=("md",)) == []
    assert await find(library, "dog", document_ids=()) == []
    assert len(await find(library, "dog", document_ids=(one, two))) == 2
    neighbour = await library.neighbour()
    assert await find(neighbour, "dog", document_ids=(one,)) == []


async def test_without_a_model_words_are_enough(library, monkeypatch):
    """Documents are read, stored and found where no embedder is installed."""

    def missing(texts):
        raise Unavailable("no model")

    embedder = TinyEmbedder()
    monkeypatch.setattr(embedder, "embed", missing)
    embeddings, _, _ = services_of(library, embedder)
    assert await embeddings.of_chunks(library.scope.tenant_id, [chunk_of()]) == ()
    await shelved(library, *PASSAGES)
    service = DocumentSearchService(embeddings._database, embedder)
    assert await find(library, "invoices", service) == [PASSAGES[2]]
    assert await find(library, "puppy", service) == []


async def test_reindexing_embeds_chunks_for_another_model(library):
    """One vector a chunk, numbered as they are; afterwards nothing lacks any, and the new model finds them."""
    asset_id, _ = await shelved(library, "By the sea.", "In the mountains.")
    embeddings, _, reindexing = services_of(library, TinyEmbedder())
    before = await reindexing.count_lacking()
    assert (await reindexed(reindexing)).done >= 1
    assert before - await reindexing.count_lacking() == before
    made = library.sql(
        "SELECT source, part, dimension FROM embedding WHERE asset_id = %s AND model = %s ORDER BY part",
        asset_id,
        TinyEmbedder.model,
    )
    assert made == [(EmbeddingSource.CHUNK.value, 0, 3), (EmbeddingSource.CHUNK.value, 1, 3)]
    service = DocumentSearchService(embeddings._database, TinyEmbedder())
    assert (await find(library, "sea", service))[0] == "By the sea."


async def test_chunks_that_were_replaced_meanwhile_are_not_embedded(library, monkeypatch):
    """A vector is stored only beside the text it was made of."""
    asset_id, ids = await shelved(library, PASSAGES[0])
    library.sql("DELETE FROM embedding WHERE asset_id = %s", asset_id)
    embeddings = library.services.embeddings
    compute = type(embeddings)._compute_parts

    async def replaced(self, *arguments):
        made = await compute(self, *arguments)
        library.sql("UPDATE document_chunk SET content = 'Other words' WHERE id = %s", ids[0])
        return made

    with monkeypatch.context() as patched:
        patched.setattr(type(embeddings), "_compute_parts", replaced)
        assert await embeddings.embed_many(library.scope, [asset_id]) == 0
    assert library.sql("SELECT 1 FROM embedding WHERE asset_id = %s", asset_id) == []
    assert await embeddings.embed_many(library.scope, [asset_id]) == 1
    assert len(library.sql("SELECT 1 FROM embedding WHERE asset_id = %s", asset_id)) == 1


async def test_browsing_shows_beginnings(library):
    """The first passage of each document, all with a full score."""
    await shelved(library, "One.", "Two.")
    found = await library.services.document_search.browse(library.scope, DocumentQuery("*"))
    assert [(hit.chunk.chunk.content, hit.score) for hit in found] == [("One.", 1.0)]
