"""Programs find images, documents and videos by what they show and by what they are called, described or not."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text as sql

from calotype.db.embedding import upsert_embeddings
from calotype.db.trash import update_deleted
from calotype.domain.agent_search import AgentQuery, AgentSearchMode
from calotype.domain.asset import State
from calotype.domain.embedding import Embedding, EmbeddingSource
from tests.db.chunk_rows import add_chunks, add_document, chunk_of
from tests.db.rows import NOW, add, add_folder, new_asset
from tests.db.video_rows import add_scenes, add_video, scene_of

UNDESCRIBED = {"description_status": State.SKIPPED}
DONE = {"indexing_status": "completed"}


@pytest.fixture
async def database(library):
    """The database of the services."""
    return library.services.agent_search._database


@pytest.fixture
def ask(library):
    """Asks for one kind of files; the ids found, best first."""

    async def find(kind, text, **options):
        answer = await getattr(library.services.agent_search, kind)(library.scope, AgentQuery(text, **options))
        scores = [found.score for found in answer.found]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)
        return [id_of(found) for found in answer.found]

    return find


def id_of(found):
    """The id of an image, a video or the document of a passage."""
    return found.video.asset.id if hasattr(found, "video") else found.asset.id


async def add_image(connection, library, now=NOW, description="A red boat.", **values):
    """An image that has been described, with its vector."""
    return (await add_images(connection, library, [now], description, **values))[0]


async def add_images(connection, library, times, description, **values):
    """Several images with one description."""
    later = {"description": description, "description_status": State.COMPLETED}
    ids = [await add(connection, new_asset(library.scope.tenant_id, **values), now, **later) for now in times]
    embedder = library.services.embeddings._embedder
    vector = tuple(embedder.embed([description])[0].tolist())
    rows = [Embedding(asset_id, EmbeddingSource.CONTENT, embedder.model, vector) for asset_id in ids]
    await upsert_embeddings(connection, library.scope, rows, NOW)
    return ids


async def add_named(connection, library, title, now=NOW, **values):
    """An image that nobody described."""
    return await add(connection, new_asset(library.scope.tenant_id, title=title, **UNDESCRIBED, **values), now)


async def test_images_are_found_by_what_they_show_and_by_their_names(library, database, ask):
    """Described ones by words and meaning, others by title, tags and the beginning of a word; each once."""
    async with database.write() as connection:
        boat = await add_image(connection, library)
        pier = await add_named(connection, library, "North pier")
        tagged = await add_named(connection, library, None, tags=("harbour",))
        await add_image(connection, library, description="A mountain.")
        await add(connection, new_asset(library.scope.tenant_id, media_type="video", title="Pier"))
    assert await ask("images", "boat") == [boat]
    assert await ask("images", "the pier") == [pier]
    assert await ask("images", "where is the north pier of the old town?") == [pier]
    assert await ask("images", "harb") == [tagged]
    assert set(await ask("images", "red boat at the north pier")) == {boat, pier}
    assert await ask("images", "zeppelin") == []
    assert await ask("images", "!!! ...") == []


async def test_a_star_shows_the_newest(library, database, ask):
    """As many as are wanted, of one kind, within a folder or among ids; trash is left out."""
    async with database.write() as connection:
        folder = await add_folder(connection, library.scope)
        images = [await add_named(connection, library, None, NOW + timedelta(hours=hour)) for hour in range(3)]
        images.append(await add_named(connection, library, None, NOW + timedelta(hours=9), folder_id=folder.id))
        videos = [await add_video(connection, library.scope, None, NOW + timedelta(hours=hour)) for hour in range(2)]
        document = await add_document(connection, library.scope)
        await add_chunks(connection, library.scope, document, [chunk_of(0), chunk_of(1)])
        await update_deleted(connection, library.scope, [images[0]], NOW)
    newest = images[:0:-1]
    assert await ask("images", "*") == newest
    assert await ask("images", " * ", limit=2) == newest[:2]
    assert await ask("images", "*", folder_id=folder.id) == [images[3]]
    assert await ask("images", "*", ids=(images[0], images[1], uuid4())) == [images[1]]
    assert await ask("videos", "*") == videos[::-1]
    assert await ask("documents", "*") == [document]
    assert await ask("documents", "*", formats=("md",)) == []
    for kind in ("images", "documents", "videos"):
        answer = await getattr(library.services.agent_search, kind)(library.scope, AgentQuery("*"))
        assert answer.mode is AgentSearchMode.BROWSE


async def test_an_image_alone_in_its_folder_is_found_below_hundreds_that_fit_better(library, database, ask):
    """A folder or ids leave what is searched, not what was found."""
    async with database.write() as connection:
        folder, empty = [await add_folder(connection, library.scope) for _ in range(2)]
        await add_images(connection, library, [NOW + timedelta(hours=hour) for hour in range(210)], "A boat. A boat.")
        alone = await add_image(connection, library, NOW, "A small boat.", folder_id=folder.id)
    assert alone not in (await ask("images", "boat", limit=200))
    for question in ("boat", "ship"):
        assert await ask("images", question, folder_id=folder.id) == [alone], question
        assert await ask("images", question, ids=(alone, uuid4())) == [alone], question
        assert await ask("images", question, folder_id=empty.id) == []
        assert await ask("images", question, folder_id=uuid4()) == []
        assert await ask("images", question, ids=()) == []
        assert await ask("images", question, ids=(alone,), folder_id=empty.id) == []
    found = await ask("images", "boat", limit=500)
    assert len(found) == len(set(found)) == 211
    assert len(await ask("images", "boat", limit=205)) == 205


async def test_videos_are_found_by_scenes_and_by_name(library, database, ask):
    """Scenes are gathered by their video, best first; a video without any that fits is found by what it is called."""
    scope = library.scope
    async with database.write() as connection:
        folder = await add_folder(connection, scope)
        dock = await add_video(connection, scope, None, **DONE)
        scenes = [
            scene_of(dock, 0, description="Nothing."),
            scene_of(dock, 1, description="A forklift and another forklift."),
            scene_of(dock, 2, description="Rain.", transcript="where is the forklift"),
        ]
        await add_scenes(connection, scope, scenes)
        new = new_asset(scope.tenant_id, media_type="video", title="Forklift training", folder_id=folder.id)
        titled = await add(connection, new, NOW)
        await connection.execute(
            sql(
                "INSERT INTO video (asset_id, tenant_id, name, has_storyboard, scene_count, has_transcript) "
                "VALUES (:id, :tenant, 'name', false, 0, false)"
            ),
            {"id": titled, "tenant": scope.tenant_id},
        )
    answer = await library.services.agent_search.videos(scope, AgentQuery("forklift"))
    shown = {id_of(found): [scene.scene.index for scene in found.scenes] for found in answer.found}
    assert shown[dock] in ([1, 2], [2, 1])
    assert shown[titled] == []
    assert set(shown) == {dock, titled}
    assert await ask("videos", "forklift", folder_id=folder.id) == [titled]
    assert await ask("videos", "fork", folder_id=folder.id) == [titled]
    assert await ask("videos", "forklift", ids=(dock,)) == [dock]
    assert await ask("videos", "forklift", ids=()) == []
    assert len(await ask("videos", "forklift", limit=1)) == 1
    assert await ask("videos", "zeppelin") == []


async def test_documents_are_found_by_passage(library, database):
    """Each passage is a result of its own, of the documents and formats that are meant."""
    async with database.write() as connection:
        one = await add_document(connection, library.scope)
        other = await add_document(connection, library.scope, format="md")
        for asset_id in (one, other):
            await add_chunks(connection, library.scope, asset_id, [chunk_of(0), chunk_of(1)])
    search = library.services.agent_search
    for query, count in (
        (AgentQuery("forklift"), 4),
        (AgentQuery("forklift", 3), 3),
        (AgentQuery("forklift", ids=(one,)), 2),
        (AgentQuery("forklift", formats=("md", "txt")), 2),
        (AgentQuery("forklift", formats=("md",), ids=(one,)), 0),
    ):
        answer = await search.documents(library.scope, query)
        assert len(answer.found) == count, query
        assert answer.mode is AgentSearchMode.HYBRID


async def test_nobody_finds_what_is_not_theirs(library, database):
    """Another tenant finds nothing, by any name."""
    async with database.write() as connection:
        folder = await add_folder(connection, library.scope)
        image = await add_image(connection, library, folder_id=folder.id)
        video = await add_video(connection, library.scope, None, **DONE)
        await add_scenes(connection, library.scope, [scene_of(video, description="A red boat.")])
        document = await add_document(connection, library.scope)
        await add_chunks(connection, library.scope, document, [chunk_of(0, "A red boat.")])
    neighbour = await library.neighbour()
    search = neighbour.services.agent_search
    for text in ("boat", "*"):
        for options in ({}, {"folder_id": folder.id}, {"ids": (image, video, document)}):
            for find in (search.images, search.documents, search.videos):
                assert (await find(library.scope, AgentQuery(text))).found
                assert (await find(neighbour.scope, AgentQuery(text, **options))).found == ()


@pytest.mark.parametrize("kind", ["images", "documents", "videos"])
async def test_the_meaning_of_a_question_is_worked_out_once(library, ask, monkeypatch, kind):
    """However many searches an answer is put together from, the model reads a question a single time."""
    embedder = library.services.agent_search._embedder
    read, embed = [], embedder.embed
    monkeypatch.setattr(embedder, "embed", lambda texts: read.append(texts) or embed(texts))
    await ask(kind, "a red boat at sea")
    assert read == [["a red boat at sea"]]
