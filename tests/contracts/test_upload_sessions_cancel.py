"""Cancelling a batch, and deleting files that still wait: section 7.5, point 33 of the checklist."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.contracts.batches import (
    FILES,
    cancel,
    coherent,
    counts,
    ended_session,
    field,
    file,
    listed,
    multipart,
    photos,
    results,
    send_batch,
    session,
    sessions,
    unfinished,
)
from tests.contracts.photos import photo, with_text
from tests.contracts.session_shapes import SESSION, TERMINAL
from tests.contracts.shapes import DETAIL, TRIGGER, expect, expect_error
from tests.running import wait_for, wait_until_processed

OPEN = {"pending", "processing"}


def test_cancelling_drops_what_has_not_begun(idle_client):
    """Files stay stored, count as skipped with error "Cancelled", and their variants have failed."""
    data = photo()
    body = send_batch(idle_client, photo(), data, data, skip_duplicates="true")
    before = session(idle_client, body["session_id"])
    assert (before["status"], counts(before)) in [("pending", (0, 0, 1, 2)), ("processing", (0, 0, 1, 2))]
    assert before["progress_percentage"] == 33.3
    state = coherent(expect(cancel(idle_client, body["session_id"]), SESSION))
    assert (state["status"], counts(state)) == ("cancelled", (0, 0, 3, 0))
    assert session(idle_client, body["session_id"]) == state
    page = results(idle_client, body["session_id"])
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
    assert [entry["session_id"] for entry in sessions(idle_client, status="cancelled")["sessions"]] == [
        body["session_id"]
    ]


def test_cancelling_ends_descriptions_too(idle_client):
    """A dropped file waits for no description any more."""
    body = send_batch(idle_client, photo(), auto_describe="true")
    expect(cancel(idle_client, body["session_id"]), SESSION)
    detail = idle_client.get(f"{FILES}/{body['immediate_results'][0]['image_id']}").json()
    assert detail["description_status"] in {"skipped", "failed"}
    assert "pending" not in {step["status"] for step in detail["processing_history"]}


def test_a_cancelled_file_can_be_brought_back(idle_client):
    """trigger-variants starts a new run for a dropped file, and the session stays cancelled as it was."""
    body = send_batch(idle_client, photo())
    state = expect(cancel(idle_client, body["session_id"]), SESSION)
    file_id = body["immediate_results"][0]["image_id"]
    expect(idle_client.post(f"{FILES}/{file_id}/trigger-variants"), TRIGGER)
    assert idle_client.get(f"{FILES}/{file_id}").json()["variant_status"] == "pending"
    assert session(idle_client, body["session_id"]) == state


def test_a_session_is_cancelled_once(idle_client):
    """A second cancel is 400 and changes nothing."""
    body = send_batch(idle_client, photo())
    state = expect(cancel(idle_client, body["session_id"]), SESSION)
    expect_error(cancel(idle_client, body["session_id"]), 400, "VALIDATION_ERROR")
    assert session(idle_client, body["session_id"]) == state


def test_cancels_at_once_succeed_once(idle):
    """Of cancels that arrive together exactly one is answered 200, the others 400."""
    key = idle.new_key()
    with idle.client(key) as client:
        body = send_batch(client, *photos(5))
    at_once = threading.Barrier(4)

    def send():
        with idle.client(key) as own:
            own.get(FILES)
            at_once.wait()
            return cancel(own, body["session_id"]).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = [future.result() for future in [pool.submit(send) for _ in range(4)]]
    assert sorted(codes) == [200, 400, 400, 400]


def test_a_finished_session_cannot_be_cancelled(client):
    """Completed and failed sessions are 400 and stay as they are."""
    body = send_batch(client, photo())
    state = ended_session(client, body["session_id"])
    expect_error(cancel(client, body["session_id"]), 400, "VALIDATION_ERROR")
    assert session(client, body["session_id"]) == state
    rejected = send_batch(client, b"x")
    expect_error(cancel(client, rejected["session_id"]), 400, "VALIDATION_ERROR")
    assert session(client, rejected["session_id"])["status"] == "failed"


def test_cancelling_amid_the_work(client):
    """Whatever has begun or ended when the cancel comes, nothing of the session changes after it; finished files keep theirs."""
    for number in (3, 8):
        body = send_batch(client, *[with_text() for _ in range(number)], auto_describe="true")
        wait_for(lambda found=body: session(client, found["session_id"])["status"] != "pending", "nothing began")
        answer = cancel(client, body["session_id"])
        if answer.status_code == 400:
            expect_error(answer, 400, "VALIDATION_ERROR")
            assert session(client, body["session_id"])["status"] in TERMINAL - {"cancelled"}
            continue
        state = coherent(expect(answer, SESSION))
        assert state["status"] == "cancelled"
        assert state["total_files"] == number
        kept = results(client, body["session_id"])["results"]
        for item in kept:
            wait_until_processed(client, item["image_id"], described=True)
            if item["status"] == "completed":
                assert client.get(f"{FILES}/{item['image_id']}").json()["variant_status"] == "completed"
        assert session(client, body["session_id"]) == state
        assert [(item["status"], item["error_message"]) for item in results(client, body["session_id"])["results"]] == [
            (item["status"], item["error_message"]) for item in kept
        ]
        for item in kept:
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
        session_id = sessions(client)["sessions"][0]["session_id"]
        state = coherent(expect(cancel(client, session_id), SESSION))
        assert state["status"] == "cancelled"
        assert counts(state) == (0, 0, 2, 0)
        told = results(client, session_id)
        assert {item["error_message"] for item in told["results"]} == {"Cancelled"}
        connection.sendall(whole[cut:])
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        assert session(client, session_id) == state
        assert results(client, session_id)["summary"] == told["summary"]
        assert [item["error_message"] for item in results(client, session_id)["results"]] == ["Cancelled", "Cancelled"]
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
    expect_error(cancel(idle_client, body["session_id"]), 400, "VALIDATION_ERROR")


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

            def stop(found=body, gate=at_once):
                with server.client(key) as own:
                    gate.wait()
                    return [cancel(own, found["session_id"]).status_code]

            with ThreadPoolExecutor(3) as pool:
                work = [pool.submit(delete, ids[::-2]), pool.submit(delete, ids[1::2]), pool.submit(stop)]
                codes = [code for future in work for code in future.result()]
            assert codes[:-1] == [200] * 5
            assert codes[-1] in {200, 400}
            end = ended_session(client, body["session_id"])
            assert end["total_files"] == 5
            for file_id in ids:
                assert client.get(f"{FILES}/{file_id}").status_code == 404
            assert session(client, body["session_id"]) == end
