"""Everything gets a vector of the configured model, whatever happened before, and other models are left in peace."""

from __future__ import annotations

import pytest

from calotype.db.embedding_index import index_name
from calotype.domain.embedding import INDEXED_SOURCES, EmbeddingSource, ReindexProgress
from calotype.domain.errors import Unavailable
from tests.services import meaning
from tests.services.meaning import TinyEmbedder, described, find, reindexed, services_of

COUNTS = "SELECT model, count(*) FROM embedding WHERE tenant_id = %s GROUP BY 1"
WORDLLAMA = "wordllama-l2-supercat-256"


@pytest.fixture
def described_by(quick, monkeypatch):
    """Makes images of a library whose description is given."""

    async def make(text, **options):
        return await described(options.pop("library", quick), text, monkeypatch, **options)

    return make


@pytest.fixture(autouse=True)
def only_here(quick):
    """Other tests' images of this database are out of the way."""
    quick.sql("UPDATE asset SET description_status = 'failed' WHERE tenant_id <> %s", quick.scope.tenant_id)


def counts(library):
    """How many vectors a tenant has, by model."""
    return dict(library.sql(COUNTS, library.scope.tenant_id))


async def test_what_lacks_a_vector_gets_one(quick, described_by):
    """Missing and stale vectors of all tenants are made, the trash included; a second run finds nothing to do."""
    other = await quick.neighbour()
    ids = [await described_by(f"A lighthouse, number {number}.") for number in range(3)]
    theirs = await described_by("A lighthouse.", library=other, document={"caption": "gate"})
    quick.sql("DELETE FROM embedding WHERE asset_id = ANY(%s)", [*ids[:2], theirs])
    await quick.services.assets.update(quick.scope, ids[2], {"title": "A dog"})
    await quick.services.trash.delete(quick.scope, ids[1])
    assert await reindexed(quick.services.reindexing) == ReindexProgress(4, 4)
    assert counts(quick) == {WORDLLAMA: 3}
    assert counts(other) == {WORDLLAMA: 2}
    assert quick.sql("SELECT count(*) FROM stale_embedding WHERE tenant_id = %s", quick.scope.tenant_id) == [(0,)]
    assert await find(quick, "puppy") == [ids[2]]
    assert await reindexed(quick.services.reindexing) == ReindexProgress(0, 0)


async def test_everything_can_be_embedded_anew(quick, described_by):
    """On request all vectors are computed again; those that come out the same are not written."""
    ids = [await described_by("A lighthouse."), await described_by("A dog.")]
    quick.sql("UPDATE embedding SET vector = array_fill(0.5, ARRAY[256])::halfvec WHERE asset_id = %s", ids[0])
    times = "SELECT created_at FROM embedding WHERE asset_id = %s"
    before = [quick.sql(times, asset_id) for asset_id in ids]
    assert await reindexed(quick.services.reindexing, everything=True) == ReindexProgress(2, 2)
    after = [quick.sql(times, asset_id) for asset_id in ids]
    assert after[0] > before[0]
    assert after[1] == before[1]
    assert await find(quick, "lighthouse") == [ids[0]]


async def test_images_that_are_not_described_are_left_out(quick):
    """What waits for its description gets its vector from that."""
    asset_id = await quick.take_in()
    await reindexed(quick.services.reindexing)
    assert quick.sql("SELECT 1 FROM embedding WHERE asset_id = %s", asset_id) == []


