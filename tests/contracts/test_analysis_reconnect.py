"""Clients that lose their stream: what they missed is told again, and who never comes back pays for what was done and no more."""

from __future__ import annotations

import pytest

from tests.contracts.analysis import account, check, ended
from tests.contracts.analysis_models import shade
from tests.contracts.analysis_shapes import expect_error
from tests.contracts.photos import photo, undecodable
from tests.running import wait_for


def came_back(session, after, places=()):
    """What a client is told that comes back after an event."""
    return session.analyze(*places, after=after)


def test_what_was_missed_is_told_again(payer):
    """After each event of a finished stream exactly the following ones, word for word, and nothing is charged again."""
    session = payer.open(photo(), undecodable(), photo())
    events = session.analyze()
    check(events, session.ids(), failed=1)
    for place, event in enumerate(events):
        assert came_back(session, event.id) == events[place + 1 :]
    assert payer.settled() == (100, 2)


def test_a_client_may_come_back_in_either_spelling(payer):
    """The other prefix, and a header in another case, are the same."""
    session = payer.open(photo(), photo())
    events = session.analyze()
    with payer.server.client() as client:
        headers = {"X-API-Key": payer.key, "last-event-id": events[1].id}
        answer = client.post(f"/v1/sessions/{session.id}/analyze", json=session.body(), headers=headers)
    assert answer.status_code == 200
    assert [line[4:] for line in answer.text.split("\n") if line.startswith("id: ")] == [
        event.id for event in events[2:]
    ]
    assert payer.settled() == (100, 2)


def test_a_body_is_the_same_however_it_is_written(payer):
    """Blanks, the order of the keys and keys that nobody knows do not make it another one."""
    session = payer.open(photo(), photo())
    events = session.analyze()
    body = session.body()
    body = {
        "images": [dict(reversed(image.items())) | {"note": "x"} for image in body["images"]],
        "sessionId": session.id,
    }
    answer = session.refused(body, headers={"Last-Event-ID": events[-2].id})
    assert answer.status_code == 200
    assert answer.text.count("event: complete") == 1
    assert payer.settled() == (100, 2)


def test_a_client_comes_back_in_mid_stream(studio_payer, model):
    """It leaves after the first result and misses nothing: no event twice, none left out, one charge an image."""
    session = studio_payer.open(*(shade(number) for number in range(8)))
    model.hold()
    with session.streaming() as stream:
        stream.until("progress", 4)
        model.let(1)
        stream.until("result")
        first = [*stream.seen]
    model.let()
    second = came_back(session, first[-1].id)
    check(first + second, session.ids())
    assert studio_payer.settled() == (20, 8)
    assert len(model.calls) == 8


def test_a_client_that_saw_nothing_new_waits_for_more(studio_payer, model):
    """It comes back while the model still thinks, and is told what comes then."""
    session = studio_payer.open(shade(1), shade(2))
    model.hold()
    with session.streaming() as stream:
        first = stream.until("progress", 2)
    with session.streaming(after=first[-1].id) as stream:
        model.let()
        second = list(stream)
    check(first + second, session.ids())
    assert len(model.calls) == 2


def test_a_client_comes_back_again_and_again(studio_payer, model):
    """After each event it leaves and comes back: all the pieces are one stream."""
    session = studio_payer.open(*(shade(number) for number in range(5)))
    events = []
    while not events or events[-1].name != "complete":
        with session.streaming(after=events[-1].id if events else None) as stream:
            events.append(next(stream))
    check(events, session.ids())
    assert studio_payer.settled() == (20, 5)
    assert len(model.calls) == 5


def test_two_streams_of_one_analysis_tell_the_same(studio_payer, model):
    """A client that comes back before its old connection is known to be dead does not disturb anything."""
    session = studio_payer.open(*(shade(number) for number in range(6)))
    model.hold()
    with session.streaming() as old:
        events = old.until("progress", 4)
        with session.streaming(after=events[-1].id) as new:
            model.let(2)
            seen = new.until("result", 2)
        # The newer one has gone, the older one is still there, and everything goes on.
        model.let()
        events += list(old)
    check(events, session.ids())
    assert events[4 : 4 + len(seen)] == seen
    assert studio_payer.settled() == (20, 6)


def test_who_comes_back_with_another_body_is_refused(payer):
    """422: other images, fewer, more, or another order; nothing is analysed and nothing charged."""
    session = payer.open(photo(), photo(), photo())
    events = session.analyze(0, 1)
    for places in ((0,), (0, 1, 2), (0, 2), (2,)):
        answer = session.refused(session.body(*places), headers={"Last-Event-ID": events[0].id})
        expect_error(answer, "VALIDATION_ERROR")
    assert payer.settled() == (100, 2)


