"""Everything at once: uploads, analyses, deletions and clients that go away never lose a credit, a request or an answer."""

from __future__ import annotations

import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from tests.contracts.analysis import Account, Session, account, calotype, check, form, named
from tests.contracts.analysis_models import ANSWER, shade
from tests.contracts.photos import photo, undecodable
from tests.e2e.processes import worker_of
from tests.running import PATIENCE, RunningServer, wait_for

pytestmark = pytest.mark.timeout(400)
EXPECTED = {200, 201, 402, 404, 410}


def client_of(payer):
    """Another client of the same tenant."""
    made = httpx.Client(base_url=payer.server.url, timeout=2 * PATIENCE, verify=False)
    made.headers["X-API-Key"] = payer.key
    return made


def at_once(count, work):
    """Do something so many times at once; returns what came of it."""
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(work, number) for number in range(count)]]


class Visitor:
    """One of many clients of a session, which does this and that with it."""

    def __init__(self, session, number):
        self.session = session
        self.chance = random.Random(number)
        self.client = client_of(session.account)
        self.bearer = {"Authorization": f"Bearer {session.account.key}"}
        self.url = f"/v1/sessions/{session.id}"
        self.results = 0

    def analyze(self):
        """Ask for a stream of six images, some of which may be gone."""
        places = self.chance.sample(range(len(self.session.images)), 6)
        answer = self.client.post(f"{self.url}/analyze", json=self.session.body(*places))
        if answer.status_code == 200:
            assert answer.text.count("event: complete") == 1
            assert answer.text.count("event: progress") == 6
            self.results += answer.text.count("event: result")
        return answer

    def single(self):
        """Ask for one image."""
        place = self.chance.randrange(len(self.session.images))
        answer = self.client.post(f"{self.url}/analyze-single", json=self.session.single_body(place))
        self.results += answer.status_code == 200
        return answer

    def add(self):
        """Upload two images more."""
        return self.client.post(f"{self.url}/images", files=form(photo(), photo()))

    def look(self):
        """Look at the session."""
        return self.client.get(self.url)

    def delete(self):
        """Delete the file of an image."""
        asset = self.chance.choice(self.session.images)["assetId"]
        return self.client.delete(f"/api/v2/user-files/{asset}", headers=self.bearer)

    def delete_many(self):
        """Delete the files of three images."""
        ids = [image["assetId"] for image in self.chance.sample(self.session.images, 3)]
        return self.client.post("/api/v2/user-files/batch-delete", json={"file_ids": ids}, headers=self.bearer)

    def visit(self):
        """Do six things; returns what the session's images gave."""
        doings = [self.analyze, self.analyze, self.single, self.add, self.look, self.delete, self.delete_many]
        for doing in self.chance.choices(doings, k=6):
            answer = doing()
            allowed = EXPECTED | ({502} if doing == self.single else set())
            assert answer.status_code in allowed, f"{doing.__name__}: {answer.text[:500]}"
        return self.results


def test_all_routes_at_once_on_one_session(server):
    """Of a tenant with quotas: no fault, no deadlock, and the ledger adds up with what was told."""
    payer = account(server, 300)
    limits = ("--max-bytes", "1GB", "--max-uploads-per-month", "100000")
    assert calotype(server, "tenants", "set-limits", payer.name, *limits).returncode == 0
    session = payer.open(*(photo() if number % 7 else undecodable() for number in range(40)))
    results = at_once(14, lambda number: Visitor(session, number).visit())
    assert payer.settled() == (300, sum(results))


def test_ending_sessions_while_they_are_used(server):
    """Whoever comes first: a stream that was opened ends, one that comes too late is a 404, and nothing stays reserved."""
    payer = account(server, 60)
    sessions = [payer.open(photo(), photo()) for _ in range(6)]

    def work(number):
        session = sessions[number % 6]
        url = f"/v1/sessions/{session.id}"
        with client_of(payer) as client:
            match number // 6:
                case 0 | 1:
                    answer = client.post(f"{url}/analyze", json=session.body())
                    assert answer.status_code != 200 or answer.text.count("event: complete") == 1
                case 2:
                    answer = client.post(f"{url}/images", files=form(photo()))
                case _:
                    answer = client.delete(url)
            return answer

    for answer in at_once(24, work):
        assert answer.status_code in EXPECTED, answer.text
    payer.settled()
    assert {payer.call("GET", f"/sessions/{session.id}").status_code for session in sessions} == {404}


def test_clients_that_come_and_go(hasty, model):
    """Thirty clients leave after some events; half of them come back in time or late: nothing stays reserved, nothing doubles."""
    payer = account(hasty, 90)
    session = payer.open(*(shade(number) for number in range(3)))
    model.script = lambda call: ANSWER if call.shade else "nonsense"

    def work(number):
        chance = random.Random(number)
        with session.streaming() as stream:
            events = [next(stream) for _ in range(chance.randrange(1, 7))]
        if number % 2 and events[-1].name != "complete":
            events += session.analyze(after=events[-1].id)
            check(events, session.ids(), failed=sum(event.name == "error" for event in events))
        return sum(event.name == "result" for event in events)

    told = sum(at_once(30, work))
    granted, charged = payer.settled()
    assert granted == 90
    assert told <= charged <= 60
    assert charged <= len(model.calls) <= 90 * 3


