"""Lost work is found, the dead are noticed, and what belongs to nobody is swept."""

from __future__ import annotations

from uuid import uuid4

import pytest

from calotype.domain import object_keys
from calotype.domain.asset import State
from calotype.domain.device_image import image_id_of
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.upload import UploadOptions
from tests.services.library import chunks, photo


def mark_running(library, asset_id, heartbeat_age=None):
    """Mark the jobs of an asset as running, at a worker whose last heartbeat is that many seconds ago, or at none."""
    worker = None
    if heartbeat_age is not None:
        rows = library.sql(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s)) RETURNING id",
            heartbeat_age,
        )
        worker = rows[0][0]
    library.sql(
        "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE args->>'asset_id' = %s",
        worker,
        str(asset_id),
    )


async def test_a_job_the_queue_lost_is_queued_again_once(library):
    """The row knows that variants are missing, whatever became of the job; looking twice queues it once."""
    asset_id = await library.take_in()
    library.lose_jobs(asset_id)

    assert await library.services.upkeep.requeue_missing() == 1
    assert await library.services.upkeep.requeue_missing() == 0

    assert library.jobs(asset_id) == ["make_variants"]


async def test_lost_work_waits_behind_new_uploads(library):
    """A re-run over many old files must not keep somebody waiting who uploads now."""
    old, new = await library.take_in(), await library.take_in()
    library.lose_jobs(old)
    await library.services.upkeep.requeue_missing()

    rows = library.sql(
        "SELECT args->>'asset_id' FROM procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC, id"
    )

    mine = [row[0] for row in rows if row[0] in {str(old), str(new)}]
    assert mine == [str(new), str(old)]


async def test_a_description_whose_job_was_lost_is_made_after_all(library):
    """What is missing is told by the row: variants are there, so only the text is read."""
    asset_id = await library.take_in()
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    library.lose_jobs(asset_id)

    assert await library.services.upkeep.requeue_missing() == 1

    assert library.jobs(asset_id) == ["read_text"]


async def test_work_that_is_running_or_just_uploaded_is_not_queued_twice(library):
    """Neither a job that a worker has in its hands, nor an upload of this minute, counts as lost."""
    running, young = await library.take_in(), await library.take_in()
    mark_running(library, running, heartbeat_age=0)
    library.sql("UPDATE asset SET created_at = created_at - interval '1 hour' WHERE id = %s", running)
    library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(young))

    await library.services.upkeep.requeue_missing()

    assert library.jobs(running) == []
    assert library.jobs(young) == []


async def test_what_is_in_the_trash_or_finished_or_failed_lacks_nothing(library):
    """Only unfinished live files are worked on."""
    trashed, finished, failed = [await library.take_in() for _ in range(3)]
    await library.services.trash.delete(library.scope, trashed)
    library.sql(
        "UPDATE asset SET variant_status = 'completed', description_status = 'completed' WHERE id = %s", finished
    )
    library.sql("UPDATE asset SET variant_status = 'failed', description_status = 'failed' WHERE id = %s", failed)
    for asset_id in (trashed, finished, failed):
        library.lose_jobs(asset_id)

    await library.services.upkeep.requeue_missing()

    assert [library.jobs(asset_id) for asset_id in (trashed, finished, failed)] == [[], [], []]


async def test_lost_work_is_found_however_much_there_is(library, monkeypatch):
    """The look goes on after a full batch, and past files that are made in the same moment."""
    monkeypatch.setattr("calotype.services.lost_work.BATCH", 2)
    lost = [await library.take_in() for _ in range(5)]
    for asset_id in lost:
        library.lose_jobs(asset_id)
    library.sql("UPDATE asset SET created_at = '2020-01-01 00:00+00' WHERE id = ANY(%s)", lost)

    assert await library.services.upkeep.requeue_missing() == 5

    assert [library.jobs(asset_id) for asset_id in lost] == [["make_variants"]] * 5


