"""Following and ending a batch: sections 7.3 to 7.6, point 33 of the checklist."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import httpx
import pytest

from tests.contracts.batches import (
    FILES,
    SESSIONS,
    counts,
    ended_session,
    listed,
    photos,
    results,
    send_batch,
    session,
    sessions,
)
from tests.contracts.photos import photo, undecodable, with_text
from tests.contracts.session_shapes import TERMINAL
from tests.contracts.shapes import TRIGGER, brief, expect, expect_error
from tests.running import upload, wait_for, wait_until_processed

OPEN = {"pending", "processing"}


@pytest.fixture(scope="module")
def mixed(server):
    """(client, batch answer) of a session that is over: stored, broken, repeated, refused, and stored files."""
    with server.client(server.new_key()) as client:
        data = photo()
        known = upload(client, data, auto_describe="false")["image_id"]
        wait_until_processed(client, known)
        files = [
            ("a.jpg", photo()),
            ("b.png", undecodable()),
            ("c.jpg", data),
            ("d.exe", b"MZ" + bytes(9)),
            ("e.jpg", photo()),
        ]
        body = send_batch(client, *files, skip_duplicates="true", tags="mixed")
        ended_session(client, body["session_id"])
        yield client, body


def test_a_session_goes_on_until_its_work_has_ended(client):
    """Counters sum and progress follows its formula at every look; at the end each file's work is done."""
    body = send_batch(client, *[with_text() for _ in range(3)], *photos(4))
    seen = []

    def look():
        state = session(client, body["session_id"])
        seen.append(state)
        return state["status"] in TERMINAL

    wait_for(look, "the session did not end")
    end = seen[-1]
    assert (end["status"], end["total_files"], counts(end), end["progress_percentage"]) == (
        "completed",
        7,
        (7, 0, 0, 0),
        100,
    )
    assert {state["total_files"] for state in seen} == {7}
    ended = [state["progress_percentage"] for state in seen]
    assert ended == sorted(ended), "progress went back"
    assert all(state["status"] in {"pending", "processing"} for state in seen[:-1])
    assert datetime.fromisoformat(end["created_at"]) <= datetime.fromisoformat(end["started_at"])
    assert datetime.fromisoformat(end["started_at"]) <= datetime.fromisoformat(end["completed_at"])
    assert {client.get(f"{FILES}/{file_id}").json()["variant_status"] for file_id in listed(client)} == {"completed"}


def test_descriptions_belong_to_the_work(client):
    """A described file is complete when its description is, whose beginning the session tells and whose whole the results."""
    body = send_batch(client, with_text(), auto_describe="true")
    state = ended_session(client, body["session_id"])
    detail = client.get(f"{FILES}/{body['immediate_results'][0]['image_id']}").json()
    assert (state["status"], detail["description_status"]) == ("completed", "completed")
    assert detail["upload_description"]
    assert state["recent_completions"][0]["description"] == detail["upload_description"][:100]
    item = results(client, body["session_id"])["results"][0]
    assert (item["description"], item["visible_text"]) == (detail["upload_description"], detail["visible_text"])


def test_a_mixed_session(mixed):
    """Each file ends once: completed, failed with its error, or skipped; the refused one is no part of the session."""
    client, body = mixed
    state = session(client, body["session_id"])
    assert (body["status"], state["status"], state["total_files"]) == ("partial", "completed", 4)
    assert counts(state) == (2, 1, 1, 0)
    by_name = {entry["filename"]: entry for entry in state["recent_completions"]}
    assert {name: entry["status"] for name, entry in by_name.items()} == {
        "a.jpg": "completed", "b.png": "failed", "c.jpg": "skipped", "e.jpg": "completed"
    }  # fmt: skip
    assert by_name["b.png"]["error_message"]
    assert by_name["a.jpg"]["error_message"] is None
    assert by_name["c.jpg"]["image_id"] == body["immediate_results"][2]["skipped_existing_image_id"]
    assert [(entry["filename"], entry["index"]) for entry in state["recent_errors"]] == [("b.png", 1)]
    assert state["recent_errors"][0]["error"]


def test_a_session_of_failures_has_failed(client):
    """When every file failed, the session is failed."""
    body = send_batch(client, undecodable(), undecodable())
    assert body["status"] == "completed"  # which speaks of storage
    state = ended_session(client, body["session_id"])
    assert (state["status"], counts(state)) == ("failed", (0, 2, 0, 0))
    assert sorted(entry["index"] for entry in state["recent_errors"]) == [0, 1]


def test_only_the_newest_ten_are_shown(client):
    """Of more files the last ten to end are shown."""
    body = send_batch(client, *photos(8), *[undecodable() for _ in range(4)])
    state = ended_session(client, body["session_id"])
    assert counts(state) == (8, 4, 0, 0)
    assert len({entry["image_id"] for entry in state["recent_completions"]}) == 10
    assert {entry["index"] for entry in state["recent_errors"]} == {8, 9, 10, 11}