def test_a_single_analysis_whose_client_goes_away(hasty, model):
    """What was begun is charged, what was not is not; nothing stays reserved."""
    payer = account(hasty, 8)
    session = payer.open(*(shade(number) for number in range(8)))
    model.hold()

    def work(number):
        url = f"/v1/sessions/{session.id}/analyze-single"
        with client_of(payer) as client, pytest.raises(httpx.TimeoutException):
            client.post(url, json=session.single_body(number), timeout=httpx.Timeout(PATIENCE, read=1))

    at_once(8, work)
    model.let()
    granted, charged = payer.settled()
    assert granted == 8
    assert charged <= len(model.calls) <= 8


def test_names_are_unique_over_two_workers(tmp_path, model):
    """A model with one name for all, two servers with a worker each, twenty requests at once: twenty names."""
    home = tmp_path / "home"
    home.mkdir()
    with RunningServer(home, **model.settings()) as first:
        other = tmp_path / "other"
        other.mkdir()
        shared = {
            "CALOTYPE_DATABASE_URL": first.database_url(),
            "CALOTYPE_STORAGE_URL": f"file://{first.data_dir.resolve()}/objects",
        }
        with RunningServer(other, **model.settings(**shared)) as second:
            payer = account(first, 20)
            session = payer.open(*(shade(number % 12) for number in range(20)))
            at_second = Session(Account(second, payer.name, payer.key), session.id, session.images)
            singles = at_once(20, lambda number: (session, at_second)[number % 2].single(number))
            names = [single["metadata"]["filename"] for single in singles]
            assert len(set(names)) == 20
            assert payer.settled() == (20, 20)


def test_streams_survive_lost_connections(tmp_path, model):
    """All connections to the database are cut: the stream tells the rest, and each image is charged once."""
    with RunningServer(tmp_path, **model.settings(CALOTYPE_ANALYSIS_CONCURRENCY="2")) as house:
        payer = account(house, 10)
        session = payer.open(*(shade(number) for number in range(8)))
        model.hold()
        with session.streaming() as stream:
            events = stream.until("progress", 2)
            with psycopg.connect(house.database_url(), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            model.let(2)
            events += stream.until("result", 2)
            model.let()
            events += list(stream)
        check(events, session.ids())
        assert payer.settled() == (10, 8)


def test_a_stream_outlives_worker_after_worker(tmp_path, model):
    """The worker is killed twice, each time between two results; nothing is told twice and nothing charged twice."""
    with RunningServer(tmp_path, **model.settings(CALOTYPE_ANALYSIS_CONCURRENCY="2")) as house:
        payer = account(house, 10)
        session = payer.open(*(shade(number) for number in range(8)))
        model.hold()
        with session.streaming() as stream:
            events = stream.until("progress", 2)
            for _ in range(2):
                model.let(1)
                events += stream.until("result")
                killed = worker_of(house)
                os.kill(killed, signal.SIGKILL)
                wait_for(lambda killed=killed: worker_of(house) != killed, "no other worker came")
            model.let()
            events += list(stream)
        failed = sum(event.name == "error" for event in events)
        check(events, session.ids(), failed=failed)
        assert payer.settled() == (10, 8 - failed)


def test_one_tenant_does_not_keep_others_waiting(studio, model):
    """Behind one who asks for a hundred images at once, another with one image waits for a turn and not for the hundred."""
    greedy, modest = account(studio, 120), account(studio, 1)
    many = greedy.open(*(shade(number % 12) for number in range(100)))
    (one,) = [modest.open(shade(1))]
    model.hold()
    with ThreadPoolExecutor(1) as pool, many.streaming() as stream:
        stream.until("progress", 4)
        waiting = pool.submit(one.analyze)
        wait_for(lambda: modest.balance == 0, "the other stream was not opened")
        model.wait(4)
        while not waiting.done():
            asked = len(model.calls)
            model.let(1)
            wait_for(lambda asked=asked: waiting.done() or len(model.calls) > asked, "the model is not asked any more")
        check(waiting.result(), one.ids())
        assert len(model.calls) < 50
        model.let()
        list(stream)
    assert greedy.settled() == (120, 100)


def test_a_request_that_names_images_in_another_order_is_another_request(payer):
    """Images come in the order of the request where nothing else decides, and places do not matter for their charge."""
    session = payer.open(photo(), photo(), photo())
    body = {"sessionId": session.id, "images": [named(image) for image in reversed(session.images)]}
    answer = payer.call("POST", f"/sessions/{session.id}/analyze", json=body)
    assert answer.status_code == 200
    assert answer.text.count("event: result") == 3
    assert payer.settled() == (100, 3)
