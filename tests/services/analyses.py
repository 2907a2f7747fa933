"""Analyses as a test drives them: a describer held in the hand, workers that die, and rows that must always add up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from uuid import uuid4

from calotype.db.analysis_session import insert_images, insert_session
from calotype.domain.analysis import Begun, Complete, Failed, Result, WantedImage
from calotype.domain.analysis_session import SessionImage
from calotype.domain.description import Description
from calotype.domain.descriptive_metadata import DescriptiveMetadata
from calotype.services import analysis_recovery, analysis_work
from calotype.services.analysis import Place
from calotype.services.analysis_session import new_session_id
from calotype.services.analysis_watch import AnalysisWatch
from tests.services.batches import until

GOOD = DescriptiveMetadata("A pier", "A pier", "A pier.", "A pier in the sea.", "pier", ("one", "two", "three"))


def saying(**changes):
    """A good description, but for what is changed."""
    return Description(replace(GOOD, **changes), None, None, ("scripted",))


class Scripted:
    """A describer that answers as told: at once, or, while it holds, when the test lets it.

    It knows a picture by the size of its file, which is 1000 and the number of the picture.
    """

    needs_picture = False

    def __init__(self):
        self.asked = []
        self.answers = {}
        self.holds = False
        self.running = 0
        self.most = 0
        self.workers = []
        self._held = []

    async def describe(self, request):
        """What was scripted for the picture, an exception as well."""
        number = request.size_bytes - 1000
        self.asked.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            answer = None
            if self.holds:
                turn = asyncio.get_running_loop().create_future()
                self._held.append((number, turn))
                answer = await turn
        finally:
            self.running -= 1
        answer = answer or self.answers.get(number) or saying()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def held(self):
        """The numbers of the pictures it is asked about and holds back, oldest first."""
        return [number for number, turn in self._held if not turn.done()]

    def let(self, answer=None, number=None):
        """Answer for the picture held longest, or for one of a number; False when there is none."""
        for held, turn in self._held:
            if not turn.done() and number in {None, held}:
                turn.set_result(answer)
                return True
        return False

    async def leave_off(self):
        """End whatever a test that failed has left running."""
        for running in self.workers:
            running.cancel()
        await asyncio.gather(*self.workers, return_exceptions=True)

    def let_all(self):
        """Answer everything, from now on at once."""
        self.holds = False
        while self.let():
            pass


class Alive:
    """Which processes look alive, in the test's hand; to everybody else the database's locks tell."""

    def __init__(self, *keys):
        self.keys = set(keys)

    async def select(self, _connection):
        """The keys of those that look alive."""
        return set(self.keys)

    def patch(self, monkeypatch):
        """Have services see these."""
        for module in (analysis_work, analysis_recovery):
            monkeypatch.setattr(module, "select_present", self.select)


class Desk:
    """A tenant with pictures that are developed, sessions of them, and a describer in the test's hand."""

    def __init__(self, library, assets, describer):
        self.library = library
        self.services = library.services
        self.scope = library.scope
        self.assets = assets
        self.describer = describer

    @classmethod
    async def of(cls, library, describer, count=4, granted=100):
        """A new tenant with so many pictures and credits."""
        assets = []
        for number in range(count):
            asset_id = await library.take_in(auto_describe=False)
            await library.services.pictures.make_variants(library.scope, asset_id, 1)
            library.sql("UPDATE asset SET size_bytes = %s WHERE id = %s", 1000 + number, asset_id)
            library.lose_jobs(asset_id)
            assets.append(asset_id)
        if granted:
            await library.services.credits.grant(library.scope, granted)
        return cls(library, assets, describer)

    def seen_by(self, services):
        """The same tenant in another process."""
        return Desk(self.library.seen_by(services), self.assets, self.describer)

    def sql(self, statement, *values):
        """Run one statement; returns its rows."""
        return self.library.sql(statement, *values)

    async def change(self, statement, *values):
        """Run one statement that may have to wait for a transaction of this very process."""
        return await asyncio.to_thread(self.sql, statement, *values)

    async def session(self, numbers=None, lifetime=timedelta(hours=1), fault=None):
        """A session of some of the pictures; returns its id."""
        assets = self.assets if numbers is None else [self.assets[number] for number in numbers]
        session_id = new_session_id()
        images = [
            SessionImage(number, asset_id, f"/tmp/sessions/{session_id}/{number}.jpg", f"{number}.jpg", 1000, fault)
            for number, asset_id in enumerate(assets, 1)
        ]
        async with self.services.analyses._database.write() as connection:
            await insert_session(connection, self.scope, session_id, lifetime)
            await insert_images(connection, self.scope, session_id, images)
        return session_id

    async def wanted(self, session_id):
        """All images of a session as a client names them."""
        rows = self.sql(
            "SELECT number, upload_path FROM analysis_image WHERE session_id = %s ORDER BY number", session_id
        )
        return [WantedImage(f"img_{number:03d}", path, f"images[{number - 1}]") for number, path in rows]

    async def start(self, session_id=None, images=None):
        """Begin an analysis of a session, as the web process that its client talks to; returns its id."""
        session_id = session_id or await self.session()
        wanted = await self.wanted(session_id)
        analysis_id = uuid4()
        await self.services.analyses.start(
            self.scope, session_id, wanted if images is None else [wanted[place] for place in images], analysis_id
        )
        self.sql("DELETE FROM procrastinate_jobs WHERE args->>'analysis_id' = %s", str(analysis_id))
        return analysis_id

    def run(self, analysis_id):
        """Work on an analysis as the worker of this process; returns the task."""
        running = asyncio.create_task(self.services.analysis_work.run(self.scope, analysis_id))
        self.describer.workers.append(running)
        return running

    async def work(self, analysis_id):
        """Work on an analysis to its end."""
        await self.services.analysis_work.run(self.scope, analysis_id)
        return self.ended(analysis_id)

    async def until_held(self, count):
        """Wait until the describer holds so many pictures."""
        await until(lambda: len(self.describer.held) >= count)

    async def leave(self, analysis_id, seconds=-1.0):
        """The client went away, and is waited for a while from now on."""
        until_when = "UPDATE analysis SET watched_until = now() + %s WHERE id = %s"
        await self.change(until_when, timedelta(seconds=seconds), analysis_id)

    def is_queued(self, analysis_id):
        """Whether there is a job for an analysis; it is taken out of the queue."""
        return bool(
            self.sql("DELETE FROM procrastinate_jobs WHERE args->>'analysis_id' = %s RETURNING 1", str(analysis_id))
        )

    def row(self, analysis_id, *columns):
        """Some columns of an analysis."""
        return self.sql(f"SELECT {', '.join(columns)} FROM analysis WHERE id = %s", analysis_id)[0]

    def states(self, analysis_id):
        """The state of each image, in order."""
        rows = self.sql("SELECT state FROM analysis_item WHERE analysis_id = %s ORDER BY place", analysis_id)
        return [row[0] for row in rows]

    def codes(self, analysis_id):
        """Why images have no result, None for those that have one, in order."""
        rows = self.sql("SELECT error_code FROM analysis_item WHERE analysis_id = %s ORDER BY place", analysis_id)
        return [row[0] for row in rows]

    def filenames(self, analysis_id):
        """The file names that were told, in order."""
        rows = self.sql(
            "SELECT metadata::json->>'filename' FROM analysis_item WHERE analysis_id = %s ORDER BY place", analysis_id
        )
        return [row[0] for row in rows]

    def ended(self, analysis_id):
        """(ended, failed, charged) of an analysis that is over, and whose rows add up."""
        self.check(analysis_id)
        *numbers, ended_at = self.row(analysis_id, "ended", "failed", "charged", "ended_at")
        assert ended_at is not None
        return tuple(numbers)

    @property
    def balance(self):
        """The credits that are left."""
        return self.sql("SELECT balance FROM credit_account WHERE tenant_id = %s", self.scope.tenant_id)[0][0]

    async def events(self, analysis_id, after=0):
        """What is told of an analysis after an event."""
        _, events = await self.services.analyses.news(self.scope, Place(analysis_id, after))
        return events

    def check(self, *analyses):
        """What must be so at every moment: of some analyses, and of the whole ledger."""
        check_ledger(self.library)
        for analysis_id in analyses:
            check_rows(self.library, analysis_id)


