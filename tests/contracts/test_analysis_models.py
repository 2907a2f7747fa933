"""The describer that settings choose: what it is asked, and what becomes of a model that fails, hangs or talks too much."""

from __future__ import annotations

import json

import pytest

from tests.contracts.analysis import account, check, ended
from tests.contracts.analysis_models import (
    ANSWER,
    KEY,
    MODEL,
    Models,
    completion,
    cut,
    refusing,
    send,
    shade,
    silent,
)
from tests.contracts.analysis_shapes import expect_error
from tests.contracts.photos import photo, undecodable
from tests.running import RunningServer


@pytest.fixture
def impatient_payer(impatient):
    """A tenant with twenty credits on a server that waits a second for its model."""
    return account(impatient, 20)


def test_the_model_is_asked_as_its_interface_says(studio_payer, model):
    """One chat completion of the configured model, with the key, a picture and no name of anybody's file."""
    session = studio_payer.open(("my secret holiday.png", shade(6)))
    check(session.analyze(), session.ids())
    (call,) = model.calls
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["content-type"].split(";")[0] == "application/json"
    assert call.body["model"] == MODEL
    assert call.body["messages"]
    assert not call.body.get("stream")
    (picture,) = call.pictures()
    assert max(picture.size) <= 2048
    assert call.shade == 6
    assert studio_payer.key not in call.text
    assert str(studio_payer.server.data_dir) not in call.text


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP"])
def test_the_model_is_shown_a_picture_that_it_can_read(studio_payer, model, kind):
    """Whatever format was uploaded, and not megabytes of it."""
    session = studio_payer.open(shade(7, kind), (f"large.{kind}", photo(2400, 1600, kind)))
    check(session.analyze(), session.ids())
    assert len(model.calls) == 2
    for call in model.calls:
        (picture,) = call.pictures()
        assert picture.format in {"JPEG", "PNG", "WEBP"}
        assert len(call.text) < 4_000_000


def test_what_cannot_be_decoded_is_not_sent_to_the_model(studio_payer, model):
    """It fails by itself."""
    session = studio_payer.open(undecodable())
    check(session.analyze(), session.ids(), failed=1)
    assert model.calls == []
    assert studio_payer.settled() == (20, 0)


FAULTS = {
    "a fault": refusing(500),
    "a refusal": refusing(400),
    "no right": refusing(401),
    "not found": refusing(404),
    "too many requests": refusing(429, Retry_After="0"),
    "a redirect": refusing(302, Location="http://127.0.0.1:1/elsewhere"),
    "no JSON": refusing(200, b"<html>secret words of the model</html>"),
    "no choices": refusing(200, b'{"choices": []}'),
    "a list": refusing(200, b"[]"),
    "not UTF-8": refusing(200, b"\xff\xfe\x00"),
    "nothing": refusing(200, b""),
    "cut off": cut,
    "a choice without words": lambda _: lambda handler: completion(handler, None),
    "words of another kind": lambda _: lambda handler: completion(handler, [{"type": "text", "text": 5}]),
    "far too long": refusing(200, b'{"choices": [' + b" " * 30_000_000 + b"]}"),
    "hung": silent,
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("half", [0, 1])
def test_a_model_that_fails_is_an_error_without_a_charge(impatient, model, half):
    """Only of its image; the message tells neither the model's address nor its key nor its words."""
    faults = list(FAULTS.values())[half::2]
    payer = account(impatient, len(faults))
    model.script = lambda call: faults[call.shade](call)
    session = payer.open(*(shade(number) for number in range(len(faults))))
    events = session.analyze()
    end = check(events, session.ids(), failed=len(faults))
    assert (end["status"], end["creditsUsed"], end["creditsRemaining"]) == ("failed", 0, len(faults))
    told = json.dumps([event.data for event in ended(events).values()])
    for secret in (KEY, model.url, "127.0.0.1", "secret words", "Traceback", "httpx"):
        assert secret not in told
    assert payer.settled() == (len(faults), 0)


@pytest.mark.timeout(240)
def test_a_single_image_whose_model_fails_is_502(impatient_payer, model):
    """With a reason that gives nothing away."""
    model.script = refusing(500)
    session = impatient_payer.open(shade(1))
    answer = impatient_payer.call("POST", f"/sessions/{session.id}/analyze-single", json=session.single_body())
    expect_error(answer, "ANALYSIS_FAILED")
    assert KEY not in answer.text
    assert "secret words" not in answer.text
    assert impatient_payer.settled() == (20, 0)


def test_a_model_that_stumbles_once_is_asked_again(studio_payer, model):
    """One fault is no failure; the image is charged once."""
    stumbles = iter([refusing(503, Retry_After="0")(None)])
    model.script = lambda _: next(stumbles, ANSWER)
    session = studio_payer.open(shade(2))
    check(session.analyze(), session.ids())
    assert len(model.calls) == 2
    assert studio_payer.settled() == (20, 1)


def test_a_model_that_is_redirected_is_not_followed(studio_payer, model):
    """A key must not travel to where an answer points."""
    with Models() as other:
        target = f"{other.url}/chat/completions"
        model.script = lambda _: lambda handler: send(handler, 307, b"", Location=target)
        session = studio_payer.open(shade(3))
        check(session.analyze(), session.ids(), failed=1)
        assert other.calls == []


def test_after_a_failure_the_next_analysis_works(studio_payer, model):
    """What failed can be analysed again in the same session, and is charged then."""
    model.script = refusing(400)
    session = studio_payer.open(shade(4))
    check(session.analyze(), session.ids(), failed=1)
    model.script = lambda _: ANSWER
    check(session.analyze(), session.ids())
    assert studio_payer.settled() == (20, 1)


@pytest.mark.timeout(240)
def test_a_model_that_nobody_answers_for(tmp_path):
    """A closed port: an error for each image, no charge, and the server goes on."""
    settings = {"CALOTYPE_VISION_URL": "http://127.0.0.1:1/v1", "CALOTYPE_VISION_MODEL": MODEL}
    with RunningServer(tmp_path, **settings, CALOTYPE_VISION_TIMEOUT="1") as server:
        payer = account(server, 3)
        session = payer.open(photo(), photo(), photo())
        events = session.analyze()
        check(events, session.ids(), failed=3)
        assert payer.settled() == (3, 0)
        assert "127.0.0.1" not in json.dumps([event.data for event in events])


def test_a_model_without_a_key_is_asked_without_one(tmp_path, model):
    """Local models want none."""
    settings = {"CALOTYPE_VISION_URL": model.url, "CALOTYPE_VISION_MODEL": MODEL}
    with RunningServer(tmp_path, **settings) as server:
        session = account(server, 1).open(shade(5))
        check(session.analyze(), session.ids())
    assert "authorization" not in model.calls[0].headers
