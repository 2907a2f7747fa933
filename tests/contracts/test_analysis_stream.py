"""The stream of an analysis: the calls of the seed, the events and their order, images that fail, and signs of life."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contracts.analysis import PREFIXES, UNKNOWN_SESSION, Session, account, check, ended, named
from tests.contracts.analysis_models import shade
from tests.contracts.analysis_shapes import ENDED, EVENTS, METADATA, SESSION, SINGLE, expect, expect_error
from tests.contracts.photos import photo, undecodable
from tests.contracts.shapes import conforms
from tests.running import wait_for, wait_until_processed

SEED = """{
       "sessionId": "sess_abc123def456",
       "images": [
         {
           "id": "img_001",
           "uploadPath": "/tmp/sessions/sess_abc123def456/photo1.jpg",
           "originalFilename": "photo1.jpg"
         }
       ]
     }"""
SEED_SINGLE = """{
       "sessionId": "sess_abc123def456",
       "image": {
         "id": "img_001",
         "uploadPath": "/tmp/sessions/sess_abc123def456/photo1.jpg",
         "originalFilename": "photo1.jpg"
       }
     }"""


def curl(server, path, key, body, *more):
    """The call of the documentation: (header lines and body of the answer, status)."""
    command = ["curl", "-sS", *more, "-X", "POST", "-H", f"X-API-Key: {key}", "-H", "Content-Type: application/json"]
    command += ["-d", body, server.url + path, "-w", "\n%{http_code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    answer, _, status = done.stdout.rpartition("\n")
    return answer, status


def seeded(payer):
    """A session with the image of the documentation."""
    return payer.open(("photo1.jpg", photo()))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_stream_of_the_seed_works_as_it_stands(server, payer, prefix):
    """Only session and key are one's own: curl gets progress, result and complete, each with an id."""
    session = seeded(payer)
    body = SEED.replace("sess_abc123def456", session.id)
    answer, status = curl(server, f"{prefix}/sessions/{session.id}/analyze", payer.key, body, "-N", "-i")
    assert status == "200", answer
    headers, _, stream = answer.replace("\r\n", "\n").partition("\n\n")
    assert "content-type: text/event-stream" in headers.lower()
    blocks = [block.split("\n") for block in stream.strip().split("\n\n") if not block.startswith(":")]
    events = [dict(line.split(": ", 1) for line in block if not line.startswith(":")) for block in blocks]
    assert [event["event"] for event in events] == ["progress", "result", "complete"]
    assert all(event["id"] for event in events)
    progress, result, complete = (json.loads(event["data"]) for event in events)
    assert progress == {"imageId": "img_001", "status": "analyzing", "current": 1, "total": 1}
    conforms(result, EVENTS["result"])
    assert complete == {
        "status": "completed", "processed": 1, "failed": 0, "total": 1, "creditsUsed": 1, "creditsRemaining": 99,
    }  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_single_analysis_of_the_seed_works_as_it_stands(server, payer, prefix):
    """Only session and key are one's own: curl gets one JSON object."""
    session = seeded(payer)
    body = SEED_SINGLE.replace("sess_abc123def456", session.id)
    answer, status = curl(server, f"{prefix}/sessions/{session.id}/analyze-single", payer.key, body)
    assert status == "200", answer
    single = json.loads(answer)
    conforms(single, SINGLE)
    assert (single["imageId"], single["creditsUsed"], single["creditsRemaining"]) == ("img_001", 1, 99)


def test_the_seed_with_its_own_ids_is_a_plain_404(server, payer):
    """The documentation's session is nobody's: JSON, not a stream."""
    for path, body in (("analyze", SEED), ("analyze-single", SEED_SINGLE)):
        answer, status = curl(server, f"/image-forge-api/v1/sessions/sess_abc123def456/{path}", payer.key, body)
        assert status == "404"
        assert json.loads(answer)["error"]["code"] == "SESSION_NOT_FOUND"


def test_a_stream_says_that_it_must_not_be_kept(shoot):
    """Neither in a cache nor in a proxy's buffer."""
    with shoot.streaming() as stream:
        headers = stream.answer.headers
        assert headers["cache-control"] == "no-cache"
        assert headers["x-accel-buffering"] == "no"
        assert headers["content-type"].startswith("text/event-stream")
        assert "content-length" not in headers
        list(stream)


def test_the_bearer_token_opens_a_stream_too(shoot):
    """Both credentials are the same."""
    with shoot.account.server.client(shoot.account.key) as client:
        answer = client.post(f"/v1/sessions/{shoot.id}/analyze", json=shoot.body())
    assert answer.status_code == 200
    assert answer.text.count("event: result") == 3