_AT_ONCE = """
SELECT a.session_id, a.total, a.begun, a.ended, a.failed, a.charged, a.events, a.ended_at IS NOT NULL, a.worked_by,
    a.is_suspended, i.image_id, i.state, i.credits, i.position, i.begun_event, i.ended_event, i.metadata IS NOT NULL,
    i.error_code,
    (SELECT array_agg(e.kind || e.amount ORDER BY e.number) FROM credit_entry AS e
     WHERE e.tenant_id = a.tenant_id AND e.session_id = a.session_id AND e.image_id = i.image_id)
FROM analysis AS a JOIN analysis_item AS i ON i.analysis_id = a.id WHERE a.id = %s ORDER BY i.place
"""


def check_rows(library, analysis_id):
    """Of an analysis that is the only one of its session: counters, events and credits add up, whatever it is doing."""
    rows = library.sql(_AT_ONCE, analysis_id)
    _, total, begun, ended, failed, charged, events, is_over, worked_by, is_suspended = rows[0][:10]
    images = [row[10:] for row in rows]
    assert len(images) == total
    begun_events = sorted(image[4] for image in images if image[4] is not None)
    ended_events = [image[5] for image in images if image[5] is not None]
    assert sorted([*begun_events, *ended_events, *([events] if is_over else [])]) == list(range(1, events + 1))
    assert (len(begun_events), len(ended_events)) == (begun, ended)
    by_event = sorted((image[4], image[3]) for image in images if image[4] is not None)
    assert [position for _, position in by_event] == list(range(1, begun + 1))
    assert is_over == (ended == total)
    assert failed + charged == ended
    for _, state, open_credits, _, begun_event, ended_event, has_metadata, code, entries in images:
        assert (state in {"completed", "failed"}) == (ended_event is not None)
        assert (state == "completed") == has_metadata
        assert (state == "failed") == (code is not None)
        assert state != "analyzing" or worked_by is not None
        if ended_event is not None:
            assert begun_event < ended_event
        check_entries(entries, state, open_credits)
        assert open_credits is None or not is_suspended
    assert sum(image[1] == "completed" for image in images) == charged
    if is_over:
        assert worked_by is None
        assert not is_suspended


