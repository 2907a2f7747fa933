"""Scenes are found by words and by nearness, within what a filter leaves, and however many there are from their indexes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from calotype.db.indexing import select_newest_runs
from calotype.db.scene import delete_scenes, select_found_scenes, select_scenes
from calotype.db.scene_search import select_by_words, select_nearest_scenes
from calotype.db.trash import update_deleted
from calotype.db.upkeep import select_unfinished_videos
from calotype.db.video import select_all_videos, update_video
from calotype.db.video_group import select_has_videos
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_lexemes
from calotype.domain.video_search import SceneFilter
from tests.db.conftest import new_tenant
from tests.db.rows import NOW, START
from tests.db.test_index_use import Big, explained
from tests.db.video_rows import add_group, add_scenes, add_video, new_video, scene_of

EVERYWHERE = SceneFilter()
DONE = {"indexing_status": "completed"}
SCENES = 20_000
VIDEOS = 200
SHARE = 100  # how many times as much the large tenant has


def words(question: str) -> list[str]:
    """A question as it is searched."""
    return to_lexemes(question, 20, frozenset())


async def found(connection, scope, question, wanted=EVERYWHERE):
    """(place in its video) of the scenes found by words, best first."""
    hits = await select_by_words(connection, scope, words(question), wanted)
    scenes = await select_found_scenes(connection, scope, [hit.id for hit in hits])
    return [scenes[hit.id].index for hit in hits]


async def test_scenes_are_found_by_everything_that_is_known_of_them(database, scope):
    """What they show, what can be read in them, what is said, and their video's name; all words before some."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope, None, **DONE)
        scenes = [
            scene_of(video_id, 0, description="A red boat."),
            scene_of(video_id, 1, description=None, visible_text="RED LIGHT"),
            scene_of(video_id, 2, description=None, transcript="the boat is red"),
            scene_of(video_id, 3, description="Nothing."),
        ]
        await add_scenes(connection, scope, scenes, name="Harbour")
        assert await found(connection, scope, "light") == [1]
        assert sorted(await found(connection, scope, "boats")) == [0, 2]  # both equally good
        assert sorted(await found(connection, scope, "red boat")) == [0, 1, 2]
        assert sorted((await found(connection, scope, "red boat"))[:2]) == [0, 2]
        assert sorted(await found(connection, scope, "harbour")) == [0, 1, 2, 3]
        assert await found(connection, scope, "zeppelin") == []
        assert await select_by_words(connection, scope, [], EVERYWHERE) == []


@pytest.mark.parametrize("status", [None, "pending", "processing", "failed", "cancelled"])
async def test_only_indexed_videos_take_part(database, scope, status):
    """While a video is indexed again its old scenes are there, but not found, by words or by nearness."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope, None, **DONE)
        await add_scenes(connection, scope, [scene_of(video_id)], model="m")
        assert len(await select_by_words(connection, scope, ["forklift"], EVERYWHERE)) == 1
        assert len(await select_nearest_scenes(connection, scope, "m", [1, 0, 0], EVERYWHERE)) == 1
        await update_video(connection, scope, video_id, {"indexing_status": status})
        assert await select_by_words(connection, scope, ["forklift"], EVERYWHERE) == []
        assert await select_nearest_scenes(connection, scope, "m", [1, 0, 0], EVERYWHERE) == []


async def test_nobody_finds_what_is_not_theirs_or_in_the_trash(database, scope, other_scope):
    """Another tenant finds nothing, even when it names the video; nor does anybody what was deleted."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope, None, **DONE)
        await add_scenes(connection, scope, [scene_of(video_id)], model="m")
        named = SceneFilter(video_ids=(video_id,))
        assert len(await select_by_words(connection, scope, ["forklift"], named)) == 1
        assert await select_by_words(connection, other_scope, ["forklift"], named) == []
        assert await select_nearest_scenes(connection, other_scope, "m", [1, 0, 0], named) == []
        await update_deleted(connection, scope, [video_id], NOW)
        assert await select_by_words(connection, scope, ["forklift"], named) == []
        assert await select_nearest_scenes(connection, scope, "m", [1, 0, 0], named) == []


async def test_nearest_scenes_come_first_and_of_one_model_only(database, scope):
    """By cosine similarity; vectors of another model or length are never compared."""
    async with database.write() as connection:
        video_id = await add_video(connection, scope, None, **DONE)
        scenes = [scene_of(video_id, place) for place in range(4)]
        await add_scenes(connection, scope, scenes, model="m")
        hits = await select_nearest_scenes(connection, scope, "m", [1, 2, 0], EVERYWHERE)
        assert await select_nearest_scenes(connection, scope, "other", [1, 2, 0], EVERYWHERE) == []
        assert await select_nearest_scenes(connection, scope, "m", [1, 2], EVERYWHERE) == []
    order = {scene.id: scene.index for scene in scenes}
    assert [order[hit.id] for hit in hits] == [2, 3, 1, 0]
    assert hits[0].merit == pytest.approx(1, abs=1e-3)


