"""Servers that die or stop in the middle of an analysis: no credit is lost, no image is charged twice, and streams go on."""

from __future__ import annotations

import os
import signal
import threading

import httpx
import pytest

from tests.contracts.analysis import account, check
from tests.contracts.analysis_models import shade
from tests.e2e.processes import is_gone, kill_everything, worker_of
from tests.running import RunningServer, wait_for

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def house(tmp_path, model):
    """A server of its own that asks the model of the tests, two calls at once.

    Its clients have longer to come back than it takes to start again, and longer than a test waits for lost credits.
    """
    settings = model.settings(CALOTYPE_ANALYSIS_CONCURRENCY="2", CALOTYPE_ANALYSIS_GRACE="150")
    with RunningServer(tmp_path, **settings) as running:
        yield running


class Listener:
    """A client that reads a stream until it ends or breaks."""

    def __init__(self, session):
        self._session = session
        self.events = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            with self._session.streaming() as stream:
                for event in stream:
                    self.events.append(event)
        except (httpx.HTTPError, AssertionError):
            pass

    def count(self, name):
        """How many events of that name came."""
        return sum(event.name == name for event in self.events)

    def wait(self, name, count):
        """Wait for so many events of that name."""
        wait_for(lambda: self.count(name) >= count, f"{count} of {name} did not come: {self.events}")

    def join(self):
        """Wait until the stream has ended or broken."""
        self._thread.join(120)
        assert not self._thread.is_alive()


def in_mid_stream(house, model):
    """A tenant, its session and a listener that has one result of eight; two images are with the model."""
    payer = account(house, 10)
    session = payer.open(*(shade(number) for number in range(8)))
    model.hold()
    listener = Listener(session)
    listener.wait("progress", 2)
    model.let(1)
    listener.wait("result", 1)
    model.wait(3)
    return payer, session, listener


def again(payer, house):
    """The same tenant at a server that was started anew."""
    return type(payer)(house, payer.name, payer.key)


def test_a_server_that_is_killed_leaves_no_reservation(house, model):
    """Server, worker and database die at once; after the restart the balance is what was granted less what was captured."""
    payer, _, listener = in_mid_stream(house, model)
    kill_everything(house)
    listener.join()
    told = listener.count("result")
    house.start()
    payer = again(payer, house)
    granted, charged = payer.settled()
    assert granted == 10
    assert charged >= told >= 1
    assert payer.balance == 10 - charged
    # What was lost on the way was lost by nobody who paid for it.
    assert charged <= 3


def test_only_the_web_server_is_killed(house, model):
    """`kill -9` of the process that clients talk to: after the restart no reservation stays behind."""
    payer, _, listener = in_mid_stream(house, model)
    worker = worker_of(house)
    house.stop(signal.SIGKILL)
    listener.join()
    model.let()
    wait_for(lambda: is_gone(worker), "the worker outlived its server")
    house.start()
    payer = again(payer, house)
    granted, charged = payer.settled()
    assert granted == 10
    assert payer.balance == 10 - charged


def test_a_client_comes_back_to_a_server_that_was_killed(house, model):
    """With its last id it gets what it missed and the rest, each image once, and each is charged once."""
    payer, session, listener = in_mid_stream(house, model)
    kill_everything(house)
    listener.join()
    first = list(listener.events)
    model.let()
    house.start()
    payer = again(payer, house)
    session.account = payer
    second = session.analyze(after=first[-1].id)
    end = check(first + second, session.ids())
    assert (end["creditsUsed"], end["creditsRemaining"]) == (8, 2)
    assert payer.settled() == (10, 8)


def test_a_worker_that_is_killed_costs_no_image(house, model):
    """The stream stays open, another worker goes on, nothing is told twice and nothing charged twice."""
    payer, session, listener = in_mid_stream(house, model)
    os.kill(worker_of(house), signal.SIGKILL)
    model.let()
    listener.join()
    check(listener.events, session.ids())
    assert payer.settled() == (10, 8)


def test_a_server_that_is_stopped_ends_its_streams(house, model):
    """SIGTERM is obeyed at once in spite of an open stream, whose client comes back to the next server and misses nothing."""
    payer, session, listener = in_mid_stream(house, model)
    house.process.send_signal(signal.SIGTERM)
    listener.join()
    assert house.process.wait(60) == 0
    assert listener.count("complete") == 0
    first = list(listener.events)
    model.let()
    house.start()
    session.account = payer = again(payer, house)
    second = session.analyze(after=first[-1].id)
    check(first + second, session.ids())
    assert payer.settled() == (10, 8)


def test_a_finished_analysis_survives_a_crash(house, model):
    """Whatever a client was told is still so: the same events, the same balance."""
    payer = account(house, 10)
    session = payer.open(shade(1), shade(2))
    events = session.analyze()
    kill_everything(house)
    house.start()
    session.account = payer = again(payer, house)
    assert session.analyze(after=events[0].id) == events[1:]
    assert payer.settled() == (10, 2)


def test_a_restart_in_between_charges_nothing_twice(house, model):
    """Three crashes during one analysis: every image ends once and costs one credit or none."""
    payer, session, listener = in_mid_stream(house, model)
    events = listener.events
    for _ in range(2):
        kill_everything(house)
        listener.join()
        model.let()  # those who asked are gone
        model.hold()
        house.start()
        session.account = payer = again(payer, house)
        model.let(2)
        with session.streaming(after=events[-1].id) as stream:
            events.append(next(stream))
    model.let()
    events += session.analyze(after=events[-1].id)
    failed = sum(event.name == "error" for event in events)
    check(events, session.ids(), failed=failed)
    assert payer.settled() == (10, 8 - failed)