def check_entries(entries, state, open_credits):
    """One image's part of the ledger: reserve and what became of it take turns, and what is open is what is reserved still."""
    taken = None
    captures = 0
    for entry in entries:
        if entry.startswith("reserve"):
            assert taken is None, entries
            taken = -int(entry.removeprefix("reserve"))
        elif entry.startswith("refund"):
            assert taken == int(entry.removeprefix("refund")), entries
            taken = None
        else:
            assert entry == "capture0"
            assert taken is not None, entries
            captures, taken = captures + 1, None
    assert taken == open_credits, entries
    assert captures == (state == "completed"), entries


def check_ledger(library):
    """The balance is the sum of its entries, which are numbered without gaps, each with the balance after it, none below zero."""
    rows = library.sql(
        "SELECT a.balance, a.entries, e.number, e.amount, e.balance_after FROM credit_account AS a "
        "LEFT JOIN credit_entry AS e USING (tenant_id) WHERE a.tenant_id = %s ORDER BY e.number",
        library.scope.tenant_id,
    )
    balance = 0
    for place, (_, _, number, amount, after) in enumerate((row for row in rows if row[2] is not None), 1):
        balance += amount
        assert (number, after) == (place, balance)
        assert balance >= 0
    assert (rows[0][0], rows[0][1]) == (balance, len([row for row in rows if row[2] is not None]))


def check_told(events, total):
    """A whole stream: numbered without gaps, each image begun once and ended once after that, and the end once, last."""
    assert [event.number for event in events] == list(range(1, 2 * total + 2))
    told = [event.told for event in events]
    assert [one.current for one in told if isinstance(one, Begun)] == list(range(1, total + 1))
    by_image = groupby(sorted(told[:-1], key=lambda one: one.image_id), key=lambda one: one.image_id)
    kinds = [[type(one) for one in group] for _, group in by_image]
    assert len(kinds) == total
    assert all(kind in ([Begun, Result], [Begun, Failed]) for kind in kinds)
    end = told[-1]
    assert isinstance(end, Complete)
    failed = sum(isinstance(one, Failed) for one in told)
    assert (end.processed, end.failed, end.total, end.credits_used) == (total, failed, total, total - failed)
    return end


async def open_desk(shared, developed, monkeypatch, describer, **values):
    """A desk of a new tenant, whose pictures are developed in no time."""
    library = await shared.neighbour()
    monkeypatch.setattr(library.services.pictures, "_sandbox", developed)
    monkeypatch.setattr(library.services.describing, "_describer", describer)
    return await Desk.of(library, describer, **values)


async def dies(desk, running, monkeypatch):
    """The worker of a process ends as if it were killed: it gives nothing back."""
    with monkeypatch.context() as patch:
        patch.setattr(desk.services.analysis_work, "_give_back", asyncio.sleep)
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def watching(desk, grace=600.0, single_wait=600.0):
    """The watch of a web process that runs."""
    services = desk.services
    watch = AnalysisWatch(
        services.analyses, services.analyses._database, services.presence, grace=grace, single_wait=single_wait
    )
    async with watch.running():
        yield watch