@pytest.fixture(scope="module")
async def timed(database) -> AsyncIterator[tuple[Scope, list]]:
    """Six scenes of ten seconds in two videos, one with a start of its own and in a group, and how they are told apart."""
    scope = Scope(await new_tenant(database))
    async with database.write() as connection:
        group = await add_group(connection, scope)
        starts = NOW - timedelta(hours=1)
        one = await add_video(connection, scope, new_video(starts_at=starts, group_id=group.id), **DONE)
        two = await add_video(connection, scope, None, NOW, **DONE)
        known = []
        for video_id, begin, group_id in ((one, starts, group.id), (two, NOW, None)):
            scenes = [scene_of(video_id, place) for place in range(3)]
            await add_scenes(connection, scope, scenes, model="m")
            known += [(scene, begin, group_id) for scene in scenes]
    return scope, known


seconds = st.none() | st.integers(-1, 35).map(float)


@given(st.data())
async def test_filters_leave_what_overlaps(database, timed, data):
    """Times in the video and real times count with both ends, ids and groups exactly; both searches agree with a plain look."""
    scope, known = timed
    videos = [*sorted({scene.asset_id for scene, _, _ in known}), uuid4()]
    groups = [*[group for _, _, group in known if group][:1], uuid4()]
    begins = sorted({begin for _, begin, _ in known})
    moment = st.none() | st.builds(
        lambda begin, later: begin + timedelta(seconds=later), st.sampled_from(begins), st.integers(-1, 35)
    )
    wanted = SceneFilter(
        video_ids=data.draw(st.none() | st.lists(st.sampled_from(videos), unique=True).map(tuple)),
        group_ids=data.draw(st.none() | st.lists(st.sampled_from(groups), unique=True).map(tuple)),
        in_no_group=data.draw(st.booleans()),
        from_time=data.draw(moment),
        to_time=data.draw(moment),
        from_seconds=data.draw(seconds),
        to_seconds=data.draw(seconds),
    )

    def fits(scene, begin, group_id) -> bool:
        start, end = begin + timedelta(seconds=scene.start), begin + timedelta(seconds=scene.end)
        in_group = wanted.group_ids is None or group_id in wanted.group_ids or (wanted.in_no_group and group_id is None)
        return (
            (wanted.video_ids is None or scene.asset_id in wanted.video_ids)
            and in_group
            and (wanted.from_time is None or end >= wanted.from_time)
            and (wanted.to_time is None or start <= wanted.to_time)
            and (wanted.from_seconds is None or scene.end >= wanted.from_seconds)
            and (wanted.to_seconds is None or scene.start <= wanted.to_seconds)
        )

    expected = {scene.id for scene, begin, group_id in known if fits(scene, begin, group_id)}
    async with database.read() as connection:
        by_words = await select_by_words(connection, scope, ["forklift"], wanted)
        nearest = await select_nearest_scenes(connection, scope, "m", [1, 0, 0], wanted)
    assert {hit.id for hit in by_words} == expected
    assert {hit.id for hit in nearest} <= expected


_FILL = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search)
SELECT md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), 'video', 'video/mp4', 'mp4', 'STREAMING', 'key', 'n.mp4', 1,
    sha256(n::text::bytea), 'default', true, '{}', CAST(:now AS timestamptz) + n * interval '1 minute', :now, '{}', false,
    CAST('' AS tsvector) FROM generate_series(1, :videos) AS n;
INSERT INTO video (asset_id, tenant_id, name, has_storyboard, container, duration, frame_rate, rotation, video_codec,
    pixel_format, bitrate_kbps, indexing_status, scene_count, has_transcript)
SELECT md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), 'name', false, 'mp4', 60, 25, 0, 'h264', 'yuv420p', 1,
    CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'completed' END, 100, false FROM generate_series(1, :videos) AS n;
INSERT INTO indexing_run (id, asset_id, tenant_id, kind, status, progress, retries, created_at)
SELECT gen_random_uuid(), md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), 'full_vlm', 'completed', 100, 0,
    CAST(:now AS timestamptz) + i * interval '1 hour' FROM generate_series(1, :videos) AS n, generate_series(1, 20) AS i;