@pytest.mark.parametrize("heartbeat_age", [3600, None])
async def test_jobs_of_a_dead_worker_are_given_back(library, heartbeat_age):
    """A worker that stopped living, or whose mark is gone, works on nothing any more; the attempt counts."""
    asset_id = await library.take_in()
    mark_running(library, asset_id, heartbeat_age)

    assert await library.services.upkeep.rescue() >= 1

    assert library.jobs(asset_id) == ["make_variants"]
    rows = library.sql("SELECT attempts FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
    assert rows == [(1,)]


async def test_jobs_of_a_living_worker_are_left_to_it(library):
    """A long job is no dead job as long as its worker's heart beats."""
    asset_id = await library.take_in()
    mark_running(library, asset_id, heartbeat_age=1)

    await library.services.upkeep.rescue()

    assert library.jobs(asset_id, "doing") == ["make_variants"]
    assert library.jobs(asset_id) == []


async def queue_again(library, asset_id):
    """Queue the work on a picture once more, as if nobody knew of its running job."""
    async with library.services.upkeep._database.write() as connection:
        job = Job(Task.MAKE_VARIANTS, library.scope.tenant_id, asset_id)
        await library.services.queue.enqueue(connection, job, Urgency.NEW)


async def test_a_dead_workers_job_that_was_queued_again_meanwhile_stays_one_job(library):
    """Two of the same cannot wait at once; the older mark is simply removed, however many there are."""
    asset_id = await library.take_in()
    for _ in range(2):
        mark_running(library, asset_id, heartbeat_age=3600)
        await queue_again(library, asset_id)
    assert library.jobs(asset_id, "doing") == ["make_variants"] * 2
    assert library.jobs(asset_id) == ["make_variants"]

    await library.services.upkeep.rescue()
    await library.services.upkeep.rescue()

    assert library.jobs(asset_id, "doing") == []
    assert library.jobs(asset_id) == ["make_variants"]


async def test_two_dead_marks_of_the_same_work_become_one_job(library):
    """Where nothing waits, one of them goes back to the queue and the others go."""
    asset_id = await library.take_in()
    mark_running(library, asset_id, heartbeat_age=3600)
    await queue_again(library, asset_id)
    mark_running(library, asset_id, heartbeat_age=3600)
    assert library.jobs(asset_id, "doing") == ["make_variants"] * 2

    await library.services.upkeep.rescue()

    assert library.jobs(asset_id, "doing") == []
    assert library.jobs(asset_id) == ["make_variants"]


async def test_an_original_that_somebody_removed_is_missed_and_its_picture_fails_with_the_reason(library):
    """The files are looked for one by one, in every batch; the work on a missing one ends and says why."""
    gone, kept = await library.take_in(), await library.take_in()
    store = library.services.trash._store
    await store.delete((await library.asset(gone)).object_key)

    missing = await library.services.upkeep.missing_originals()
    await library.services.pictures.make_variants(library.scope, gone, 1)

    assert gone in missing
    assert kept not in missing
    asset = await library.asset(gone)
    assert asset.variant_status is State.FAILED
    assert "missing" in asset.variant_error


async def test_the_doctor_names_originals_that_are_missing(library):
    """With the look for every original, a file that is gone is a fault with its id and what to do."""
    gone = await library.take_in()
    await library.services.trash._store.delete((await library.asset(gone)).object_key)

    checks = await library.services.doctor.examine(library.services.reindexing, library.services.upkeep)

    found = next(check for check in checks if check.name == "originals")
    assert found.is_fault
    assert "missing" in found.finding
    assert found.remedy


async def test_the_sweep_leaves_announced_uploads_and_foreign_files_alone(library):
    """What may still be confirmed has a row of its own; what this server never wrote is not its to remove."""
    announced = await library.services.presigned.initiate(library.scope, "a.jpg", 10_000, UploadOptions())
    await library.services.presigned.put(library.scope, announced.upload_id, chunks(photo()))
    (kept,) = library.objects()
    store = library.services.trash._store
    orphan = f"variants/{library.scope.tenant_id}/{uuid4()}/tiny_64.jpg"
    foreign = f"uploads/{library.scope.tenant_id}/README.txt"
    for key in (orphan, foreign):
        await store.put(key, b"whatever")

    assert await library.services.upkeep.sweep() >= 1

    assert library.objects() == {kept, foreign}


async def test_the_sweep_knows_every_kind_of_key_and_no_other(library):
    """One object of each kind that no row knows is swept, and whatever is not quite of their form stays."""
    tenant_id, asset_id = library.scope.tenant_id, uuid4()
    library.sql("SELECT nextval('device_image_number')")
    original = object_keys.original_key(tenant_id, asset_id, "a b.jpg")
    ours = {
        original,
        object_keys.attempt_key(original),
        object_keys.chunk_key(tenant_id, asset_id, 1),
        object_keys.variant_key(tenant_id, asset_id, "tiny_64", "jpg"),
        object_keys.keyframe_key(tenant_id, asset_id, "0a1b2c3d4e5f", 0),
        object_keys.storyboard_key(tenant_id, asset_id, "0a1b2c3d4e5f"),
        object_keys.rendition_key(tenant_id, asset_id),
        object_keys.device_image_key(image_id_of(1), "a.jpg"),
    }
    assert {key.partition("/")[0] for key in ours} == set(object_keys.FOLDERS)
    foreign = {
        f"uploads/{str(tenant_id).upper()}/{asset_id}/a.jpg",
        f"variants/{tenant_id}/{asset_id}/below/a.jpg",
        f"chunks/{tenant_id}/1_0a1b2c3d4e5f6071",
        "raw-data/a.jpg",
        "others/a.jpg",
    }
    store = library.services.upkeep._store
    for key in ours | foreign:
        await store.put(key, b"x")

    await library.services.upkeep.sweep()

    left = {stored.key async for stored in store.list()}
    assert left & (ours | foreign) == foreign
    await store.delete_many(sorted(foreign))
