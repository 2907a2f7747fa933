"""Rows of runs of indexing."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from calotype.db.indexing import select_newest_runs, select_run, update_open_run, update_run
from calotype.db.trash import update_deleted
from calotype.domain.video import IndexingStatus
from tests.db.rows import NOW
from tests.db.video_rows import add_one_video, add_run, add_video, run_of


async def test_a_run_comes_back_as_it_was_written(database, scope, other_scope):
    """Its changes too, to its tenant alone, and only while its video is live."""
    video_id = await add_one_video(database, scope)
    async with database.write() as connection:
        run = run_of(video_id, kind="transcript", retries=2)
        await add_run(connection, scope, run)
        assert await select_run(connection, scope, run.id) == run
        assert await select_run(connection, other_scope, run.id) is None
        await update_run(connection, other_scope, run.id, {"progress": 99})
        values = {"status": "failed", "progress": 42, "step": "scenes", "error": "why", "error_code": "because"}
        await update_run(connection, scope, run.id, {**values, "started_at": NOW, "completed_at": NOW})
        changed = await select_run(connection, scope, run.id)
        await update_deleted(connection, scope, [video_id], NOW)
        assert await select_run(connection, scope, run.id) is None
    assert changed is not None
    assert (changed.status, changed.progress, changed.step) == (IndexingStatus.FAILED, 42, "scenes")
    assert (changed.error, changed.error_code, changed.retries) == ("why", "because", 2)
    assert (changed.started_at, changed.completed_at) == (NOW, NOW)


async def test_the_newest_run_is_found_of_each_video(database, scope, other_scope):
    """By time, then by id, whatever order they were written in; videos without runs, and of others, are not there."""
    async with database.write() as connection:
        one, two, none = [await add_video(connection, scope) for _ in range(3)]
        newest = run_of(one, NOW + timedelta(minutes=3))
        for run in (run_of(one, NOW + timedelta(minutes=1)), newest, run_of(one, NOW)):
            await add_run(connection, scope, run)
        low, high = sorted([run_of(two), run_of(two)], key=lambda run: run.id.int)
        for run in (high, low):
            await add_run(connection, scope, run)
        found = await select_newest_runs(connection, scope, [one, two, none])
        foreign = await select_newest_runs(connection, other_scope, [one, two])
    assert {video_id: run.id for video_id, run in found.items()} == {one: newest.id, two: high.id}
    assert foreign == {}


async def test_as_many_videos_as_a_tenant_has_can_be_asked_about(database, scope):
    """Lists of videos are complete, also above 65,535, the most parameters of one statement."""
    video_id = await add_one_video(database, scope)
    async with database.write() as connection:
        run = run_of(video_id)
        await add_run(connection, scope, run)
        found = await select_newest_runs(connection, scope, [*(UUID(int=place) for place in range(66_000)), video_id])
    assert found == {video_id: run}


async def test_progress_is_told_only_of_what_is_still_wanted(database, scope, other_scope):
    """A run that has ended or was begun again, whose video is in the trash or somebody else's, takes no progress."""
    async with database.write() as connection:
        live, ended, trashed, again = [await add_video(connection, scope) for _ in range(4)]
        runs = [run_of(live), run_of(ended, status=IndexingStatus.COMPLETED), run_of(trashed), run_of(again)]
        for run in runs:
            await add_run(connection, scope, run)
        await update_deleted(connection, scope, [trashed], NOW)
        await update_run(connection, scope, runs[3].id, {"retries": 1})
        taken = [await update_open_run(connection, scope, run, {"progress": 7, "step": "scenes"}) for run in runs]
        foreign = await update_open_run(connection, other_scope, runs[0], {"progress": 8})
        unknown = await update_open_run(connection, scope, run_of(live), {"progress": 8})
        told = await select_run(connection, scope, runs[0].id)
    assert taken == [True, False, False, False]
    assert (foreign, unknown) == (False, False)
    assert told is not None
    assert (told.progress, told.step) == (7, "scenes")