INSERT INTO scene (id, asset_id, tenant_id, index, start_time, end_time, tags, search, created_at)
SELECT gen_random_uuid(), md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), i, i, i + 1, '{}',
    CAST('''~common'' ''common'' ''~rare' || (n * 100 + i) % 4000 || ''' ''rare' || (n * 100 + i) % 4000 || ''' '
        || (SELECT string_agg('''filler' || (n * i * j) % 997 || '''', ' ') FROM generate_series(1, 6) AS j) AS tsvector),
    CAST(:now AS timestamptz) + n * interval '1 minute'
FROM generate_series(1, :videos) AS n, generate_series(0, :scenes / :videos - 1) AS i;
INSERT INTO embedding (asset_id, source, part, model, tenant_id, dimension, vector, created_at)
SELECT md5(CAST(:tenant AS text) || n)::uuid, 'scene', i, 'm', CAST(:tenant AS uuid), 8,
    CAST('[' || n || ',' || i || ',' || n * i % 7 || ',1,2,3,4,5]' AS halfvec), :now
FROM generate_series(1, :videos) AS n, generate_series(0, :scenes / :videos - 1) AS i
"""


@pytest.fixture(scope="module")
async def full(database):
    """A tenant with twenty thousand scenes, beside another one with a hundredth of that."""
    tenants = [await new_tenant(database) for _ in range(2)]
    async with database.write() as connection:
        for tenant_id, share in zip(tenants, (1, SHARE), strict=True):
            values = {"tenant": tenant_id, "now": NOW, "videos": VIDEOS // share, "scenes": SCENES // share}
            for statement in _FILL.split(";\n"):
                given_here = {name: value for name, value in values.items() if f":{name}" in statement}
                await connection.execute(text(statement), given_here)
    async with database.read() as connection:
        await connection.execute(text("ANALYZE asset, video, scene, indexing_run, embedding"))
        yield Big(Scope(tenants[0]), connection, {"small": tenants[1]})
        for tenant_id in tenants:
            for table in ("scene", "embedding", "indexing_run", "video", "asset"):
                await connection.execute(text(f"DELETE FROM {table} WHERE tenant_id = :tenant"), {"tenant": tenant_id})


@pytest.fixture
def small(full) -> Scope:
    """The small tenant beside it."""
    return Scope(full.folders["small"])


def looked_at(nodes, *tables) -> float:
    """How many rows the greatest scan of some tables gave or threw away."""
    return max(
        (
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
            * node.get("Actual Loops", 1)
            for node in nodes
            if node.get("Relation Name") in tables
        ),
        default=0,
    )


async def test_rare_words_are_found_in_their_index(full):
    """Of twenty thousand scenes only those with the word are looked at."""
    nodes = await explained(full, select_by_words(full.connection, full.scope, ["rare17"], EVERYWHERE))
    assert any(node.get("Index Name") == "scene_by_words" for node in nodes)
    assert looked_at(nodes, "scene") <= 2 * SCENES / 4000


async def test_a_word_that_is_everywhere_ranks_no_more_than_the_candidates(full):
    """However common a word is, the candidates of both lists bound what is looked at."""
    nodes = await explained(full, select_by_words(full.connection, full.scope, ["common"], EVERYWHERE))
    assert looked_at(nodes, "scene") <= SCENES
    hits = await select_by_words(full.connection, full.scope, ["common"], EVERYWHERE)
    assert len(hits) == 200


async def test_one_video_is_searched_by_itself(full):
    """A filter by ids reads those videos' scenes and vectors, not the tenant's."""
    wanted = SceneFilter(video_ids=((await select_all_videos(full.connection, full.scope))[0][0].id,))
    nodes = await explained(full, select_nearest_scenes(full.connection, full.scope, "m", [1.0] * 8, wanted))
    assert looked_at(nodes, "scene", "embedding", "video", "asset") <= 5 * SCENES / VIDEOS


async def test_a_small_tenant_does_not_pay_for_a_large_one(full, small):
    """Nearness is exact: each vector of the tenant is read, but not those of its large neighbour."""
    nodes = await explained(full, select_nearest_scenes(full.connection, small, "m", [1.0] * 8, EVERYWHERE))
    assert looked_at(nodes, "scene", "embedding") <= 2 * SCENES // SHARE


async def test_reading_one_video_reads_its_rows(full):
    """Its scenes, its newest run, what it waits for and what a group holds come from indexes."""
    connection, scope = full.connection, full.scope
    one = (await select_all_videos(connection, scope))[1][0].id
    group = uuid4()
    asked = {
        "scenes": (select_scenes(connection, scope, one), SCENES / VIDEOS),
        "removal": (delete_scenes(connection, scope, uuid4()), 1),
        "run": (select_newest_runs(connection, scope, [one]), 20),
        "group": (select_has_videos(connection, scope, group), 1),
        "its videos": (select_all_videos(connection, scope, group_id=group), 1),
        "unfinished": (select_unfinished_videos(connection, NOW + timedelta(days=900), START, 500), 2 * VIDEOS),
    }
    for name, (work, most) in asked.items():
        nodes = await explained(full, work)
        scans = [node for node in nodes if node["Node Type"] == "Seq Scan"]
        assert not scans, (name, scans)
        assert looked_at(nodes, "scene", "indexing_run", "video", "embedding") <= 1.5 * most, (name, nodes)