async def test_another_model_is_added_beside_the_first(quick, described_by):
    """Vectors of two models and lengths live side by side, each found by its own questions, never mixed."""
    sea = await described_by("Nothing but sea.", document={"caption": "sea"})
    mountain = await described_by("A mountain.")
    tiny, searching, reindexing = services_of(quick, TinyEmbedder())
    assert await find(quick, "ocean") == [sea]
    assert await find(quick, "sea sea", searching) == [sea]  # by its words alone: the new model has no vectors yet
    assert await reindexed(reindexing) == ReindexProgress(2, 2)
    assert counts(quick) == {WORDLLAMA: 3, TinyEmbedder.model: 3}
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    for source in INDEXED_SOURCES:
        assert quick.sql(valid, index_name(TinyEmbedder.model, source)) == [(True,)]
    (found, *others) = await meaning.hits(quick, "mountain", searching)
    assert (found.asset.id, found.score, others) == (mountain, 1.0, [])
    assert await find(quick, "mountainous seaside", searching, limit=5)  # near by vectors alone: no such words anywhere
    assert await find(quick, "ocean") == [sea]  # the old one answers as before
    await quick.services.assets.update(quick.scope, sea, {"title": "mountain mountain mountain"})
    assert quick.sql("SELECT count(*) FROM stale_embedding WHERE asset_id = %s", sea) == [(2,)]
    await tiny.embed(quick.scope, sea)
    assert quick.sql("SELECT model FROM stale_embedding WHERE asset_id = %s", sea) == [(WORDLLAMA,)]
    await reindexed(quick.services.reindexing)
    assert await reindexed(reindexing, forget_others=True) == ReindexProgress(0, 0)
    assert counts(quick) == {TinyEmbedder.model: 3}
    assert quick.sql(valid, index_name(WORDLLAMA, EmbeddingSource.CONTENT)) == []
    assert await reindexed(quick.services.reindexing) == ReindexProgress(2, 2)
    assert quick.sql(valid, index_name(WORDLLAMA, EmbeddingSource.CONTENT)) == [(True,)]
    assert set(await find(quick, "mountain")) == {sea, mountain}


async def test_an_index_left_unfinished_is_made_anew(quick):
    """A killed run leaves an index that PostgreSQL does not use; the next run replaces it."""
    name = index_name(WORDLLAMA, EmbeddingSource.CUSTOM_METADATA)
    quick.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", name)
    before = quick.sql("SELECT to_regclass(%s)::oid", name)
    await reindexed(quick.services.reindexing)
    assert quick.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", name) == [(True,)]
    assert quick.sql("SELECT to_regclass(%s)::oid", name) != before


async def test_a_run_that_was_stopped_goes_on_where_it_was(quick, described_by, monkeypatch):
    """What has been embedded when a run ends early is not embedded again."""
    monkeypatch.setattr("calotype.services.reindexing.BATCH", 2)
    ids = [await described_by(f"Lighthouse number {number}.") for number in range(5)]
    quick.sql("DELETE FROM embedding WHERE asset_id = ANY(%s)", ids)
    run = quick.services.reindexing.run()
    async for reached in run:
        if reached.done == 2:
            break
    await run.aclose()
    assert counts(quick) == {WORDLLAMA: 2}
    assert await reindexed(quick.services.reindexing) == ReindexProgress(3, 3)
    assert counts(quick) == {WORDLLAMA: 5}


async def test_without_the_model_a_reindexing_says_so(quick, described_by, monkeypatch):
    """Somebody who asks for embeddings is told that there is no model, instead of nothing happening."""
    asset_id = await described_by("A lighthouse.")
    quick.sql("DELETE FROM embedding WHERE asset_id = %s", asset_id)

    def missing(texts):
        raise Unavailable("the text embedding model is not installed")

    monkeypatch.setattr(quick.services.embeddings._embedder, "embed", missing)
    with pytest.raises(Unavailable):
        await reindexed(quick.services.reindexing)


async def test_what_is_edited_while_it_is_embedded_is_not_left_out(quick, described_by, monkeypatch):
    """An asset without any vector, whose title changes between reading and storing, ends with a vector of the new title."""
    asset_id = await described_by("On the coast.")
    quick.sql("DELETE FROM embedding WHERE asset_id = %s", asset_id)
    embeddings = type(quick.services.embeddings)
    compute = embeddings.compute
    titles = ["A dog"]

    async def edited_meanwhile(self, texts):
        made = await compute(self, texts)
        if titles:
            await quick.services.assets.update(quick.scope, asset_id, {"title": titles.pop()})
        return made

    monkeypatch.setattr(embeddings, "compute", edited_meanwhile)
    assert await reindexed(quick.services.reindexing) == ReindexProgress(1, 1)
    assert await find(quick, "puppy") == [asset_id]