def test_an_ended_session_never_changes(client):
    """Renaming, deleting, describing anew or making variants again changes nothing of a session that is over."""
    earlier, data = photo(), with_text()
    known = upload(client, earlier, auto_describe="false")["image_id"]
    body = send_batch(client, data, earlier, undecodable(), skip_duplicates="true", auto_describe="true")
    before = ended_session(client, body["session_id"])
    made = body["immediate_results"][0]["image_id"]
    client.patch(f"{FILES}/{made}", json={"title": "other", "tags": ["other"]})
    for file_id in (made, known, body["immediate_results"][2]["image_id"]):
        expect(client.post(f"{FILES}/{file_id}/trigger-variants"), TRIGGER)
        wait_until_processed(client, file_id, described=True)
    assert session(client, body["session_id"]) == before
    for file_id in (made, known):
        client.delete(f"{FILES}/{file_id}")
    assert session(client, body["session_id"]) == before
    client.post(f"{FILES}/{made}/restore")
    assert session(client, body["session_id"]) == before
    assert results(client, body["session_id"])["summary"] == {
        "total_files": 3,
        "completed": 1,
        "failed": 1,
        "skipped": 1,
    }


def test_a_duplicate_of_a_file_still_in_work_never_changes(client):
    """A session that ended with a duplicate stays as it was when that file is described later."""
    data = with_text()
    known = upload(client, data)["image_id"]
    body = send_batch(client, data, skip_duplicates="true")
    before = ended_session(client, body["session_id"])
    assert counts(before) == (0, 0, 1, 0)
    wait_until_processed(client, known, described=True)
    assert session(client, body["session_id"]) == before


def test_results_are_in_the_order_sent(mixed):
    """Ended files in the order sent, with links and tags, and a summary of all of them."""
    client, body = mixed
    page = results(client, body["session_id"])
    assert [item["filename"] for item in page["results"]] == ["a.jpg", "b.png", "c.jpg", "e.jpg"]
    assert [item["status"] for item in page["results"]] == ["completed", "failed", "skipped", "completed"]
    assert [item["image_id"] for item in page["results"]] == [item["image_id"] for item in body["immediate_results"]]
    assert [item["object_key"] for item in page["results"]] == [
        item["object_key"] for item in body["immediate_results"]
    ]
    assert (page["total_count"], page["offset"], page["limit"], page["has_more"]) == (4, 0, 100, False)
    assert page["summary"] == {"total_files": 4, "completed": 2, "failed": 1, "skipped": 1}
    first, broken, repeat, _ = page["results"]
    assert (first["tags"], repeat["tags"]) == (["mixed"], [])
    assert first["thumbnail_url"] is not None
    assert httpx.get(first["thumbnail_url"]).status_code == 200
    assert (first["error_message"], broken["thumbnail_url"]) == (None, None)
    assert broken["error_message"]


def test_results_without_failures(mixed):
    """`include_failed=false` leaves failed files out of list and count, and not out of the summary."""
    client, body = mixed
    page = results(client, body["session_id"], include_failed="false")
    assert [item["filename"] for item in page["results"]] == ["a.jpg", "c.jpg", "e.jpg"]
    assert (page["total_count"], page["has_more"]) == (3, False)
    assert page["summary"] == {"total_files": 4, "completed": 2, "failed": 1, "skipped": 1}
    assert results(client, body["session_id"], include_failed="true")["total_count"] == 4


@pytest.mark.parametrize("include_failed", ["true", "false"])
def test_results_page_by_page(mixed, include_failed):
    """Pages of one yield every file once; only the last says there is no more; beyond it there is nothing."""
    client, body = mixed
    whole = results(client, body["session_id"], include_failed=include_failed)["results"]
    pages = [
        results(client, body["session_id"], include_failed=include_failed, offset=place, limit=1)
        for place in range(len(whole) + 1)
    ]
    assert [item["image_id"] for page in pages for item in page["results"]] == [item["image_id"] for item in whole]
    assert [page["has_more"] for page in pages] == [True] * (len(whole) - 1) + [False, False]
    assert {(page["total_count"], page["limit"]) for page in pages} == {(len(whole), 1)}
    assert [page["offset"] for page in pages] == list(range(len(whole) + 1))


def test_results_hold_only_what_has_ended(idle_client):
    """While files are pending they are counted in the summary's total and not listed."""
    data = photo()
    body = send_batch(idle_client, photo(), data, data, skip_duplicates="true")
    page = results(idle_client, body["session_id"])
    assert [(item["filename"], item["status"]) for item in page["results"]] == [("photo2.jpg", "skipped")]
    assert page["summary"] == {"total_files": 3, "completed": 0, "failed": 0, "skipped": 1}


