"""Following and ending a batch: sections 7.3 to 7.6, point 33 of the checklist."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import uuid4

import httpx
import pytest

from tests.contracts.batches import (
    FILES,
    SESSIONS,
    coherent,
    counts,
    ended_session,
    field,
    file,
    listed,
    multipart,
    photos,
    send_batch,
    session,
    unfinished,
)
from tests.contracts.photos import encoded, photo, undecodable
from tests.contracts.shapes import (
    DETAIL,
    SESSION,
    SESSION_LIST,
    SESSION_RESULTS,
    TERMINAL,
    TRIGGER,
    brief,
    expect,
    expect_error,
)
from tests.running import upload, wait_for, wait_until_processed

OPEN = {"pending", "processing"}


def _results(client, session_id, **parameters):
    body = expect(client.get(f"{SESSIONS}/{session_id}/results", params=parameters), SESSION_RESULTS)
    assert body["session_id"] == session_id
    summary = body["summary"]
    assert summary["completed"] + summary["failed"] + summary["skipped"] <= summary["total_files"]
    return body


def _cancel(client, session_id):
    return client.post(f"{SESSIONS}/{session_id}/cancel")


def _list(client, **parameters):
    return expect(client.get(SESSIONS, params=parameters), SESSION_LIST)


def _text_picture():
    """A picture with a word that can be read, large enough to keep a worker for a while."""
    from PIL import Image, ImageDraw

    picture = Image.effect_noise((900, 600), 20).convert("RGB")
    ImageDraw.Draw(picture).text((100, 250), "HARBOUR", fill=(250, 250, 250), font_size=90)
    return encoded(picture)


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
    body = send_batch(client, *[_text_picture() for _ in range(3)], *photos(4))
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
    body = send_batch(client, _text_picture(), auto_describe="true")
    state = ended_session(client, body["session_id"])
    detail = client.get(f"{FILES}/{body['immediate_results'][0]['image_id']}").json()
    assert (state["status"], detail["description_status"]) == ("completed", "completed")
    assert detail["upload_description"]
    assert state["recent_completions"][0]["description"] == detail["upload_description"][:100]
    item = _results(client, body["session_id"])["results"][0]
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
    earlier, data = photo(), _text_picture()
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
    assert _results(client, body["session_id"])["summary"] == {
        "total_files": 3,
        "completed": 1,
        "failed": 1,
        "skipped": 1,
    }


def test_a_duplicate_of_a_file_still_in_work_never_changes(client):
    """A session that ended with a duplicate stays as it was when that file is described later."""
    data = _text_picture()
    known = upload(client, data)["image_id"]
    body = send_batch(client, data, skip_duplicates="true")
    before = ended_session(client, body["session_id"])
    assert counts(before) == (0, 0, 1, 0)
    wait_until_processed(client, known, described=True)
    assert session(client, body["session_id"]) == before


def test_results_are_in_the_order_sent(mixed):
    """Ended files in the order sent, with links and tags, and a summary of all of them."""
    client, body = mixed
    page = _results(client, body["session_id"])
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
    page = _results(client, body["session_id"], include_failed="false")
    assert [item["filename"] for item in page["results"]] == ["a.jpg", "c.jpg", "e.jpg"]
    assert (page["total_count"], page["has_more"]) == (3, False)
    assert page["summary"] == {"total_files": 4, "completed": 2, "failed": 1, "skipped": 1}
    assert _results(client, body["session_id"], include_failed="true")["total_count"] == 4


@pytest.mark.parametrize("include_failed", ["true", "false"])
def test_results_page_by_page(mixed, include_failed):
    """Pages of one yield every file once; only the last says there is no more; beyond it there is nothing."""
    client, body = mixed
    whole = _results(client, body["session_id"], include_failed=include_failed)["results"]
    pages = [
        _results(client, body["session_id"], include_failed=include_failed, offset=place, limit=1)
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
    page = _results(idle_client, body["session_id"])
    assert [(item["filename"], item["status"]) for item in page["results"]] == [("photo2.jpg", "skipped")]
    assert page["summary"] == {"total_files": 3, "completed": 0, "failed": 0, "skipped": 1}


def test_results_of_deleted_files(client):
    """A file that was deleted later keeps its place in the results."""
    body = send_batch(client, *photos(2))
    ended_session(client, body["session_id"])
    client.delete(f"{FILES}/{body['immediate_results'][0]['image_id']}")
    page = _results(client, body["session_id"])
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
    assert _results(client, body["session_id"], limit="500", offset="99999")["results"] == []


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
    assert _list(client) == {"sessions": [], "total_count": 0, "offset": 0, "limit": 20, "has_more": False}
    made = [send_batch(client, *files)["session_id"] for files in (photos(1), photos(2), [undecodable()])]
    ends = {session_id: ended_session(client, session_id) for session_id in made}
    page = _list(client)
    assert [entry["session_id"] for entry in page["sessions"]] == made[::-1]
    for entry in page["sessions"]:
        end = ends[entry["session_id"]]
        assert all(end[key] == value for key, value in entry.items() if key != "upload_method")
    assert [entry["status"] for entry in page["sessions"]] == ["failed", "completed", "completed"]


def test_the_list_is_filtered(client, idle_client):
    """By status and by method of upload; all sessions are streaming."""
    good, bad = send_batch(client, photo())["session_id"], send_batch(client, b"x")["session_id"]
    ended_session(client, good)
    assert [entry["session_id"] for entry in _list(client, status="completed")["sessions"]] == [good]
    assert [entry["session_id"] for entry in _list(client, status="failed")["sessions"]] == [bad]
    for word in ("pending", "uploading", "processing", "expired", "cancelled"):
        assert _list(client, status=word)["total_count"] == 0, word
    assert _list(client, upload_method="streaming")["total_count"] == 2
    assert _list(client, upload_method="presigned") == {
        "sessions": [], "total_count": 0, "offset": 0, "limit": 20, "has_more": False
    }  # fmt: skip
    assert _list(client, upload_method="streaming", status="failed")["total_count"] == 1
    waiting = send_batch(idle_client, photo())["session_id"]
    word = session(idle_client, waiting)["status"]
    assert word in OPEN
    assert [entry["session_id"] for entry in _list(idle_client, status=word)["sessions"]] == [waiting]
    assert _list(idle_client, status="completed")["total_count"] == 0


def test_the_list_page_by_page(client):
    """Pages of one yield every session once, with a constant total."""
    made = [send_batch(client, b"x")["session_id"] for _ in range(3)]
    pages = [_list(client, limit=1, offset=place) for place in range(4)]
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
    assert _list(client, limit="100")["limit"] == 100


def test_sessions_belong_to_their_tenant(client, new_client):
    """Nobody else sees a session in a list."""
    send_batch(client, photo())
    assert _list(new_client())["total_count"] == 0


# ----------------------------------------------------------------- cancel


def test_cancelling_drops_what_has_not_begun(idle_client):
    """Files stay stored, count as skipped with error "Cancelled", and their variants have failed."""
    data = photo()
    body = send_batch(idle_client, photo(), data, data, skip_duplicates="true")
    before = session(idle_client, body["session_id"])
    assert (before["status"], counts(before)) in [("pending", (0, 0, 1, 2)), ("processing", (0, 0, 1, 2))]
    assert before["progress_percentage"] == 33.3
    state = coherent(expect(_cancel(idle_client, body["session_id"]), SESSION))
    assert (state["status"], counts(state)) == ("cancelled", (0, 0, 3, 0))
    assert session(idle_client, body["session_id"]) == state
    page = _results(idle_client, body["session_id"])
    told = [(item["status"], item["error_message"]) for item in page["results"]]
    assert told == [("skipped", "Cancelled"), ("skipped", "Cancelled"), ("skipped", None)]
    assert page["summary"] == {"total_files": 3, "completed": 0, "failed": 0, "skipped": 3}
    stored = {item["image_id"] for item in body["immediate_results"]}
    assert listed(idle_client) == stored
    for file_id in stored:
        detail = expect(idle_client.get(f"{FILES}/{file_id}"), DETAIL)
        assert detail["variant_status"] == "failed"
        assert detail["description_status"] not in {"pending", "queued", "processing"}
        steps = {step["operation_type"]: step["status"] for step in detail["processing_history"]}
        assert steps["upload"] == "completed"
        assert steps["variants"] == "failed"
    assert [entry["session_id"] for entry in _list(idle_client, status="cancelled")["sessions"]] == [body["session_id"]]


def test_cancelling_ends_descriptions_too(idle_client):
    """A dropped file waits for no description any more."""
    body = send_batch(idle_client, photo(), auto_describe="true")
    expect(_cancel(idle_client, body["session_id"]), SESSION)
    detail = idle_client.get(f"{FILES}/{body['immediate_results'][0]['image_id']}").json()
    assert detail["description_status"] in {"skipped", "failed"}
    assert "pending" not in {step["status"] for step in detail["processing_history"]}


def test_a_cancelled_file_can_be_brought_back(idle_client):
    """trigger-variants starts a new run for a dropped file, and the session stays cancelled as it was."""
    body = send_batch(idle_client, photo())
    state = expect(_cancel(idle_client, body["session_id"]), SESSION)
    file_id = body["immediate_results"][0]["image_id"]
    expect(idle_client.post(f"{FILES}/{file_id}/trigger-variants"), TRIGGER)
    assert idle_client.get(f"{FILES}/{file_id}").json()["variant_status"] == "pending"
    assert session(idle_client, body["session_id"]) == state


def test_a_session_is_cancelled_once(idle_client):
    """A second cancel is 400 and changes nothing."""
    body = send_batch(idle_client, photo())
    state = expect(_cancel(idle_client, body["session_id"]), SESSION)
    expect_error(_cancel(idle_client, body["session_id"]), 400, "VALIDATION_ERROR")
    assert session(idle_client, body["session_id"]) == state


def test_cancels_at_once_succeed_once(idle):
    """Of cancels that arrive together exactly one is answered 200, the others 400."""
    key = idle.new_key()
    with idle.client(key) as client:
        body = send_batch(client, *photos(5))
    at_once = threading.Barrier(4)

    def cancel():
        with idle.client(key) as own:
            own.get(FILES)
            at_once.wait()
            return _cancel(own, body["session_id"]).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = [future.result() for future in [pool.submit(cancel) for _ in range(4)]]
    assert sorted(codes) == [200, 400, 400, 400]


def test_a_finished_session_cannot_be_cancelled(mixed, client):
    """Completed and failed sessions are 400 and stay as they are."""
    owner, body = mixed
    state = session(owner, body["session_id"])
    expect_error(_cancel(owner, body["session_id"]), 400, "VALIDATION_ERROR")
    assert session(owner, body["session_id"]) == state
    rejected = send_batch(client, b"x")
    expect_error(_cancel(client, rejected["session_id"]), 400, "VALIDATION_ERROR")
    assert session(client, rejected["session_id"])["status"] == "failed"


def test_cancelling_amid_the_work(client):
    """Whatever has begun or ended when the cancel comes, nothing of the session changes after it; finished files keep theirs."""
    for number in (3, 8):
        body = send_batch(client, *[_text_picture() for _ in range(number)], auto_describe="true")
        wait_for(lambda found=body: session(client, found["session_id"])["status"] != "pending", "nothing began")
        answer = _cancel(client, body["session_id"])
        if answer.status_code == 400:
            expect_error(answer, 400, "VALIDATION_ERROR")
            assert session(client, body["session_id"])["status"] in TERMINAL - {"cancelled"}
            continue
        state = coherent(expect(answer, SESSION))
        assert state["status"] == "cancelled"
        assert state["total_files"] == number
        results = _results(client, body["session_id"])["results"]
        for item in results:
            wait_until_processed(client, item["image_id"], described=True)
            if item["status"] == "completed":
                assert client.get(f"{FILES}/{item['image_id']}").json()["variant_status"] == "completed"
        assert session(client, body["session_id"]) == state
        assert [
            (item["status"], item["error_message"]) for item in _results(client, body["session_id"])["results"]
        ] == [(item["status"], item["error_message"]) for item in results]
        for item in results:
            if client.get(f"{FILES}/{item['image_id']}").json()["variant_status"] == "failed":
                assert client.post(f"{FILES}/{item['image_id']}/trigger-variants").status_code == 200
                found = wait_until_processed(client, item["image_id"], described=True)
                assert found["variant_status"] == "completed"
        assert session(client, body["session_id"]) == state


def test_cancelling_while_the_request_is_read(idle):
    """What arrives after the cancel, and fields that come then, change nothing of the session; the request is answered."""
    key, data = idle.new_key(), photo()
    sections = [field("auto_describe", "no"), file(data, "a.jpg"), file(data, "b.jpg"), file(photo(), "c.jpg")]
    whole = multipart(*sections, field("skip_duplicates", "yes"), field("tags", "late"))
    cut = whole.index(b"c.jpg") + 100
    with idle.client(key) as client, unfinished(idle, key, whole[:cut], len(whole)) as connection:
        wait_for(lambda: len(listed(client)) == 2, "the first files were not stored")
        session_id = _list(client)["sessions"][0]["session_id"]
        state = coherent(expect(_cancel(client, session_id), SESSION))
        assert state["status"] == "cancelled"
        assert counts(state) == (0, 0, 2, 0)
        results = _results(client, session_id)
        assert {item["error_message"] for item in results["results"]} == {"Cancelled"}
        connection.sendall(whole[cut:])
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        assert session(client, session_id) == state
        assert _results(client, session_id)["summary"] == results["summary"]
        assert [item["error_message"] for item in _results(client, session_id)["results"]] == ["Cancelled", "Cancelled"]
        assert len(listed(client)) <= 2


def test_deleted_files_do_not_hold_the_session_up(idle_client):
    """When every pending file is deleted, alone or in a batch, the session ends, and restoring one does not reopen it."""
    body = send_batch(idle_client, *photos(3))
    first, *others = [item["image_id"] for item in body["immediate_results"]]
    idle_client.delete(f"{FILES}/{first}")
    middle = session(idle_client, body["session_id"])
    assert (middle["total_files"], middle["pending_files"]) == (3, 2)
    idle_client.post(f"{FILES}/batch-delete", json={"file_ids": others})
    state = session(idle_client, body["session_id"])
    assert state["status"] in TERMINAL
    idle_client.post(f"{FILES}/{first}/restore")
    assert session(idle_client, body["session_id"]) == state
    expect_error(_cancel(idle_client, body["session_id"]), 400, "VALIDATION_ERROR")


def test_deleting_and_cancelling_amid_the_work(server):
    """Files that are deleted while a worker makes them and the session is cancelled leave a session that ends and sums."""
    key = server.new_key()
    with server.client(key) as client:
        for _ in range(3):
            body = send_batch(client, *photos(5))
            ids = [item["image_id"] for item in body["immediate_results"]]
            at_once = threading.Barrier(3)

            def delete(chosen, gate=at_once):
                with server.client(key) as own:
                    gate.wait()
                    return [own.delete(f"{FILES}/{file_id}").status_code for file_id in chosen]

            def cancel(found=body, gate=at_once):
                with server.client(key) as own:
                    gate.wait()
                    return [_cancel(own, found["session_id"]).status_code]

            with ThreadPoolExecutor(3) as pool:
                work = [pool.submit(delete, ids[::-2]), pool.submit(delete, ids[1::2]), pool.submit(cancel)]
                codes = [code for future in work for code in future.result()]
            assert codes[:-1] == [200] * 5
            assert codes[-1] in {200, 400}
            end = ended_session(client, body["session_id"])
            assert end["total_files"] == 5
            for file_id in ids:
                assert client.get(f"{FILES}/{file_id}").status_code == 404
            assert session(client, body["session_id"]) == end
