"""Sessions end whatever dies, expire without progress, and are forgotten in time."""

from __future__ import annotations

import asyncio

import psycopg

from calotype.domain.upload_session import FileOutcome, SessionStatus
from tests.services.batches import (
    PLAIN,
    TERMINAL,
    age,
    cancel,
    counts,
    deadlocks,
    expect_consistent,
    live,
    outcomes,
    photos,
    progress,
    rows,
    send,
    summary,
    until,
    until_blocked,
    work,
)
from tests.services.library import chunks, photo


async def test_a_session_without_progress_for_a_day_expires_and_its_late_work_changes_nothing(library):
    """Its waiting files count as failed; their jobs stay, because the work is as welcome later."""
    result = await send(library, photos(3))
    one, two, _ = (item.asset_id for item in result.items)
    await work(library, one)
    age(library, result.session_id, 23)
    assert await library.services.sessions.expire() == 0
    age(library, result.session_id, 2)

    assert await library.services.sessions.expire() == 1

    told = await progress(library, result.session_id)
    assert (told.summary.status, counts(told.summary)) == (SessionStatus.EXPIRED, (1, 2, 0, 0))
    assert len(told.errors) == 2
    assert library.jobs(two) == ["make_variants"]
    await work(library, two)
    assert await library.services.sessions.expire() == 0
    assert await progress(library, result.session_id) == told
    assert await cancel(library, result.session_id) is None


async def test_progress_within_the_day_keeps_a_session_open(library):
    """A long queue that ends one file in a while is no standstill, nor is a request that has just been read."""
    progressing, young = [await send(library, photos(2)) for _ in range(2)]
    age(library, progressing.session_id, 30)
    await work(library, progressing.items[0].asset_id)
    age(library, young.session_id, 23)

    await library.services.sessions.expire()

    assert (await summary(library, progressing.session_id)).status is SessionStatus.PROCESSING
    assert (await summary(library, young.session_id)).status is SessionStatus.PENDING


async def test_a_session_whose_last_file_ends_while_it_expires_stays_completed(library):
    """Found idle, then finished before it was closed: what its client was told stays true."""
    result = await send(library, photos(1))
    age(library, result.session_id, 30)
    with psycopg.connect(library._database_url) as worker:
        worker.execute("SELECT 1 FROM upload_session WHERE id = %s FOR SHARE", (result.session_id,))
        worker.execute(
            "UPDATE upload_session_file SET outcome = 'completed', ended_at = now() WHERE session_id = %s",
            (result.session_id,),
        )
        expiring = asyncio.create_task(library.services.sessions.expire())
        await until_blocked(library)
        worker.commit()
    assert await expiring == 0

    assert (await summary(library, result.session_id)).status is SessionStatus.COMPLETED


async def test_two_who_expire_at_once_do_it_once(library):
    """Upkeep runs in every worker."""
    results = [await send(library, photos(2)) for _ in range(5)]
    for result in results:
        age(library, result.session_id, 25)

    assert sum(await asyncio.gather(*(library.services.sessions.expire() for _ in range(3)))) == 5
    assert {(await summary(library, result.session_id)).status for result in results} == {SessionStatus.EXPIRED}


async def test_a_dead_reader_is_ended_and_a_living_one_is_not(library):
    """Silence is measured by the database's clock; what had arrived is worked on, and then the session ends."""
    dead, alive = (
        library.services.batch_uploads.reading(library.scope),
        library.services.batch_uploads.reading(library.scope),
    )
    async with alive as living:
        await living.take("living.jpg", chunks(photo()), PLAIN)
        async with dead as silent:
            for name, data in photos(3):
                await silent.take(name, chunks(data), PLAIN)
            await silent._end_storing()
            library.sql(
                "UPDATE upload_session SET reader_seen_at = now() - interval '31 seconds' WHERE id = %s",
                silent.session_id,
            )

            assert await library.services.sessions.end_abandoned() == 1
            assert await library.services.sessions.end_abandoned() == 0

            assert (await summary(library, silent.session_id)).status is SessionStatus.PENDING
            assert (await summary(library, living.session_id)).status is SessionStatus.UPLOADING
            await work(library, live(library)["0.jpg"])
            found = await summary(library, silent.session_id)
            assert counts(found) == (1, 0, 0, 2)


