"""The life of an upload session: its numbers always add up, it ends whatever happens, and then never changes again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from uuid import uuid4

import psycopg
import pytest

from calotype.domain.asset import State
from calotype.domain.errors import NotFound, Refused, UndecodablePicture
from calotype.domain.upload_session import FileOutcome, SessionStatus
from calotype.services import batch_rows
from tests.services.batches import (
    PLAIN,
    Develops,
    age,
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

TERMINAL = {SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.CANCELLED, SessionStatus.EXPIRED}


@pytest.fixture(scope="module")
async def developed(tmp_path_factory):
    """Children that are done with every picture at once."""
    return await Develops.of_real_picture(tmp_path_factory.mktemp("developed") / "photo.jpg")


@pytest.fixture
def quick(library, developed, monkeypatch):
    """A library whose pictures are developed in no time, so that races come as close as they can."""
    monkeypatch.setattr(library.services.pictures, "_sandbox", developed)
    return library


async def cancel(library, session_id):
    """Cancel a session; returns its numbers, or None when it was over."""
    try:
        return (await library.services.sessions.cancel(library.scope, session_id)).summary
    except Refused:
        return None


def expect_consistent(library, session_id, numbers):
    """The rows say the same as the numbers, and every row that has ended says when."""
    assert counts(numbers)[0] + counts(numbers)[1] == sum(
        outcome in {"completed", "failed"} for _, outcome, _, _ in rows(library, session_id)
    )
    assert numbers.status not in TERMINAL or numbers.pending == 0
    assert (numbers.completed_at is not None) == (numbers.status in TERMINAL)


# ----------------------------------------------------------------- plain course


async def test_a_session_goes_from_uploading_over_pending_and_processing_to_completed(library):
    """Each step of the work shows in the numbers, and only the last one ends it."""
    async with library.services.batches.reading(library.scope) as batch:
        for name, data in photos(3):
            await batch.take(name, chunks(data), PLAIN)
        await batch._end_storing()
        seen = [await summary(library, batch.session_id)]
        await batch.finish(PLAIN)
    seen.append(await summary(library, batch.session_id))
    for asset_id in live(library).values():
        await work(library, asset_id)
        seen.append(await summary(library, batch.session_id))

    assert [found.status.value for found in seen] == ["uploading", "pending", "processing", "processing", "completed"]
    assert [counts(found)[0] for found in seen] == [0, 0, 1, 2, 3]
    assert [found.percentage for found in seen] == [0.0, 0.0, 33.3, 66.7, 100.0]
    assert all(found.completed_at is None for found in seen[:-1])
    assert seen[-1].completed_at > seen[-1].started_at


async def test_a_file_is_completed_when_variants_and_description_have_ended_however_the_description_ended(library):
    """A description that fails does not fail its file; variants that fail do, with their reason."""
    given = options(auto_describe=True)
    result = await send(library, photos(3), given)
    good, undescribed, broken = [await library.asset(item.asset_id) for item in result.items]

    await library.services.pictures.make_variants(library.scope, good.id, 1)
    assert counts(await summary(library, result.session_id)) == (0, 0, 0, 3)
    await work(library, good.id)
    await library.services.descriptions._fail(undescribed, "no words")
    assert counts(await summary(library, result.session_id)) == (1, 0, 0, 2)
    await library.services.pictures.make_variants(library.scope, undescribed.id, 1)
    await library.services.pictures._fail(broken, "cannot be decoded")

    found = await progress(library, result.session_id)
    assert counts(found.summary) == (2, 1, 0, 0)
    assert found.summary.status is SessionStatus.COMPLETED
    assert [(error.index, error.error, error.retryable) for error in found.errors] == [(2, "cannot be decoded", False)]
    assert [file.index for file in found.recent] == [2, 1, 0]
    assert found.recent[2].description == (await library.asset(good.id)).description[:100]


async def test_a_session_all_of_whose_files_failed_has_failed(library):
    """One that did not is enough for completed, none is failed."""
    result = await send(library, photos(2))
    for item in result.items:
        await library.services.pictures._fail(await library.asset(item.asset_id), "broken")

    assert (await summary(library, result.session_id)).status is SessionStatus.FAILED


async def test_work_that_fails_late_does_not_undo_what_was_decided_meanwhile(library, developed, monkeypatch):
    """A development that fails after its description was dropped leaves the description dropped."""
    result = await send(library, photos(1), options(auto_describe=True))
    asset_id = result.items[0].asset_id

    async def drop_and_fail(*_, **__):
        library.sql("UPDATE asset SET description_status = 'skipped' WHERE id = %s", asset_id)
        raise UndecodablePicture("broken")

    monkeypatch.setattr(library.services.pictures, "_develop", drop_and_fail)
    await library.services.pictures.make_variants(library.scope, asset_id, 1)

    asset = await library.asset(asset_id)
    assert (asset.variant_status, asset.description_status) == (State.FAILED, State.SKIPPED)
    assert counts(await summary(library, result.session_id)) == (0, 1, 0, 0)


async def test_results_are_the_ended_files_in_the_order_sent(library):
    """Windows, the filter of failed files and the numbers belong together."""
    result = await send(library, photos(6))
    ids = [item.asset_id for item in result.items]
    for index in (4, 0, 3, 1):
        await work(library, ids[index])
    await library.services.pictures._fail(await library.asset(ids[5]), "broken")

    async def window(**asked):
        asked = {"include_failed": True, "offset": 0, "limit": 100, **asked}
        return await library.services.sessions.results(library.scope, result.session_id, **asked)

    whole = await window()
    assert [file.index for file in whole.files] == [0, 1, 3, 4, 5]
    assert whole.total_count == 5
    assert set(whole.assets) == {ids[index] for index in (0, 1, 3, 4, 5)}
    assert [file.index for file in (await window(offset=1, limit=2)).files] == [1, 3]
    good = await window(include_failed=False, offset=3)
    assert ([file.index for file in good.files], good.total_count) == ([4], 4)
    assert counts(good.summary) == (4, 1, 0, 1)
    assert ((await window(offset=99)).files, (await window(offset=99)).total_count) == ((), 5)


async def test_sessions_are_listed_newest_first_by_status_and_window(library):
    """The status that is computed can be asked for, and totals are those of all that match."""
    results = [await send(library, photos(1)) for _ in range(4)]
    await work(library, results[1].items[0].asset_id)
    await cancel(library, results[2].session_id)

    async def listed(status=None, offset=0, limit=20):
        page = await library.services.sessions.page(library.scope, status, offset, limit)
        return [session.id for session in page.sessions], page.total_count

    ids = [result.session_id for result in results]
    assert await listed() == (ids[::-1], 4)
    assert await listed(SessionStatus.PENDING) == ([ids[3], ids[0]], 2)
    assert await listed(SessionStatus.COMPLETED) == ([ids[1]], 1)
    assert await listed(SessionStatus.CANCELLED) == ([ids[2]], 1)
    assert await listed(SessionStatus.EXPIRED) == ([], 0)
    assert await listed(offset=1, limit=2) == ([ids[2], ids[1]], 4)
    assert await listed(offset=9) == ([], 4)
    assert await listed(SessionStatus.PENDING, offset=9) == ([], 2)


async def test_another_tenants_session_is_not_there(library):
    """Neither looking nor cancelling tells that it exists, and cancelling does nothing."""
    result = await send(library, photos(1))
    other = await library.neighbour()
    sessions = other.services.sessions

    for call in (
        sessions.progress(other.scope, result.session_id),
        sessions.cancel(other.scope, result.session_id),
        sessions.results(other.scope, result.session_id, include_failed=True, offset=0, limit=1),
        sessions.cancel(other.scope, uuid4()),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await sessions.page(other.scope, None, 0, 10)).total_count == 0
    assert (await summary(library, result.session_id)).status is SessionStatus.PENDING


# ---------------------------------------------------------------------- cancel


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
    async with library.services.batches.reading(library.scope) as batch:
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
    async with library.services.batches.reading(library.scope) as batch:
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


# ------------------------------------------------------------------- everything


async def test_whatever_happens_at_once_the_numbers_add_up_and_the_end_is_final(quick):
    """Storing, developing, deleting, restoring, cancelling and upkeep at once, round after round, under looking eyes."""
    before = deadlocks(quick)
    statuses = set()
    for turn in range(4):
        melee = Melee(await quick.neighbour(), random.Random(turn))
        statuses.add(await melee.fight(cancelled=turn % 3 > 0))
    assert statuses == {SessionStatus.COMPLETED, SessionStatus.CANCELLED}
    assert deadlocks(quick) == before


class Melee:
    """One batch of a new tenant, and everybody who could get into its way."""

    def __init__(self, library, dice):
        self.library = library
        self.dice = dice
        self.is_over = asyncio.Event()
        self.begun = asyncio.get_running_loop().create_future()
        self.ends = []

    async def fight(self, *, cancelled):
        """Let all of them loose until everything is stored and worked on; returns how the session ended."""
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            storing = group.create_task(self.store())
            session_id = await self.begun
            workers = [group.create_task(self.on_every_file(act)) for act in (self.develop, self.develop, self.delete)]
            group.create_task(self.look(session_id))
            group.create_task(self.keep_up())
            stopped = await group.create_task(self.stop(session_id)) if cancelled else None
            await storing
            self.is_over.set()
            await asyncio.gather(*workers)
            # Those deleted before the session knew them are settled by upkeep.
            await self.library.services.sessions.settle_missed()
        final = await summary(self.library, session_id)
        assert final.status in TERMINAL, rows(self.library, session_id)
        expect_consistent(self.library, session_id, final)
        assert all(end == final for end in self.ends), "an end is final"
        assert stopped in {None, final}
        return final.status

    async def store(self):
        """Send the batch, with repeats of some of its files."""
        files = photos(20)
        files += [(f"copy-{index}.jpg", data) for index, (_, data) in enumerate(files[:4])]
        self.dice.shuffle(files)
        async with self.library.services.batches.reading(self.library.scope) as batch:
            self.begun.set_result(batch.session_id)
            for name, data in files:
                await batch.take(name, chunks(data), options(skip_duplicates=True))
            return await batch.finish(options(skip_duplicates=True, tags=("late",)))

    async def stored(self):
        """The ids of all the tenant's files."""
        async with self.library.services.trash._database.read() as connection:
            found = await connection.exec_driver_sql(
                "SELECT id FROM asset WHERE tenant_id = %s ORDER BY id", (self.library.scope.tenant_id,)
            )
            return list(found.scalars())

    async def on_every_file(self, act):
        """Do something with every file as soon as it is there."""
        done = set()
        while True:
            was_over = self.is_over.is_set()
            new = set(await self.stored()) - done
            for asset_id in sorted(new):
                await act(asset_id)
            done |= new
            if was_over and not new:
                return
            await asyncio.sleep(0.002)

    async def develop(self, asset_id):
        """What a worker does."""
        await self.library.services.pictures.make_variants(self.library.scope, asset_id, 1)

    async def delete(self, asset_id):
        """Put some files into the trash, and some of those back."""
        if asset_id.int % 4 == 0:
            with contextlib.suppress(NotFound):  # somebody was quicker
                await self.library.services.trash.delete(self.library.scope, asset_id)
                if asset_id.int % 8:
                    await self.library.services.trash.restore(self.library.scope, asset_id)

    async def look(self, session_id):
        """Ask again and again, and remember every end that was told."""
        while True:
            was_over = self.is_over.is_set()
            with contextlib.suppress(NotFound):  # it is just beginning
                found = await summary(self.library, session_id)
                counts(found)
                self.ends += [found] if found.status in TERMINAL else []
            if was_over:
                return
            await asyncio.sleep(0)

    async def stop(self, session_id):
        """Delete a few files and cancel the session when a part of it is there."""
        await until(lambda: len(rows(self.library, session_id)) >= 8)
        ids = await self.stored()
        await self.library.services.trash.delete_many(self.library.scope, self.dice.sample(ids, 3))
        return await cancel(self.library, session_id)

    async def keep_up(self):
        """What workers do beside their jobs."""
        while True:
            await self.library.services.sessions.settle_missed()
            await self.library.services.sessions.expire()
            if self.is_over.is_set():
                return
            await asyncio.sleep(0.01)


