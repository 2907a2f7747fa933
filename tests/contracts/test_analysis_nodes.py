"""Analyses over several servers of one installation: any of them tells a stream on, and the credits of a dead one come back."""

from __future__ import annotations

import os
import signal

import pytest

from tests.contracts.analysis import Account, Session, account, check, ended
from tests.contracts.analysis_models import shade
from tests.contracts.test_analysis_durability import Listener
from tests.e2e.processes import descendants
from tests.running import RunningServer, wait_for

pytestmark = pytest.mark.timeout(300)


def node(home, folder, *arguments, **settings):
    """Another server over the database and the objects of the first."""
    folder.mkdir()
    shared = {
        "CALOTYPE_DATABASE_URL": home.database_url(),
        "CALOTYPE_STORAGE_URL": f"file://{home.data_dir.resolve()}/objects",
    }
    return RunningServer(folder, *arguments, **{**home._settings, **shared, **settings})


@pytest.fixture
def home(tmp_path, model):
    """A server with the database, which waits two seconds for clients that went away."""
    folder = tmp_path / "home"
    folder.mkdir()
    settings = model.settings(CALOTYPE_ANALYSIS_CONCURRENCY="2", CALOTYPE_ANALYSIS_GRACE="2")
    with RunningServer(folder, **settings) as running:
        yield running


def kill(server):
    """End a server with its worker at once; the database is another's."""
    pids = [server.process.pid, *descendants(server.process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()


def test_a_stream_goes_on_at_another_server(tmp_path, home, model):
    """What one began is told on by the other, each event under the same id, while the model works for either."""
    with node(home, tmp_path / "other", "--no-worker") as other:
        payer = account(home, 10)
        session = payer.open(*(shade(number) for number in range(6)))
        elsewhere = Session(Account(other, payer.name, payer.key), session.id, session.images)
        model.hold()
        with session.streaming() as stream:
            first = stream.until("progress", 2)
            with elsewhere.streaming(after=first[0].id) as second:
                model.let()
                rest = list(second)
            assert first[:1] + rest == first + list(stream)
        check(first[:1] + rest, session.ids())
        assert payer.settled() == (10, 6)


def test_the_credits_of_a_dead_server_come_back_at_another(tmp_path, home, model):
    """It dies with its worker in mid-stream and is not started again: what was not captured comes back by itself."""
    payer = account(home, 10)
    with node(home, tmp_path / "other") as other:
        elsewhere = Account(other, payer.name, payer.key)
        session = elsewhere.open(*(shade(number) for number in range(8)))
        model.hold()
        listener = Listener(session)
        listener.wait("progress", 2)
        model.let(1)
        listener.wait("result", 1)
        kill(other)
        listener.join()
    wait_for(lambda: payer.balance > 2, "no credit came back")
    model.let()
    granted, charged = payer.settled()
    assert granted == 10
    assert listener.count("result") <= charged <= 5
    back = Session(payer, session.id, session.images).analyze(after=listener.events[-1].id)
    events = listener.events + back
    check(events, session.ids(), failed=8 - charged)
    assert sum(event.name == "result" for event in ended(events).values()) == charged
    assert payer.settled() == (10, charged)


def test_a_client_of_a_dead_server_goes_on_at_another(tmp_path, home, model):
    """It comes back to one that lives, in time, and gets the rest: every image once, every image charged once."""
    payer = account(home, 10)
    with node(home, tmp_path / "other", CALOTYPE_ANALYSIS_GRACE="150") as other:
        session = Account(other, payer.name, payer.key).open(*(shade(number) for number in range(8)))
        model.hold()
        listener = Listener(session)
        listener.wait("progress", 2)
        model.let(1)
        listener.wait("result", 1)
        kill(other)
        listener.join()
        model.let()
        back = Session(payer, session.id, session.images).analyze(after=listener.events[-1].id)
    failed = sum(event.name == "error" for event in back)
    check(listener.events + back, session.ids(), failed=failed)
    assert payer.settled() == (10, 8 - failed)
