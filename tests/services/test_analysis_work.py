"""Workers die, stop, haunt, and lose their database: each image still ends once and is charged once or not at all."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from psycopg.errors import DataError

from calotype.domain.errors import DescriptionFailed, Unavailable
from calotype.services import analysis_work
from tests.services.analyses import check_told, dies, saying
from tests.services.batches import Deputy, until, until_blocked


@pytest.fixture
def impatient(monkeypatch):
    """A database that is away is asked again at once."""
    monkeypatch.setattr("calotype.services.attempts.AWAY_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(analysis_work, "_FIRST_PAUSE", 0.001)


async def test_images_are_analysed_side_by_side_within_the_limit(desk, describer):
    """Four at a time over all analyses of a process, and no slot is lost."""
    describer.holds = True
    analyses = [await desk.start() for _ in range(3)]
    running = [desk.run(analysis_id) for analysis_id in analyses]
    await desk.until_held(4)
    for _ in range(8):
        describer.let()
        await until(lambda: len(describer.held) == 4)
    describer.let_all()
    await asyncio.gather(*running)
    assert describer.most == 4
    assert [desk.ended(analysis_id) for analysis_id in analyses] == [(4, 0, 4)] * 3
    assert desk.services.analysis_work._slots.take_free(99) == 4
    desk.services.analysis_work._slots.give_back(4)


async def test_the_same_work_is_not_done_twice(desk, beside, describer):
    """Neither by the same process nor by another one, while the first lives."""
    describer.holds = True
    analysis_id = await desk.start()
    running = desk.run(analysis_id)
    await desk.until_held(4)
    await desk.services.analysis_work.run(desk.scope, analysis_id)
    await beside.services.analysis_work.run(desk.scope, analysis_id)
    describer.let_all()
    await running
    assert sorted(describer.asked) == [0, 1, 2, 3]
    assert desk.ended(analysis_id) == (4, 0, 4)


async def test_many_workers_at_once_begin_it_once(desk, beside, describer):
    """However many take a job at the same moment."""
    analysis_id = await desk.start()
    await asyncio.gather(*(one.run(analysis_id) for one in (desk, beside) * 5))
    assert desk.ended(analysis_id) == (4, 0, 4)
    assert sorted(describer.asked) == [0, 1, 2, 3]


async def test_the_work_of_a_dead_worker_is_taken_over(desk, beside, alive, describer):
    """Nothing is told twice; what it had not stored is done again, and what the ghost still brings is not taken."""
    describer.holds = True
    analysis_id = await desk.start()
    ghost = desk.run(analysis_id)
    await desk.until_held(4)
    describer.let(saying(filename="first"), 0)
    await until(lambda: "completed" in desk.states(analysis_id))
    alive.keys.discard(desk.services.presence.key)
    heir = beside.run(analysis_id)
    await desk.until_held(6)
    assert sorted(describer.held) == [1, 1, 2, 2, 3, 3]
    for number in (1, 2, 3):
        describer.let(saying(filename="ghost"), number)
    await ghost
    assert desk.states(analysis_id) == ["completed", "analyzing", "analyzing", "analyzing"]
    for number in (1, 2, 3):
        describer.let(saying(filename="heir"), number)
    await heir
    assert desk.ended(analysis_id) == (4, 0, 4)
    assert sorted(desk.filenames(analysis_id)) == ["first", "heir", "heir-2", "heir-3"]
    assert desk.sql("SELECT max(attempts) FROM analysis_item WHERE analysis_id = %s", analysis_id) == [(2,)]
    check_told(await desk.events(analysis_id), 4)


async def test_a_ghost_stores_nothing_that_was_called_off(desk, beside, alive, describer):
    """It lost its work, which was then called off: its result neither ends an image twice nor charges a credit given back."""
    describer.holds = True
    analysis_id = await desk.start()
    ghost = desk.run(analysis_id)
    await desk.until_held(4)
    alive.keys.discard(desk.services.presence.key)
    await desk.leave(analysis_id)
    await beside.services.analysis_recovery.recover()
    assert desk.ended(analysis_id) == (4, 4, 0)
    describer.let_all()
    await ghost
    assert desk.ended(analysis_id) == (4, 4, 0)
    assert desk.balance == 100


async def test_a_ghost_begins_nothing(desk, beside, alive, describer):
    """It lost its work, and nobody has taken it over yet: it stores nothing and goes no further."""
    describer.holds = True
    analysis_id = await desk.start(await desk.session([0, 1, 2, 3, 0, 1]))
    ghost = desk.run(analysis_id)
    await desk.until_held(4)
    alive.keys.discard(desk.services.presence.key)
    await desk.change("UPDATE analysis SET watched_by = %s WHERE id = %s", beside.services.presence.key, analysis_id)
    await beside.services.analysis_recovery.recover()
    assert desk.is_queued(analysis_id)
    describer.let_all()
    await ghost
    assert desk.states(analysis_id) == ["waiting"] * 6
    assert sorted(describer.asked) == [0, 1, 2, 3]
    assert await beside.work(analysis_id) == (6, 0, 6)


async def test_an_image_that_brings_workers_down_fails_in_the_end(desk, beside, alive, describer, monkeypatch):
    """Three workers die over it; the fourth does not try, the others are analysed, and it costs nothing."""
    describer.holds = True
    analysis_id = await desk.start(images=[0, 1])
    workers = [desk, beside, desk, beside]
    for dying, heir in itertools.pairwise(workers):
        alive.keys = {dying.services.presence.key}
        running = dying.run(analysis_id)
        await desk.until_held(2)
        if len(describer.asked) == 6:
            describer.let(number=0)
            await until(lambda: desk.states(analysis_id)[0] == "completed")
        await dies(dying, running, monkeypatch)
        alive.keys = {heir.services.presence.key}
        desk.check(analysis_id)
    assert len(describer.asked) == 6
    assert await beside.work(analysis_id) == (2, 1, 1)
    assert desk.codes(analysis_id) == [None, "ANALYSIS_FAILED"]
    assert len(describer.asked) == 6
    assert desk.balance == 99


async def test_a_worker_that_is_stopped_gives_its_work_back(desk, describer):
    """However often, that is no attempt: the next one goes on at once, and no slot is lost."""
    describer.holds = True
    analysis_id = await desk.start()
    for _ in range(5):
        running = desk.run(analysis_id)
        await desk.until_held(4)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert desk.states(analysis_id) == ["waiting"] * 4
        assert desk.row(analysis_id, "worked_by") == (None,)
        assert not desk.services.analysis_work.is_here(analysis_id)
        desk.check(analysis_id)
    assert desk.sql("SELECT max(attempts) FROM analysis_item WHERE analysis_id = %s", analysis_id) == [(0,)]
    describer.let_all()
    assert await desk.work(analysis_id) == (4, 0, 4)
    check_told(await desk.events(analysis_id), 4)


async def test_whoever_could_not_give_its_work_back_takes_it_again(desk, describer, monkeypatch):
    """A living process whose database was away when it stopped goes on itself, and that is no attempt either."""
    describer.holds = True
    analysis_id = await desk.start()
    work = desk.services.analysis_work
    running = desk.run(analysis_id)
    await desk.until_held(4)
    with monkeypatch.context() as patch:
        patch.setattr(work, "_database", Away(work._database, 99))
        running.cancel()
        await asyncio.wait([running])
    assert desk.states(analysis_id) == ["analyzing"] * 4
    await desk.services.analysis_recovery.recover()
    assert desk.is_queued(analysis_id)
    describer.let_all()
    assert await desk.work(analysis_id) == (4, 0, 4)


class Away(Deputy):
    """A database that is away for so many transactions."""

    def __init__(self, original, times):
        super().__init__(original)
        self.times = times

    @asynccontextmanager
    async def write(self):
        """Fails, or is the real one."""
        if self.times > 0:
            self.times -= 1
            raise Unavailable("the database cannot be reached")
        async with self._original.write() as connection:
            yield connection


async def test_a_database_that_is_away_is_waited_for(desk, describer, impatient, monkeypatch):
    """Results are stored later, and pictures that the model is working on are not thrown away."""
    monkeypatch.setattr(desk.services.analysis_work, "_concurrency", 2)
    monkeypatch.setattr(desk.services.analysis_work, "_slots", analysis_work.Slots(2))
    describer.holds = True
    analysis_id = await desk.start()
    running = desk.run(analysis_id)
    await desk.until_held(2)
    away = Away(desk.services.analysis_work._database, 2)
    monkeypatch.setattr(desk.services.analysis_work, "_database", away)
    describer.let()
    await until(lambda: not away.times)
    describer.let_all()
    await running
    assert desk.ended(analysis_id) == (4, 0, 4)
    assert sorted(describer.asked) == [0, 1, 2, 3]


async def test_images_that_cannot_be_begun_now_are_begun_later(desk, describer, impatient, monkeypatch):
    """The database is away when more are to be begun: what the model is working on is kept, and asked for once."""
    work = desk.services.analysis_work
    monkeypatch.setattr(work, "_concurrency", 2)
    monkeypatch.setattr(work, "_slots", analysis_work.Slots(2))
    claim, claims = work._claim, []

    async def unsteady(*arguments):
        claims.append(1)
        if len(claims) in {2, 3}:
            raise Unavailable("the database cannot be reached")
        return await claim(*arguments)

    monkeypatch.setattr(work, "_claim", unsteady)
    describer.holds = True
    analysis_id = await desk.start()
    running = desk.run(analysis_id)
    await desk.until_held(2)
    describer.let()
    await until(lambda: len(claims) >= 4)
    describer.let_all()
    await running
    assert desk.ended(analysis_id) == (4, 0, 4)
    assert sorted(describer.asked) == [0, 1, 2, 3]


async def test_results_that_cannot_be_stored_for_long_are_given_up_without_losing_slots(
    desk, describer, impatient, monkeypatch
):
    """The job fails and is begun again later; the images it had just begun with give their slots back, started or not."""
    monkeypatch.setattr(desk.services.analysis_work, "_concurrency", 2)
    slots = analysis_work.Slots(2)
    monkeypatch.setattr(desk.services.analysis_work, "_slots", slots)
    analysis_id = await desk.start()
    work = desk.services.analysis_work

    async def store(*_):
        raise Unavailable("the database cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(work, "_store", store)
        with pytest.raises(Unavailable):
            await work.run(desk.scope, analysis_id)
    assert slots.take_free(9) == 2
    slots.give_back(2)
    desk.check(analysis_id)
    assert await desk.work(analysis_id) == (4, 0, 4)


async def test_a_cancellation_that_the_driver_lost_does_not_keep_a_worker(desk, describer, monkeypatch):
    """Storing that did not notice it ends all the same, and the work is given back."""
    describer.holds = True
    analysis_id = await desk.start()
    work = desk.services.analysis_work
    is_storing, store = asyncio.Event(), work._store

    async def deaf(*arguments):
        is_storing.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return await store(*arguments)

    monkeypatch.setattr(work, "_store", deaf)
    running = desk.run(analysis_id)
    await desk.until_held(4)
    describer.let()
    await is_storing.wait()
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=30)
    assert done
    assert running.cancelled()
    assert sorted(desk.states(analysis_id)) == ["completed", "waiting", "waiting", "waiting"]
    desk.check(analysis_id)


async def test_a_result_that_cannot_be_stored_fails_alone(desk, describer):
    """What the database refuses is told as an error and given back; those stored beside it are not asked for again."""
    describer.answers[1] = saying(title="A\x00pier", description="A\x00pier")
    describer.answers[2] = saying(description="A \ud800 pier.")
    analysis_id = await desk.start()
    assert await desk.work(analysis_id) == (4, 2, 2)
    assert desk.codes(analysis_id) == [None, "ANALYSIS_FAILED", "ANALYSIS_FAILED", None]
    assert desk.balance == 98
    assert sorted(describer.asked) == [0, 1, 2, 3]


async def test_a_fault_that_is_none_of_the_results_costs_no_credit(desk, describer, monkeypatch):
    """When nothing at all can be stored the job fails, and all is done again later."""
    work = desk.services.analysis_work
    analysis_id = await desk.start()

    async def fails(*_):
        raise DataError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(work, "_store", fails)
        with pytest.raises(DataError):
            await work.run(desk.scope, analysis_id)
    assert desk.states(analysis_id) == ["waiting"] * 4
    assert await desk.work(analysis_id) == (4, 0, 4)


@pytest.mark.parametrize("error", [DescriptionFailed("no"), Unavailable("the model is away"), ValueError("a secret")])
async def test_what_a_describer_fails_at_costs_nothing(desk, describer, impatient, error):
    """The error says what is meant for clients and nothing else, and the others go on."""
    describer.answers[1] = error
    analysis_id = await desk.start()
    assert await desk.work(analysis_id) == (4, 1, 3)
    failed = (await desk.events(analysis_id))[:-1]
    (message,) = [event.told.failure.message for event in failed if hasattr(event.told, "failure")]
    assert message == (error.message if hasattr(error, "message") else "An unexpected error occurred")
    assert desk.balance == 97


async def test_images_that_vanish_on_the_way_fail_for_nothing(desk, describer):
    """Trashed after the start: not found. Purged while the model looks at it: told all the same, as nothing is lost by it."""
    describer.holds = True
    analysis_id = await desk.start(images=[0, 1, 2])
    await desk.change("UPDATE asset SET deleted_at = now() WHERE id = %s", desk.assets[0])
    running = desk.run(analysis_id)
    await desk.until_held(2)
    await desk.change("UPDATE asset SET deleted_at = now() WHERE id = %s", desk.assets[1])
    await desk.change("DELETE FROM asset WHERE id = %s", desk.assets[2])
    describer.let_all()
    await running
    assert desk.ended(analysis_id) == (3, 1, 2)
    assert desk.codes(analysis_id) == ["IMAGE_NOT_FOUND", None, None]
    assert desk.balance == 98


async def test_pictures_that_are_not_developed_yet_are_waited_for(desk, describer, monkeypatch):
    """The others are analysed meanwhile, and no slot is held; one that cannot be developed fails with its reason."""
    monkeypatch.setattr(analysis_work, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(analysis_work, "_LONGEST_PAUSE", 0.01)
    await desk.change("UPDATE asset SET variant_status = 'pending' WHERE id = ANY(%s)", desk.assets[:2])
    analysis_id = await desk.start()
    running = desk.run(analysis_id)
    await until(lambda: desk.states(analysis_id) == ["waiting", "waiting", "completed", "completed"])
    other_id = await desk.start(images=[2, 3])
    assert await desk.work(other_id) == (2, 0, 2)
    await desk.change("UPDATE asset SET variant_status = 'completed' WHERE id = %s", desk.assets[0])
    await desk.change(
        "UPDATE asset SET variant_status = 'failed', variants = '{}', facts = NULL, variant_error = 'cut off' WHERE id = %s",
        desk.assets[1],
    )
    await running
    assert desk.ended(analysis_id) == (4, 1, 3)
    assert desk.sql("SELECT error FROM analysis_item WHERE analysis_id = %s AND place = 1", analysis_id) == [
        ("cut off",)
    ]


async def test_a_file_known_to_be_damaged_fails_with_its_reason(desk, describer):
    """No model is asked about it, and nothing is charged."""
    analysis_id = await desk.start(await desk.session([0, 1], fault="the file is cut off"))
    assert await desk.work(analysis_id) == (2, 2, 0)
    assert describer.asked == []
    assert desk.balance == 100


async def test_a_worker_begins_nothing_for_a_client_that_is_gone(desk, describer):
    """It sees that by itself, before anybody looks after it: the rest is called off, and what has begun is finished."""
    describer.holds = True
    analysis_id = await desk.start(await desk.session([0, 1, 2, 3, 0, 1]))
    running = desk.run(analysis_id)
    await desk.until_held(4)
    await desk.leave(analysis_id)
    describer.let_all()
    await running
    assert desk.ended(analysis_id) == (6, 2, 4)
    assert desk.codes(analysis_id)[4:] == ["CANCELLED"] * 2


async def test_analyses_of_the_same_images_at_once_do_not_lock_each_other_out(desk, beside, describer):
    """In whatever order they name them, and while sessions end and images are appended to."""
    session_id = await desk.session()
    for _ in range(3):
        orders = ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2])
        analyses = await asyncio.gather(*(desk.start(session_id, order) for order in orders))
        await asyncio.gather(
            *(one.run(each) for one, each in zip((desk, beside) * 2, analyses, strict=True)),
            *(desk.services.analyses.watch(desk.scope, each) for each in analyses),
            desk.services.analysis_recovery.recover(),
            beside.services.analysis_recovery.recover(),
        )
        assert {desk.row(each, "ended", "failed") for each in analyses} == {(4, 0)}
    desk.check()


async def test_storing_waits_for_whoever_holds_the_session(desk, describer):
    """Locks are taken in one order, so that an ending session and a result cannot wait for each other."""
    describer.holds = True
    session_id = await desk.session()
    analysis_id = await desk.start(session_id)
    running = desk.run(analysis_id)
    await desk.until_held(4)
    async with desk.services.analyses._database.write() as connection:
        await analysis_work.lock_session(connection, desk.scope, session_id)
        describer.let_all()
        await until_blocked(desk.library)
        # Would be waited for if the result were stored the other way round.
        await analysis_work.select_analysis(connection, desk.scope, analysis_id, lock=True)
    await running
    assert desk.ended(analysis_id) == (4, 0, 4)


async def test_who_holds_a_session_waits_for_analyses_and_not_the_other_way_round(desk, beside):
    """A row that is changed twice in a transaction has its references checked again, which must not wait for the session."""
    session_id = await desk.session()
    called_off, dead, suspended = [await desk.start(session_id) for _ in range(3)]
    await desk.change("UPDATE analysis SET worked_by = 5, watched_by = 5 WHERE id IN (%s, %s)", dead, suspended)
    await desk.leave(dead)
    async with desk.services.analyses._database.write() as connection, asyncio.timeout(30):
        await analysis_work.lock_session(connection, desk.scope, session_id)
        await desk.services.analyses.call_off(desk.scope, called_off)
        await beside.services.analysis_recovery.recover()
        await desk.services.analyses.watch(desk.scope, suspended)
    assert desk.row(called_off, "ended") == desk.row(dead, "ended") == (4,)
    assert desk.row(suspended, "is_suspended") == (False,)
    desk.check()


async def test_work_on_what_is_gone_ends_at_once(desk, describer):
    """A job that comes twice, too late, or for an analysis that nobody knows does nothing."""
    analysis_id = await desk.start()
    await desk.work(analysis_id)
    await desk.work(analysis_id)
    await desk.services.analysis_work.run(desk.scope, uuid4())
    assert len(describer.asked) == 4
    assert not desk.services.analysis_work._here