# ------------------------------------------------------------ deletion and trash


async def test_a_file_deleted_while_it_waits_is_skipped_and_stays_so_after_its_restoration(library):
    """The session does not wait for what is in the trash; work done after the restoration is its own matter."""
    result = await send(library, photos(3))
    one, two, three = (item.asset_id for item in result.items)
    await library.services.trash.delete(library.scope, one)
    await library.services.trash.delete_many(library.scope, [two])
    await work(library, three)

    told = await progress(library, result.session_id)
    assert (told.summary.status, counts(told.summary)) == (SessionStatus.COMPLETED, (1, 0, 2, 0))
    assert {file.error for file in told.recent if file.outcome is FileOutcome.SKIPPED} == {"Deleted"}

    await library.services.trash.restore(library.scope, one)
    await work(library, one)
    assert (await library.asset(one)).variant_status is State.COMPLETED
    assert await progress(library, result.session_id) == told


async def test_purging_changes_no_session(library):
    """Its rows hold all that is told, so they outlive the files."""
    result = await send(library, photos(2), options(auto_describe=True))
    for item in result.items:
        await work(library, item.asset_id)
    told = await progress(library, result.session_id)

    for item in result.items:
        await library.services.trash.delete(library.scope, item.asset_id)
    assert await library.services.trash.purge_due() >= 2

    assert await progress(library, result.session_id) == told
    found = await library.services.sessions.results(
        library.scope, result.session_id, include_failed=True, offset=0, limit=10
    )
    assert (len(found.files), found.assets) == (2, {})


# ----------------------------------------------------------------------- upkeep


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
    dead, alive = library.services.batches.reading(library.scope), library.services.batches.reading(library.scope)
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
    async with library.services.batches.reading(library.scope) as batch:
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
    monkeypatch.setattr(library.services.batches, "heartbeat", 0.01)

    def seen(session_id):
        return library.sql("SELECT reader_seen_at FROM upload_session WHERE id = %s", session_id)[0][0]

    async with library.services.batches.reading(library.scope) as batch:

        async def slow():
            yield photo()
            before = seen(batch.session_id)
            await until(lambda: seen(batch.session_id) > before)

        await batch.take("slow.jpg", slow(), PLAIN)
        await batch.finish(PLAIN)


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
        await send(library, photos(1) if place != 4 else [("a.txt", b"text")]) for place in range(5)
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
