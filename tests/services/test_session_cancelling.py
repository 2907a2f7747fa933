"""Cancelling drops what waits, and never changes a session that is over."""

from __future__ import annotations

import asyncio

import psycopg

from calotype.domain.asset import OperationType, State
from calotype.domain.color import ExtractionState
from calotype.domain.upload_session import FileOutcome, SessionStatus
from calotype.services import batch_rows
from tests.services.batches import (
    PLAIN,
    cancel,
    counts,
    deadlocks,
    live,
    options,
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


async def test_cancelling_drops_what_has_not_begun_and_keeps_what_is_finished(library):
    """Waiting files stay stored, are skipped as cancelled, and their work is not done by itself later."""
    result = await send(library, photos(4), options(auto_describe=True))
    ids = [item.asset_id for item in result.items]
    await work(library, ids[0])
    await library.services.pictures.make_variants(library.scope, ids[1], 1)
    library.sql("UPDATE asset SET variant_status = 'processing' WHERE id = %s", ids[2])
    library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(ids[2]))

    found = await cancel(library, result.session_id)

    assert (found.status, counts(found)) == (SessionStatus.CANCELLED, (1, 0, 3, 0))
    assert [row[1:3] for row in rows(library, result.session_id)[1:]] == [("skipped", "Cancelled")] * 3
    states = [(asset.variant_status, asset.description_status) for asset in [await library.asset(one) for one in ids]]
    done, failed, running, skipped = State.COMPLETED, State.FAILED, State.PROCESSING, State.SKIPPED
    assert states == [(done, done), (done, skipped), (running, skipped), (failed, failed)]
    assert [library.jobs(one) for one in ids[1:]] == [[]] * 3
    library.sql("UPDATE asset SET created_at = created_at - interval '1 hour' WHERE id = ANY(%s)", [ids[1], ids[3]])
    await library.services.upkeep.requeue_missing()
    assert [library.jobs(one) for one in (ids[1], ids[3])] == [[], []]
    assert set(live(library).values()) == set(ids)


async def test_cancelling_leaves_work_alone_that_others_asked_for(library):
    """Colours that were asked for are found, and a picture counts as not begun by its own job, not by another's."""
    result = await send(library, photos(2))
    running, waiting = ids = [item.asset_id for item in result.items]
    library.sql("UPDATE asset SET variant_status = 'processing' WHERE id = %s", running)
    library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(running))
    for asset_id in ids:
        await library.services.colors.request(library.scope, asset_id, 3, force=False)

    await cancel(library, result.session_id)

    assert [library.jobs(one) for one in ids] == [["extract_colors"]] * 2
    states = [(await library.asset(one)).variant_status for one in ids]
    assert states == [State.PROCESSING, State.FAILED]
    assert await _color_steps(library, waiting) == {State.PENDING}
    await library.services.colors.extract(library.scope, waiting, 1)
    found = await library.services.colors.get(library.scope, waiting)
    assert found.state is ExtractionState.COMPLETED
    assert await _color_steps(library, waiting) == {State.COMPLETED}


async def _color_steps(library, asset_id):
    detail = await library.services.assets.detail(library.scope, str(asset_id))
    return {step.status for step in detail.operations if step.type is OperationType.EXTRACT_COLORS}


async def test_what_ends_after_the_cancelling_changes_the_session_no_more(library):
    """A worker that had begun finishes its picture; the session stays as it was told."""
    result = await send(library, photos(1))
    asset_id = result.items[0].asset_id
    library.sql("UPDATE asset SET variant_status = 'processing' WHERE id = %s", asset_id)
    library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(asset_id))
    await cancel(library, result.session_id)
    told = await progress(library, result.session_id)

    await work(library, asset_id)

    assert (await library.asset(asset_id)).variant_status is State.COMPLETED
    assert await progress(library, result.session_id) == told


async def test_a_cancelled_picture_that_a_worker_was_just_beginning_stays_cancelled(library, developed, monkeypatch):
    """A picture within its first moments counts as not begun: its worker throws away what it made."""
    result = await send(library, photos(1), options(auto_describe=True))
    asset_id = result.items[0].asset_id

    class CancelledMeanwhile:
        async def run(self, *arguments, **named):
            assert await cancel(library, result.session_id)
            return await developed.run(*arguments, **named)

    monkeypatch.setattr(library.services.pictures, "_sandbox", CancelledMeanwhile())
    await library.services.pictures.make_variants(library.scope, asset_id, 1)

    asset = await library.asset(asset_id)
    assert (asset.variant_status, asset.variant_error) == (State.FAILED, "Cancelled")
    assert asset.description_status is State.FAILED
    assert library.objects() == {asset.object_key}
    assert library.jobs(asset_id) == []


async def test_cancelled_pictures_are_made_after_all_when_somebody_asks(library):
    """Starting the variants again brings the description back too; the session does not change."""
    result = await send(library, photos(1), options(auto_describe=True))
    asset_id = result.items[0].asset_id
    await cancel(library, result.session_id)
    told = await progress(library, result.session_id)

    await library.services.assets.trigger_variants(library.scope, asset_id)
    await work(library, asset_id)

    asset = await library.asset(asset_id)
    assert (asset.variant_status, asset.description_status) == (State.COMPLETED, State.COMPLETED)
    assert await progress(library, result.session_id) == told