def test_each_image_begins_once_and_ends_once(shoot):
    """One progress, then one result each, and complete once, last; every key as the specification says."""
    end = check(shoot.analyze(), shoot.ids())
    assert (end["creditsUsed"], end["creditsRemaining"]) == (3, 97)
    assert shoot.account.settled() == (100, 3)


def test_some_images_of_a_session_can_be_analyzed(shoot):
    """In the order wished, without the others; any of them again, which is charged again."""
    first = check(shoot.analyze(2, 0), [shoot.ids()[2], shoot.ids()[0]])
    assert (first["creditsUsed"], first["creditsRemaining"]) == (2, 98)
    again = check(shoot.analyze(2), [shoot.ids()[2]])
    assert (again["creditsUsed"], again["creditsRemaining"]) == (1, 97)
    assert shoot.account.settled() == (100, 3)


def test_images_that_were_added_are_analyzed(payer):
    """With those of the first upload, under the ids of both."""
    session = payer.open(("a.jpg", photo()))
    payer.upload(("a.jpg", photo()), into=session.id)
    images = expect(payer.call("GET", f"/sessions/{session.id}"), SESSION)["images"]
    both = Session(payer, session.id, images)
    check(both.analyze(), ["img_001", "img_002"])


@pytest.mark.timeout(300)
def test_a_hundred_images_of_which_two_are_broken(payer):
    """98 results, 2 errors, `partial`, 98 credits; every filename is another one."""
    pictures = [photo() for _ in range(100)]
    pictures[17], pictures[58] = undecodable(), photo(200, 150)[:2_000]
    session = payer.open(*(("photo.jpg", data) for data in pictures))
    events = session.analyze()
    end = check(events, session.ids(), failed=2)
    assert (end["status"], end["creditsUsed"], end["creditsRemaining"]) == ("partial", 98, 2)
    outcomes = ended(events)
    assert {image_id for image_id, event in outcomes.items() if event.name == "error"} == {"img_018", "img_059"}
    names = [event.data["metadata"]["filename"] for event in outcomes.values() if event.name == "result"]
    assert len(set(names)) == 98
    assert payer.settled() == (100, 98)
    assert payer.credits() == {"balance": 2, "unlimited": False, "used30d": 98}


def test_an_analysis_of_broken_pictures_only_has_failed(payer):
    """Each with an error that says why in words for people, and nothing is charged."""
    session = payer.open(undecodable(), undecodable())
    events = session.analyze()
    end = check(events, session.ids(), failed=2)
    assert (end["status"], end["creditsUsed"], end["creditsRemaining"]) == ("failed", 0, 100)
    for event in ended(events).values():
        assert "Traceback" not in event.data["error"]
        assert str(payer.server.data_dir) not in event.data["error"]
    assert payer.settled() == (100, 0)


def test_an_image_whose_asset_is_gone_is_not_analyzed(payer):
    """Deleted in another API: not found before the stream opens, and nothing is charged."""
    session = payer.open(photo(), photo())
    gone = session.images[1]["assetId"]
    assert payer.others.delete(f"/api/v2/user-files/{gone}").status_code == 200
    expect_error(session.refused(session.body()), "IMAGE_NOT_FOUND")
    check(session.analyze(0), session.ids()[:1])
    assert payer.settled() == (100, 1)


def test_a_result_is_the_description_of_the_asset(payer):
    """What was paid for is kept: the file is found by it in the other APIs."""
    session = payer.open()
    (outcome,) = ended(session.analyze()).values()
    detail = wait_until_processed(payer.others, session.images[0]["assetId"], described=True)
    assert detail["upload_description"] == outcome.data["metadata"]["description"]


def test_streams_of_one_session_run_beside_each_other(payer):
    """Four at once on the same images: each is told all of its own, each is charged."""
    session = payer.open(*(photo() for _ in range(4)))
    with ThreadPoolExecutor(4) as pool:
        for events in pool.map(lambda _: session.analyze(), range(4)):
            check(events, session.ids())
    assert payer.settled() == (100, 16)


def test_images_are_analyzed_side_by_side_within_a_limit(studio_payer, model):
    """The model is asked for four at once, not for a fifth; what ends first is told first."""
    session = studio_payer.open(*(shade(number) for number in range(8)))
    model.hold()
    with session.streaming() as stream:
        begun = stream.until("progress", 4)
        assert [event.name for event in begun] == ["progress"] * 4
        model.wait(4)
        assert (model.running, model.most) == (4, 4)
        model.let()
        events = begun + list(stream)
    check(events, session.ids())
    assert model.most == 4
    assert len(model.calls) == 8