async def test_a_reader_that_was_taken_for_dead_adds_nothing_to_a_session_that_may_be_over(library):
    """It wakes, goes on, and its later files are refused, to be sent again."""
    async with library.services.batch_uploads.reading(library.scope) as batch:
        await batch.take("a.jpg", chunks(photo()), PLAIN)
        await until(lambda: rows(library, batch.session_id))
        library.sql("UPDATE upload_session SET reader_seen_at = '2020-01-01' WHERE id = %s", batch.session_id)
        await library.services.sessions.end_abandoned()
        await work(library, live(library)["a.jpg"])
        told = await progress(library, batch.session_id)
        await batch.take("b.jpg", chunks(photo()), PLAIN)
        result = await batch.finish(PLAIN)

    assert told.summary.status is SessionStatus.COMPLETED
    assert await progress(library, batch.session_id) == told
    assert outcomes(result) == [FileOutcome.COMPLETED, None]
    assert result.rejections[0].retryable
    assert list(live(library)) == ["a.jpg"]


async def test_the_heart_of_a_reader_beats_while_a_slow_client_sends_one_file(library, monkeypatch):
    """Not progress but life is told, so one long file does not look like death."""
    monkeypatch.setattr(library.services.batch_uploads, "heartbeat", 0.01)

    def seen(session_id):
        return library.sql("SELECT reader_seen_at FROM upload_session WHERE id = %s", session_id)[0][0]

    async with library.services.batch_uploads.reading(library.scope) as batch:

        async def slow():
            yield photo()
            before = seen(batch.session_id)
            await until(lambda: seen(batch.session_id) > before)
            beats.append(seen(batch.session_id) - before)

        beats = []
        await batch.take("slow.jpg", slow(), PLAIN)
        result = await batch.finish(PLAIN)

    assert len(beats) == 1
    assert outcomes(result) == [FileOutcome.COMPLETED]


async def test_ends_that_nobody_noted_are_noted_later(library):
    """Finished, failed, trashed or gone: a row whose asset waits for nothing does not wait either."""
    result = await send(library, photos(6))
    ids = [item.asset_id for item in result.items]
    library.sql("UPDATE asset SET variant_status = 'completed' WHERE id = %s", ids[0])
    library.sql("UPDATE asset SET variant_status = 'failed', variant_error = 'why' WHERE id = %s", ids[1])
    library.sql("UPDATE asset SET deleted_at = now() WHERE id = %s", ids[2])
    library.sql("DELETE FROM asset WHERE id = %s", ids[3])
    library.sql("UPDATE asset SET variant_status = 'processing' WHERE id = %s", ids[4])

    assert await library.services.sessions.settle_missed() >= 4

    assert [row[1:3] for row in rows(library, result.session_id)] == [
        ("completed", None),
        ("failed", "why"),
        ("skipped", "Deleted"),
        ("skipped", "Deleted"),
        ("pending", None),
        ("pending", None),
    ]


async def test_sessions_are_forgotten_after_the_keep_time_and_not_before(library):
    """A client has at least a day to ask, and one that still waits for something is never forgotten."""
    over, waiting, young, uploading, empty = [
        await send(library, photos(1) if place != 4 else [("a.bin", b"text")]) for place in range(5)
    ]
    await work(library, over.items[0].asset_id)
    await work(library, young.items[0].asset_id)
    library.sql("UPDATE upload_session SET received_at = NULL WHERE id = %s", uploading.session_id)
    for result in (over, waiting, uploading, empty):
        age(library, result.session_id, 50)
    age(library, young.session_id, 23)
    # Its file ended within the day, so it does not expire, and is no further.
    library.sql("UPDATE upload_session SET received_at = now() WHERE id = %s", waiting.session_id)

    await library.services.sessions.expire()

    kept = {
        row[0] for row in library.sql("SELECT id FROM upload_session WHERE tenant_id = %s", library.scope.tenant_id)
    }
    assert kept == {waiting.session_id, young.session_id, uploading.session_id}
    assert rows(library, over.session_id) == []
    assert (await library.asset(over.items[0].asset_id)).deleted_at is None


async def test_all_of_upkeep_may_run_many_times_at_once(quick):
    """Every worker looks after all tenants, so the same is found by several at the same moment."""
    before = deadlocks(quick)
    results = [await send(quick, photos(4)) for _ in range(6)]
    for result in results[:3]:
        age(quick, result.session_id, 30)
    quick.sql(
        "UPDATE upload_session SET received_at = NULL, reader_seen_at = '2020-01-01' WHERE id = %s",
        results[5].session_id,
    )

    ids = [item.asset_id for result in results for item in result.items]
    await asyncio.gather(
        *(quick.services.upkeep.end_sessions() for _ in range(4)),
        *(quick.services.pictures.make_variants(quick.scope, asset_id, 1) for asset_id in ids),
        *(cancel(quick, result.session_id) for result in results),
        quick.services.trash.delete_many(quick.scope, ids[::3]),
    )
    await quick.services.upkeep.end_sessions()

    for result in results:
        expect_consistent(quick, result.session_id, await summary(quick, result.session_id))
        assert (await summary(quick, result.session_id)).status in TERMINAL
    assert deadlocks(quick) == before