@pytest.mark.parametrize(
    "after",
    ["x", "0", "-1", "1", "", "9" * 5_000, "00000000000000000000000000000000-1", "{id}x", "x{id}", "{id}-1", "{stem}-999",
     "{stem}--1", "{stem}-+1", "{stem}-", "{stem}-1e3", "{stem}-" + "9" * 30, "{stem}-0x1", "{id},{id}", "'; DROP TABLE x;--",
     b"\xff\xfe\xb2"],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_an_event_that_never_was_is_refused(payer, after):
    """Never a fault, never a second analysis, never a charge."""
    session = payer.open()
    last = session.analyze()[-1].id
    if isinstance(after, str):
        after = after.replace("{id}", last).replace("{stem}", last.rpartition("-")[0])
    answer = session.refused(session.body(), headers={"Last-Event-ID": after})
    if isinstance(after, str) and not after.strip():
        assert answer.status_code == 200  # no id at all: another analysis
        return
    expect_error(answer, "VALIDATION_ERROR")
    assert payer.settled() == (100, 1)


def test_an_event_of_another_session_is_refused(payer):
    """Also where both belong to the same tenant and have images of the same ids."""
    one, other = payer.open(), payer.open()
    events = one.analyze()
    expect_error(other.refused(other.body(), headers={"Last-Event-ID": events[0].id}), "VALIDATION_ERROR")
    assert payer.settled() == (100, 1)


def test_an_event_of_another_tenant_is_refused(server, payer):
    """In the same words as one that never was."""
    stranger = account(server, 1)
    session, own = payer.open(), stranger.open()
    events = session.analyze()
    refusal = own.refused(own.body(), headers={"Last-Event-ID": events[0].id})
    never = own.refused(own.body(), headers={"Last-Event-ID": "0" * 32 + "-1"})
    expect_error(refusal, "VALIDATION_ERROR")
    assert refusal.json()["error"] == never.json()["error"]
    assert stranger.settled() == (1, 0)


def test_coming_back_costs_nothing_even_without_credits(server):
    """The last credit is spent, and the result can still be asked for."""
    payer = account(server, 1)
    session = payer.open()
    events = session.analyze()
    assert came_back(session, events[0].id) == events[1:]
    assert payer.settled() == (1, 1)


@pytest.mark.timeout(240)
def test_who_hangs_up_is_charged_for_what_was_done(hasty_payer, model):
    """After the first result the client goes for good: what was begun is finished and charged, what waited comes back."""
    session = hasty_payer.open(*(shade(number) for number in range(10)))
    model.hold()
    with session.streaming() as stream:
        stream.until("progress", 2)
        model.let(1)
        stream.until("result")
        first = [*stream.seen]
    wait_for(lambda: hasty_payer.balance > 10, "nothing came back")
    model.let()
    granted, charged = hasty_payer.settled()
    assert granted == 20
    assert charged == len(model.calls) in {2, 3}
    # One who comes back late is told what was done, and that the rest was cancelled; nothing is begun any more.
    second = came_back(session, first[-1].id)
    check(first + second, session.ids(), failed=10 - charged)
    outcomes = ended(first + second).values()
    assert sum(event.name == "result" for event in outcomes) == charged
    assert (second[-1].data["creditsUsed"], second[-1].data["creditsRemaining"]) == (charged, 20 - charged)
    assert hasty_payer.settled() == (20, charged)
    assert len([entry for entry in hasty_payer.ledger() if entry["kind"] == "refund"]) == 10 - charged


@pytest.mark.timeout(240)
def test_who_hangs_up_at_once_pays_for_what_was_begun(hasty_payer, model):
    """Gone before the first event; each image is charged or comes back."""
    session = hasty_payer.open(*(shade(number) for number in range(12)))
    model.hold()
    with session.streaming():
        pass
    wait_for(lambda: hasty_payer.balance > 8, "nothing came back")
    model.let()
    _, charged = hasty_payer.settled()
    assert charged == len(model.calls) <= 2
    assert hasty_payer.balance == 20 - charged


@pytest.mark.timeout(240)
def test_who_stays_is_not_taken_for_gone(hasty_payer, model):
    """A stream that is listened to goes on for many times the second that others have to come back."""
    session = hasty_payer.open(*(shade(number) for number in range(6)))
    model.hold()
    with session.streaming() as stream:
        events = stream.until("progress", 2)
        for count in range(1, 7):
            # A comment takes longer than the grace of this server; then one more is answered.
            if count == 1:
                stream.comment()
            model.let(1)
            events += stream.until("result" if count < 6 else "complete")
    check(events, session.ids())
    assert hasty_payer.settled() == (20, 6)


def test_who_comes_back_in_time_loses_nothing(studio_payer, model):
    """Within the usual thirty seconds everything goes on as if nothing had been."""
    session = studio_payer.open(*(shade(number) for number in range(8)))
    model.hold()
    with session.streaming() as stream:
        first = stream.until("progress", 4)
    model.let()
    second = came_back(session, first[-1].id)
    check(first + second, session.ids())
    assert studio_payer.settled() == (20, 8)