def test_the_limit_is_one_for_all_streams(studio, model):
    """Two tenants with four images each: the model still gets four calls at once, and neither waits for the other's end."""
    sessions = [account(studio, 4).open(*(shade(number) for number in range(4))) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for session, events in zip(sessions, pool.map(Session.analyze, sessions), strict=True):
            check(events, session.ids())
    assert model.most <= 4


@pytest.mark.timeout(240)
def test_a_silent_stream_shows_that_it_lives(studio_payer, model):
    """A comment goes out while the model thinks, and is no event."""
    session = studio_payer.open(shade(1))
    model.hold()
    with session.streaming(silence=15.0 + 5.0) as stream:  # a busy machine may be late
        stream.until("progress")
        stream.comment()
        model.let()
        (result, complete) = list(stream)
    assert (result.name, complete.name) == ("result", "complete")


def test_deleting_a_session_lets_its_stream_end(studio_payer, model):
    """What is begun is finished and charged, what waits comes back; the stream says so and ends."""
    session = studio_payer.open(*(shade(number) for number in range(8)))
    model.hold()
    with session.streaming() as stream:
        events = stream.until("progress", 4)
        model.wait(4)
        expect(studio_payer.call("DELETE", f"/sessions/{session.id}"), ENDED)
        model.let()
        events += list(stream)
    end = check(events, session.ids(), failed=4)
    assert (end["status"], end["creditsUsed"], end["creditsRemaining"]) == ("partial", 4, 16)
    assert len(model.calls) == 4
    assert studio_payer.settled() == (20, 4)


def test_deleting_an_image_in_mid_stream_fails_it_alone(studio_payer, model):
    """Its error is told, the others are not touched, and it is not charged."""
    session = studio_payer.open(*(shade(number) for number in range(6)))
    model.hold()
    with session.streaming() as stream:
        events = stream.until("progress", 4)
        model.wait(4)
        begun = {event.data["imageId"] for event in events}
        (waiting, other) = [image for image in session.images if image["id"] not in begun]
        studio_payer.others.delete(f"/api/v2/user-files/{waiting['assetId']}")
        model.let()
        events += list(stream)
    end = check(events, session.ids(), failed=1)
    assert ended(events)[waiting["id"]].name == "error"
    assert ended(events)[other["id"]].name == "result"
    assert end["creditsUsed"] == 5
    assert studio_payer.settled() == (20, 5)


def test_many_open_streams_leave_room_for_others(studio, model):
    """Forty clients wait for a model that thinks, and everybody else is answered; then all forty get their end."""
    payer = account(studio, 40)
    session = payer.open(*(shade(number) for number in range(10)))
    model.hold()
    with ThreadPoolExecutor(40) as pool:
        streams = [pool.submit(session.analyze, number % 10) for number in range(40)]
        wait_for(lambda: payer.balance == 0, "the streams were not opened")
        other = account(studio)
        assert len(other.open().images) == 1
        model.let()
        for number, stream in enumerate(streams):
            check(stream.result(), [session.ids()[number % 10]])
    assert payer.settled() == (40, 40)


def test_a_single_analysis_answers_with_one_object(payer):
    """Exactly its keys, and one credit less."""
    session = payer.open()
    single = session.single()
    conforms(single["metadata"], METADATA)
    assert (single["imageId"], single["creditsUsed"], single["creditsRemaining"]) == ("img_001", 1, 99)
    assert payer.settled() == (100, 1)


def test_a_single_analysis_that_fails_costs_nothing(payer):
    """502 with a reason."""
    session = payer.open(undecodable())
    answer = payer.call("POST", f"/sessions/{session.id}/analyze-single", json=session.single_body())
    expect_error(answer, "ANALYSIS_FAILED")
    assert payer.settled() == (100, 0)
    assert payer.balance == 100


def test_a_stream_and_single_analyses_run_beside_each_other(payer):
    """Whatever way they are asked for, they share one balance."""
    session = payer.open(*(photo() for _ in range(4)))
    with ThreadPoolExecutor(5) as pool:
        singles = [pool.submit(session.single, place) for place in range(4)]
        check(session.analyze(), session.ids())
        assert {single.result()["imageId"] for single in singles} == set(session.ids())
    assert payer.settled() == (100, 8)


def test_an_unknown_session_opens_no_stream(payer):
    """The answer is JSON, whatever the client accepts."""
    image = {"id": "img_001", "uploadPath": f"/tmp/sessions/{UNKNOWN_SESSION}/a.jpg", "originalFilename": "a.jpg"}
    body = {"sessionId": UNKNOWN_SESSION, "images": [named(image)]}
    headers = {"Accept": "text/event-stream"}
    answer = payer.call("POST", f"/sessions/{UNKNOWN_SESSION}/analyze", json=body, headers=headers)
    expect_error(answer, "SESSION_NOT_FOUND")


def test_an_image_that_is_not_developed_yet_is_waited_for(payer):
    """An analysis that follows its upload at once is no failure, whatever the size of the picture."""
    session = payer.open(photo(3000, 2000), photo())
    check(session.analyze(), session.ids())
    wait_for(lambda: payer.settled() == (100, 2), "not settled")
