"""The vector of an asset belongs to its texts, whoever changes them and whenever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from calotype.domain.errors import Unavailable
from tests.running import PATIENCE
from tests.services.batches import until
from tests.services.meaning import Says, described, find, say
from tests.services.texts import read_of

STALE = "SELECT source, model FROM stale_embedding WHERE asset_id = %s"
ROWS = "SELECT source, model, dimension, vector::text FROM embedding WHERE asset_id = %s ORDER BY source"


@pytest.fixture
def described_by(quick, monkeypatch):
    """Makes images of a library whose description is given."""

    async def make(text, **options):
        return await described(quick, text, monkeypatch, **options)

    return make


async def vector_of(library, texts):
    """The vector of some texts, as the database keeps it."""
    made = library.services.embeddings._embedder.embed([texts])[0]
    return library.sql(
        "SELECT (%s::halfvec(256))::text", "[" + ",".join(f"{value:.5g}" for value in made.tolist()) + "]"
    )[0][0]


async def test_described_images_have_a_vector_of_their_texts(quick, described_by):
    """Content is embedded always, custom metadata where there is some; both with their model and length."""
    plain = await described_by("A lighthouse on a cliff.")
    said = await described_by("A lighthouse on a cliff.", document={"caption": "north gate"})
    ((source, model, dimension, vector),) = quick.sql(ROWS, plain)
    assert (source, model, dimension) == ("content", "wordllama-l2-supercat-256", 256)
    assert vector == await vector_of(quick, "A lighthouse on a cliff.")
    content, custom = quick.sql(ROWS, said)
    assert content[3] == vector
    assert custom[:3] == ("custom_metadata", "wordllama-l2-supercat-256", 256)
    assert custom[3] == await vector_of(quick, "north gate")


async def test_an_edit_queues_a_job_that_makes_the_vector_anew(quick, described_by):
    """A new title is found by its meaning once the queued job has run; nothing stays stale."""
    asset_id = await described_by("A picture.")
    assert await find(quick, "puppy") == []
    await quick.services.assets.update(quick.scope, asset_id, {"title": "A dog"})
    assert quick.jobs(asset_id) == ["embed"]
    assert quick.sql(STALE, asset_id) == [("content", "wordllama-l2-supercat-256")]
    await quick.services.embeddings.embed(quick.scope, asset_id)
    assert quick.sql(STALE, asset_id) == []
    assert await find(quick, "puppy") == [asset_id]
    await quick.services.embeddings.embed(quick.scope, asset_id)
    assert await find(quick, "puppy") == [asset_id]


@pytest.mark.parametrize("changes", [{}, {"title": None}, {"tags": ()}])
async def test_an_edit_that_changes_nothing_queues_nothing(quick, described_by, changes):
    """The same title and tags as before leave the vector alone."""
    asset_id = await described_by("A picture.")
    await quick.services.assets.update(quick.scope, asset_id, changes)
    assert quick.jobs(asset_id) == []
    assert quick.sql(STALE, asset_id) == []


async def test_before_its_description_an_edit_queues_nothing(quick):
    """What has no vector yet gets one from its description, of the texts of that time."""
    asset_id = await quick.take_in()
    await quick.services.assets.update(quick.scope, asset_id, {"title": "A dog"})
    assert "embed" not in quick.jobs(asset_id)
    await quick.services.embeddings.embed(quick.scope, asset_id)
    assert quick.sql(ROWS, asset_id) == []


async def test_a_title_changed_while_it_is_described_is_embedded_in_the_end(quick, monkeypatch):
    """Somebody edits the title after the vector is computed: the job left behind ends with the vector of the row as it is."""
    asset_id = await quick.take_in(title="A cat")
    await quick.services.pictures.make_variants(quick.scope, asset_id, 1)
    await quick.services.descriptions.read_text(quick.scope, asset_id, 1)
    embeddings = quick.services.embeddings
    prepare = type(embeddings).prepare

    async def edited_meanwhile(self, asset, description):
        prepared = await prepare(self, asset, description)
        await quick.services.assets.update(quick.scope, asset_id, {"title": "A lighthouse"})
        return prepared

    monkeypatch.setattr(type(embeddings), "prepare", edited_meanwhile)
    monkeypatch.setattr(quick.services.describing, "_describer", Says("On the coast."))
    quick.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
    await quick.services.descriptions.describe(quick.scope, asset_id, 1)
    assert quick.jobs(asset_id) == ["embed"]
    await embeddings.embed(quick.scope, asset_id)
    assert quick.sql(STALE, asset_id) == []
    assert quick.sql(ROWS, asset_id)[0][3] == await vector_of(quick, "A lighthouse\nA lighthouse\nOn the coast.")


async def test_a_vector_of_an_older_text_is_not_kept(quick, described_by, monkeypatch):
    """An edit between reading the text and storing its vector has the job look again, and end with the newer one."""
    asset_id = await described_by("On the coast.")
    await quick.services.assets.update(quick.scope, asset_id, {"title": "A cat"})
    embeddings = quick.services.embeddings
    compute = type(embeddings).compute
    titles = ["A dog", "A lighthouse"]

    async def edited_meanwhile(self, texts):
        made = await compute(self, texts)
        if titles:
            await quick.services.assets.update(quick.scope, asset_id, {"title": titles.pop(0)})
        return made

    monkeypatch.setattr(type(embeddings), "compute", edited_meanwhile)
    await embeddings.embed(quick.scope, asset_id)
    assert titles == []
    assert quick.sql(STALE, asset_id) == []
    assert quick.sql(ROWS, asset_id)[0][3] == await vector_of(quick, "A lighthouse\nA lighthouse\nOn the coast.")


async def embedded_meanwhile(library, asset_id, replace, monkeypatch):
    """Embed an asset whose parts are replaced after they were read, in a transaction that ends once embedding waits for it.

    Returns how many assets were found in step.
    """
    embeddings = library.services.embeddings
    compute, store = type(embeddings)._compute_parts, type(embeddings).store_parts
    stored, replacing = asyncio.Event(), []
    waits = "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"

    async def replaced_meanwhile(*arguments):
        made = await compute(*arguments)
        if not replacing:
            replacing.append(asyncio.create_task(replace()))
            await stored.wait()
        return made

    async def store_slowly(self, connection, *arguments):
        await store(self, connection, *arguments)
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        stored.set()
        await until(lambda: library.sql(waits, pid))

    with monkeypatch.context() as patched:
        patched.setattr(type(embeddings), "_compute_parts", replaced_meanwhile)
        patched.setattr(type(embeddings), "store_parts", store_slowly)
        async with asyncio.timeout(PATIENCE):
            in_step = await embeddings.embed_many(library.scope, [asset_id])
            await asyncio.gather(*replacing)
    return in_step


async def test_old_vectors_of_chunks_are_not_written_over_those_of_new_ones(archive, monkeypatch):
    """A document is read again while it is reindexed, which waits for that with what it has read and then leaves it alone."""
    library = archive.library
    old, new = [await vector_of(library, said) for said in ("A dog at the gate.", "A lighthouse on a cliff.")]
    archive.children.document = read_of("A lighthouse on a cliff.")
    asset_id = await archive.read("A dog at the gate.")
    await archive.services.documents.extract_again(archive.scope, asset_id)
    archive.forget_jobs(asset_id)
    assert [row[3] for row in library.sql(ROWS, asset_id)] == [old]

    assert await embedded_meanwhile(library, asset_id, lambda: archive.extract(asset_id), monkeypatch) == 0

    assert [row[3] for row in library.sql(ROWS, asset_id)] == [new]
    await archive.expect_whole(asset_id)
    assert await library.services.embeddings.embed_many(library.scope, [asset_id]) == 1


async def test_old_vectors_of_scenes_are_not_written_over_those_of_new_ones(cinema, monkeypatch):
    """A video is indexed again while it is reindexed, which waits for that with what it has read and then leaves it alone."""
    library = cinema.library
    old, new = [
        await vector_of(library, f"{said}\nFilm") for said in ("A dog at the gate.", "A lighthouse on a cliff.")
    ]
    monkeypatch.setattr(cinema.services.describing, "_describer", Says("A dog at the gate."))
    video_id = await cinema.indexed(name="Film")
    await cinema.services.videos.reprocess(cinema.scope, [video_id])
    cinema.forget_jobs(video_id)
    monkeypatch.setattr(cinema.services.describing, "_describer", Says("A lighthouse on a cliff."))
    assert [row[3] for row in library.sql(ROWS, video_id)] == [old] * 3

    assert await embedded_meanwhile(library, video_id, lambda: cinema.index(video_id), monkeypatch) == 0

    assert [row[3] for row in library.sql(ROWS, video_id)] == [new] * 3
    await cinema.expect_whole(video_id)
    assert await library.services.embeddings.embed_many(library.scope, [video_id]) == 1


async def test_edits_and_embedding_at_once_end_in_step(quick, described_by):
    """Twenty edits against as many runs of the job: when all is done and the last job has run, the vector is that of the row."""
    asset_id = await described_by("On the coast.")

    async def edit(number):
        await quick.services.assets.update(quick.scope, asset_id, {"title": f"Lighthouse number {number}"})

    async def embed():
        await quick.services.embeddings.embed(quick.scope, asset_id)

    await asyncio.gather(*(work for number in range(20) for work in (edit(number), embed())))
    if quick.sql(STALE, asset_id):
        assert quick.jobs(asset_id) == ["embed"]
        await embed()
    assert quick.sql(STALE, asset_id) == []
    title = (await quick.asset(asset_id)).title
    assert quick.sql(ROWS, asset_id)[0][3] == await vector_of(quick, f"{title}\n{title}\nOn the coast.")


async def test_lost_embedding_jobs_are_queued_again(quick, described_by):
    """What the queue forgets is told by the rows; what is in the trash waits until it is restored."""
    asset_id, trashed = await described_by("One."), await described_by("Two.")
    for edited in (asset_id, trashed):
        await quick.services.assets.update(quick.scope, edited, {"title": "New"})
    await quick.services.trash.delete(quick.scope, trashed)
    quick.sql("DELETE FROM procrastinate_jobs")
    quick.sql("UPDATE stale_embedding SET created_at = created_at - interval '1 hour'")
    await quick.services.upkeep.requeue_missing()
    assert quick.jobs(asset_id) == ["embed"]
    assert quick.jobs(trashed) == []
    await quick.services.trash.restore(quick.scope, trashed)
    await quick.services.upkeep.requeue_missing()
    assert quick.jobs(trashed) == ["embed"]
    quick.sql("DELETE FROM procrastinate_jobs")


async def test_without_a_model_images_are_described_all_the_same(quick, described_by, monkeypatch):
    """Where no model is installed descriptions are completed without vectors, edits leave no job, and a job does no harm."""

    def missing(texts):
        raise Unavailable("the text embedding model is not installed")

    monkeypatch.setattr(quick.services.embeddings._embedder, "embed", missing)
    asset_id = await described_by("A lighthouse.")
    assert (await quick.asset(asset_id)).description_status == "completed"
    assert quick.sql(ROWS, asset_id) == []
    await quick.services.assets.update(quick.scope, asset_id, {"title": "New"})
    assert quick.jobs(asset_id) == []
    await quick.services.embeddings.embed(quick.scope, asset_id)
    assert await find(quick, "lighthouse") == [asset_id]


async def test_vectors_of_another_tenants_asset_are_not_written(quick, described_by):
    """A job with the wrong tenant embeds nothing and takes no mark away."""
    asset_id = await described_by("A lighthouse.")
    await quick.services.assets.update(quick.scope, asset_id, {"title": "New"})
    other = await quick.neighbour()
    before = quick.sql(ROWS, asset_id)
    await quick.services.embeddings.embed(other.scope, asset_id)
    assert quick.sql(ROWS, asset_id) == before
    assert len(quick.sql(STALE, asset_id)) == 1
    quick.sql("DELETE FROM procrastinate_jobs")


async def test_purged_assets_leave_no_vectors(quick, described_by):
    """With the row go its vectors and marks."""
    asset_id = await described_by("A lighthouse.", document={"caption": "gate"})
    await quick.services.assets.update(quick.scope, asset_id, {"title": "New"})
    await quick.services.trash.delete(quick.scope, asset_id)
    quick.sql("UPDATE asset SET deleted_at = %s WHERE id = %s", datetime(2020, 1, 1, tzinfo=UTC), asset_id)
    await quick.services.trash.purge_due()
    assert quick.sql(ROWS, asset_id) == []
    assert quick.sql(STALE, asset_id) == []


async def test_metadata_without_text_has_a_vector_of_nothing(quick, described_by):
    """Metadata that holds only numbers is embedded as nothing, is found by nothing, and is not looked at again."""
    asset_id = await described_by("A cat.")
    say(quick, asset_id, {"recorded_timestamp_utc": 5})
    await quick.services.embeddings.embed(quick.scope, asset_id)
    assert set(quick.sql(ROWS, asset_id)[1][3].strip("[]").split(",")) == {"0"}
    assert await find(quick, "5", mode="joined", image_weight=0) == []
