"""Every task may run twice, one after the other or at once, and the end is the same."""

from __future__ import annotations

import asyncio

from calotype.domain.asset import State
from calotype.domain.errors import SandboxFailure
from tests.services.library import photo


async def facts(library, asset_id):
    """All that can be seen of a finished file."""
    detail = await library.services.assets.detail(library.scope, str(asset_id))
    colors = library.sql("SELECT rank, rgb FROM dominant_color WHERE asset_id = %s ORDER BY rank", asset_id)
    return detail.asset, len(detail.descriptions), [step.status for step in detail.operations], colors


async def test_a_finished_file_is_left_alone_by_tasks_that_come_again(library):
    """A job that is delivered twice finds nothing to do: no second description, no second set of colours."""
    asset_id = await library.finished()
    before = await facts(library, asset_id)
    assert before[1] == 1
    assert before[3]

    await library.services.pictures.make_variants(library.scope, asset_id, 2)
    await library.services.descriptions.read_text(library.scope, asset_id, 2)
    await library.services.descriptions.describe(library.scope, asset_id, 2)

    assert await facts(library, asset_id) == before
    assert library.jobs(asset_id) == []


async def test_the_same_task_on_two_workers_at_once_ends_as_if_it_had_run_once(library):
    """Both do the work; the file is complete, has one of everything, and one job follows."""
    asset_id = await library.take_in()
    make = library.services.pictures.make_variants

    assert await asyncio.gather(make(library.scope, asset_id, 1), make(library.scope, asset_id, 1)) == [None, None]

    asset, _, _, colors = await facts(library, asset_id)
    assert asset.variant_status is State.COMPLETED
    assert len(asset.variants) == 5
    assert len({rank for rank, _ in colors}) == len(colors) > 0
    assert library.jobs(asset_id) == ["make_variants", "read_text"]

    read, describe = library.services.descriptions.read_text, library.services.descriptions.describe
    await asyncio.gather(read(library.scope, asset_id, 1), read(library.scope, asset_id, 1))
    assert library.jobs(asset_id).count("describe") == 1
    await asyncio.gather(describe(library.scope, asset_id, 1), describe(library.scope, asset_id, 1))
    asset, descriptions, steps, _ = await facts(library, asset_id)
    assert asset.description_status is State.COMPLETED
    assert descriptions == 1
    assert set(steps) == {State.COMPLETED}


async def test_a_worker_that_fails_late_does_not_undo_what_another_has_finished(library, monkeypatch):
    """A stalled worker may wake up and fail after its job was given to another; the file stays complete."""
    asset_id = await library.take_in()
    pictures = library.services.pictures
    sandbox = pictures._sandbox

    class Stalled:
        async def run(self, *args, **kwargs):
            monkeypatch.setattr(pictures, "_sandbox", sandbox)
            await pictures.make_variants(library.scope, asset_id, 2)
            raise SandboxFailure("it took too long", reason="timeout")

    monkeypatch.setattr(pictures, "_sandbox", Stalled())
    await pictures.make_variants(library.scope, asset_id, 3)

    asset = await library.asset(asset_id)
    assert asset.variant_status is State.COMPLETED
    assert asset.variant_error is None
    assert asset.description_status is State.PENDING


async def test_variants_made_again_replace_the_old_ones_and_leave_no_objects_behind(library):
    """A run that is asked for ends like the first one, with the same objects."""
    asset_id = await library.finished(photo(300, 200))
    before, objects = await facts(library, asset_id), library.objects()

    run = await library.services.assets.trigger_variants(library.scope, asset_id)
    again = await library.services.assets.trigger_variants(library.scope, asset_id)
    assert (run.is_new, again.is_new, again.id) == (True, False, run.id)
    assert library.jobs(asset_id) == ["make_variants"]
    library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(asset_id))
    assert not (await library.services.assets.trigger_variants(library.scope, asset_id)).is_new
    assert library.jobs(asset_id) == []
    await library.services.pictures.make_variants(library.scope, asset_id, 1)

    after = await facts(library, asset_id)
    assert (after[0].variants, after[1], after[3]) == (before[0].variants, before[1], before[3])
    assert library.objects() == objects
    assert set(after[2]) == {State.COMPLETED}
