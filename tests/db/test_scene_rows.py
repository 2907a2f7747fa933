"""Rows of scenes and of what is said in them, which come and go together with their vectors."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy import text

from calotype.db.asset import delete_asset
from calotype.db.embedding import upsert_embeddings
from calotype.db.scene import delete_scenes, insert_segments, select_found_scenes, select_scene, select_scenes
from calotype.db.trash import update_deleted
from calotype.domain.embedding import Embedding, EmbeddingSource
from calotype.domain.scene import TranscriptSegment
from tests.db.rows import NOW
from tests.db.video_rows import add_one_video, add_scenes, add_video, scene_of


async def left(connection, video_id: UUID) -> dict[str, int]:
    """How many rows there are of a video, by table."""
    tables = ("scene", "transcript_segment", "embedding")
    return {
        name: (
            await connection.execute(text(f"SELECT count(*) FROM {name} WHERE asset_id = :id"), {"id": video_id})
        ).scalar_one()
        for name in tables
    }


async def test_scenes_come_back_as_they_were_found(database, scope):
    """In their order, each with its own values, texts in any script, and none where there is none."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope)
        odd = scene_of(
            video_id,
            1,
            keyframe_key=None,
            description=None,
            visible_text='犬 "quoted", {braces} \\ NULL',
            transcript="He said: 'no'.",
            tags=(),
            confidence=None,
        )
        scenes = [scene_of(video_id, 2), odd, scene_of(video_id, 0)]
        await add_scenes(connection, scope, scenes)
        found = await select_scenes(connection, scope, video_id)
    assert found == [scenes[2], replace(odd, created_at=found[1].created_at), scenes[0]]


async def test_scenes_are_their_tenants_and_live(database, scope, other_scope):
    """Neither by their video nor by their own id does anybody else see them, or what is in the trash."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope)
        scene = scene_of(video_id)
        await add_scenes(connection, scope, [scene])
        assert await select_scene(connection, scope, scene.id) == scene
        assert await select_found_scenes(connection, scope, [scene.id]) == {scene.id: scene}
        assert await select_found_scenes(connection, scope, []) == {}
        for blind in (other_scope, scope.trashed()):
            assert await select_scenes(connection, blind, video_id) == []
            assert await select_scene(connection, blind, scene.id) is None
            assert await select_found_scenes(connection, blind, [scene.id]) == {}
        await update_deleted(connection, scope, [video_id], NOW)
        assert await select_scenes(connection, scope, video_id) == []
        assert await select_scenes(connection, scope.any(), video_id) == [scene]


async def test_a_scene_tells_whether_it_has_a_vector(database, scope):
    """One of its own: neither its neighbour's nor another vector of the asset counts."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope)
        await add_scenes(connection, scope, [scene_of(video_id, place) for place in range(3)])
        vectors = [
            Embedding(video_id, EmbeddingSource.SCENE, "model", (1.0, 0.0), 1),
            Embedding(video_id, EmbeddingSource.CONTENT, "model", (1.0, 0.0), 2),
        ]
        await upsert_embeddings(connection, scope, vectors, NOW)
        found = await select_scenes(connection, scope, video_id)
    assert [scene.is_embedded for scene in found] == [False, True, False]


async def test_scenes_go_with_their_vectors_and_their_words(database, scope, other_scope):
    """What replaces them finds nothing left, not even of another model; pictures of scenes are named, once each."""
    async with database.write() as connection:
        video_id, beside = await add_video(connection, scope), await add_video(connection, scope)
        for one in (video_id, beside):
            await add_scenes(connection, scope, [scene_of(one, 0), scene_of(one, 1, keyframe_key=None)], model="old")
            vectors = [Embedding(one, EmbeddingSource.SCENE, "new", (1.0,), place) for place in range(2)]
            content = Embedding(one, EmbeddingSource.CONTENT, "new", (1.0,))
            await upsert_embeddings(connection, scope, [*vectors, content], NOW)
            await insert_segments(connection, scope, one, [TranscriptSegment(0, 2, "a"), TranscriptSegment(2, 3, "b")])
        assert await delete_scenes(connection, other_scope, video_id) == set()
        assert await left(connection, video_id) == {"scene": 2, "transcript_segment": 2, "embedding": 5}
        gone = await delete_scenes(connection, scope, video_id)
        assert await left(connection, video_id) == {"scene": 0, "transcript_segment": 0, "embedding": 1}
        assert await left(connection, beside) == {"scene": 2, "transcript_segment": 2, "embedding": 5}
        assert await delete_scenes(connection, scope, video_id) == set()
    assert gone == {f"variants/{video_id}/scene_0.jpg"}


async def test_everything_of_a_video_goes_with_its_asset(database, scope):
    """A purge leaves no row, however many scenes there were."""
    video_id = await add_one_video(database, scope)
    async with database.write() as connection:
        await add_scenes(connection, scope, [scene_of(video_id, place) for place in range(50)], model="m")
        await insert_segments(connection, scope, video_id, [TranscriptSegment(0, 2, "a")])
        await delete_asset(connection, scope, video_id)
        assert await left(connection, video_id) == {"scene": 0, "transcript_segment": 0, "embedding": 0}