async def test_while_a_request_is_read_its_session_can_be_cancelled_and_takes_no_more_files(library):
    """Also with nothing waiting; files that come later are refused, to be sent again."""
    async with library.services.batch_uploads.reading(library.scope) as batch:
        files = photos(40)
        await batch.take(*_taken(files[0]), PLAIN)
        await until(lambda: rows(library, batch.session_id))
        await work(library, rows(library, batch.session_id)[0][3])
        found = await cancel(library, batch.session_id)
        assert (found.status, counts(found)) == (SessionStatus.CANCELLED, (1, 0, 0, 0))
        for file in files[1:]:
            await batch.take(*_taken(file), PLAIN)
        result = await batch.finish(PLAIN)

    assert outcomes(result) == [FileOutcome.COMPLETED] + [None] * 39
    assert all(rejection.retryable for rejection in result.rejections)
    assert list(live(library)) == ["0.jpg"]
    assert len([key for key in library.objects() if key.startswith("uploads/")]) == 1
    assert counts(await summary(library, batch.session_id)) == (1, 0, 0, 0)


def _taken(file):
    name, data = file
    return name, chunks(data)


async def test_a_session_that_is_over_cannot_be_cancelled(library):
    """Completed, failed, cancelled: none of them changes."""
    completed, failed, cancelled = [await send(library, photos(1)) for _ in range(3)]
    await work(library, completed.items[0].asset_id)
    await library.services.pictures._fail(await library.asset(failed.items[0].asset_id), "broken")
    await cancel(library, cancelled.session_id)

    for result in (completed, failed, cancelled):
        before = await progress(library, result.session_id)
        assert await cancel(library, result.session_id) is None
        assert await progress(library, result.session_id) == before


async def test_of_many_who_cancel_one_succeeds(library):
    """The others are told that the session is over."""
    before = deadlocks(library)
    for _ in range(5):
        result = await send(library, photos(5))
        found = await asyncio.gather(*(cancel(library, result.session_id) for _ in range(4)))

        assert [numbers for numbers in found if numbers] == [await summary(library, result.session_id)]
    assert deadlocks(library) == before


async def test_a_session_that_ends_while_a_cancelling_waits_for_it_stays_completed(library):
    """Whoever saw it uploading must not cancel it once it has been read and worked on to its end."""
    async with library.services.batch_uploads.reading(library.scope) as batch:
        await batch.take("a.jpg", chunks(photo()), PLAIN)
        await batch._end_storing()
        session_id = batch.session_id
        await work(library, live(library)["a.jpg"])
        with psycopg.connect(library._database_url) as reader:
            reader.execute("UPDATE upload_session SET received_at = now() WHERE id = %s", (session_id,))
            cancelling = asyncio.create_task(cancel(library, session_id))
            await until_blocked(library)
            reader.commit()
        assert await cancelling is None
        await batch.finish(PLAIN)

    assert (await summary(library, session_id)).status is SessionStatus.COMPLETED


async def test_rows_that_are_being_written_while_a_session_is_cancelled_are_cancelled_too(library, monkeypatch):
    """A cancelling waits for files on their way into the session, so that none is added after its end."""
    insert = batch_rows.insert_session_files
    written, go_on = asyncio.Event(), asyncio.Event()

    async def insert_and_wait(*arguments):
        added = await insert(*arguments)
        written.set()
        await go_on.wait()
        return added

    monkeypatch.setattr(batch_rows, "insert_session_files", insert_and_wait)
    sending = asyncio.create_task(send(library, photos(3)))
    await written.wait()
    ((session_id,),) = library.sql("SELECT id FROM upload_session WHERE tenant_id = %s", library.scope.tenant_id)
    cancelling = asyncio.create_task(cancel(library, session_id))
    await until_blocked(library)
    go_on.set()
    found, result = await asyncio.gather(cancelling, sending)

    stored = outcomes(result).count(FileOutcome.COMPLETED)
    assert counts(found) == (0, 0, stored, 0)
    assert stored >= 1
    assert counts(await summary(library, session_id)) == (0, 0, stored, 0)
    assert len(live(library)) == len(library.objects()) == stored


async def test_a_cancelling_beside_the_end_of_the_last_file_either_drops_something_or_is_refused(quick):
    """Over and over: it succeeds with something skipped, or the session stays completed with nothing skipped."""
    before = deadlocks(quick)
    verdicts = set()
    for turn in range(20):
        result = await send(quick, photos(2))
        ids = [item.asset_id for item in result.items]
        await work(quick, ids[0])

        async def late_cancel(session_id=result.session_id, turn=turn):
            await asyncio.sleep(turn % 10 * 0.001)  # not waited for: only so that the two meet differently each time
            return await cancel(quick, session_id)

        found, _ = await asyncio.gather(late_cancel(), work(quick, ids[1]))
        after = await summary(quick, result.session_id)
        verdicts.add(after.status)
        if found:
            assert (after.status, counts(after)) == (SessionStatus.CANCELLED, (1, 0, 1, 0))
            assert after == found
        else:
            assert (after.status, counts(after)) == (SessionStatus.COMPLETED, (2, 0, 0, 0))
    assert verdicts <= {SessionStatus.CANCELLED, SessionStatus.COMPLETED}
    assert deadlocks(quick) == before