def test_results_of_deleted_files(client):
    """A file that was deleted later keeps its place in the results."""
    body = send_batch(client, *photos(2))
    ended_session(client, body["session_id"])
    client.delete(f"{FILES}/{body['immediate_results'][0]['image_id']}")
    page = results(client, body["session_id"])
    assert [item["image_id"] for item in page["results"]] == [item["image_id"] for item in body["immediate_results"]]
    assert {item["status"] for item in page["results"]} == {"completed"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
        {"limit": ""},
        {"offset": "-1"},
        {"offset": "1.5"},
        {"include_failed": "perhaps"},
    ],
    ids=brief,
)
def test_results_refuse_bad_parameters(mixed, parameters):
    """Each parameter out of its bounds is 422 and names itself."""
    client, body = mixed
    answer = client.get(f"{SESSIONS}/{body['session_id']}/results", params=parameters)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"] == f"query.{next(iter(parameters))}"
    assert results(client, body["session_id"], limit="500", offset="99999")["results"] == []


@pytest.mark.parametrize(("method", "ending"), [("GET", "status"), ("GET", "results"), ("POST", "cancel")])
def test_unknown_sessions(client, mixed, method, ending):
    """An unknown id is 404, a malformed one 422; letters may be in any case."""
    expect_error(client.request(method, f"{SESSIONS}/{uuid4()}/{ending}"), 404, "NOT_FOUND")
    expect_error(client.request(method, f"{SESSIONS}/nothing/{ending}"), 422, "VALIDATION_ERROR")
    owner, body = mixed
    expect_error(client.request(method, f"{SESSIONS}/{body['session_id']}/{ending}"), 404, "NOT_FOUND")
    if method == "GET":
        answer = owner.get(f"{SESSIONS}/{body['session_id'].upper()}/{ending}")
        assert answer.json()["session_id"] == body["session_id"]


# ------------------------------------------------------------------- list


def test_the_list_of_sessions(client):
    """Newest first, with the counts of each; a tenant without sessions has an empty list."""
    assert sessions(client) == {"sessions": [], "total_count": 0, "offset": 0, "limit": 20, "has_more": False}
    made = [send_batch(client, *files)["session_id"] for files in (photos(1), photos(2), [undecodable()])]
    ends = {session_id: ended_session(client, session_id) for session_id in made}
    page = sessions(client)
    assert [entry["session_id"] for entry in page["sessions"]] == made[::-1]
    for entry in page["sessions"]:
        end = ends[entry["session_id"]]
        assert all(end[key] == value for key, value in entry.items() if key != "upload_method")
    assert [entry["status"] for entry in page["sessions"]] == ["failed", "completed", "completed"]


def test_the_list_is_filtered(client, idle_client):
    """By status and by method of upload; all sessions are streaming."""
    good, bad = send_batch(client, photo())["session_id"], send_batch(client, b"x")["session_id"]
    ended_session(client, good)
    assert [entry["session_id"] for entry in sessions(client, status="completed")["sessions"]] == [good]
    assert [entry["session_id"] for entry in sessions(client, status="failed")["sessions"]] == [bad]
    for word in ("pending", "uploading", "processing", "expired", "cancelled"):
        assert sessions(client, status=word)["total_count"] == 0, word
    assert sessions(client, upload_method="streaming")["total_count"] == 2
    assert sessions(client, upload_method="presigned") == {
        "sessions": [], "total_count": 0, "offset": 0, "limit": 20, "has_more": False
    }  # fmt: skip
    assert sessions(client, upload_method="streaming", status="failed")["total_count"] == 1
    waiting = send_batch(idle_client, photo())["session_id"]
    word = session(idle_client, waiting)["status"]
    assert word in OPEN
    assert [entry["session_id"] for entry in sessions(idle_client, status=word)["sessions"]] == [waiting]
    assert sessions(idle_client, status="completed")["total_count"] == 0


def test_the_list_page_by_page(client):
    """Pages of one yield every session once, with a constant total."""
    made = [send_batch(client, b"x")["session_id"] for _ in range(3)]
    pages = [sessions(client, limit=1, offset=place) for place in range(4)]
    assert [[entry["session_id"] for entry in page["sessions"]] for page in pages] == [
        *[[one] for one in made[::-1]],
        [],
    ]
    assert [page["has_more"] for page in pages] == [True, True, False, False]
    assert {(page["total_count"], page["limit"]) for page in pages} == {(3, 1)}
    assert [page["offset"] for page in pages] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "parameters",
    [
        {"status": "done"},
        {"status": ""},
        {"status": "partial"},
        {"upload_method": "STREAMING"},
        {"upload_method": "chunked"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"offset": "-1"},
    ],
    ids=brief,
)
def test_the_list_refuses_bad_parameters(client, parameters):
    """Each parameter out of its words or bounds is 422 and names itself; 100 is allowed."""
    answer = client.get(SESSIONS, params=parameters)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"] == f"query.{next(iter(parameters))}"
    assert sessions(client, limit="100")["limit"] == 100


def test_sessions_belong_to_their_tenant(client, new_client):
    """Nobody else sees a session in a list."""
    send_batch(client, photo())
    assert sessions(new_client())["total_count"] == 0
