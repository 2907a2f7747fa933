"""What became of one upload, and which uploads are stuck: sections 7.7 and 7.8, point 34 of the checklist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from tests.contracts.batches import FILES, ended_session, send_batch
from tests.contracts.file_links import NOWHERE, save
from tests.contracts.photos import photo, undecodable
from tests.contracts.planting import alter
from tests.contracts.session_shapes import STUCK_UPLOADS, UPLOAD_STATUS
from tests.contracts.shapes import CONFIRM, INITIATE, TRIGGER, brief, expect, expect_error
from tests.running import upload, wait_for, wait_until_processed

STATUS, STUCK = "/api/v2/uploads/status", "/api/v2/uploads/stuck-uploads"
FORM = {"filename": "pier.jpg", "content_type": "image/jpeg", "size_bytes": "1000", "auto_describe": "false"}


def _status(client, file_id):
    body = expect(client.get(f"{STATUS}/{file_id}"), UPLOAD_STATUS)
    assert body["image_id"] == file_id
    assert body["is_terminal"] == (body["unified_status"] in {"completed", "partially_completed", "failed"})
    assert not (body["is_stuck"] and body["is_terminal"])
    if body["unified_status"] == "completed":
        assert body["completed_at"] is not None
    if not body["is_terminal"]:
        assert body["completed_at"] is None
    return body


def _parts(body):
    """(upload, variants, description, intent) of a status."""
    words = ("upload_status", "variant_status", "description_status", "upload_intent_status")
    return tuple(body["component_statuses"][word] for word in words)


def _initiate(client):
    return expect(client.post(f"{FILES}/upload/initiate", data=FORM), INITIATE)


def _confirm(client, made, size):
    body = {"object_key": made["object_key"], "image_id": made["image_id"], "size_bytes": size}
    return expect(client.post(f"{FILES}/upload/confirm", json=body), CONFIRM)


def _upload(client, data=None, **fields):
    return upload(client, data or photo(), **{"auto_describe": "false", **fields})["image_id"]


def _stuck(client, **parameters):
    return expect(client.get(STUCK, params=parameters), STUCK_UPLOADS)


def _age(server, file_id, minutes):
    """Let everything that is known of a file be that much older."""
    earlier = f"- interval '{minutes} minutes'"
    alter(
        server,
        f"UPDATE asset SET created_at = created_at {earlier}, updated_at = updated_at {earlier} WHERE id = %s",
        file_id,
    )
    with psycopg.connect(server.database_url()) as connection:
        steps = f"UPDATE operation SET created_at = created_at {earlier}, completed_at = completed_at {earlier}"
        connection.execute(f"{steps} WHERE asset_id = %s", [file_id])
        connection.execute(
            f"UPDATE upload_session_file SET created_at = created_at {earlier} WHERE asset_id = %s", [file_id]
        )


def test_a_presigned_upload_from_beginning_to_end(client, browser):
    """uploading, confirming, then queued or processing, completed: the states of an upload in two steps, in this order."""
    data = photo(600, 400)
    made = _initiate(client)
    state = _status(client, made["image_id"])
    assert (state["unified_status"], _parts(state)) == ("uploading", ("pending", None, None, "pending"))
    assert state["tenant_id"] == made["object_key"].split("/")[1]
    assert (state["batch_id"], state["task_intent_ids"], state["error_message"]) == (None, [], None)
    assert browser.put(made["upload_url"], content=data).status_code == 200
    state = _status(client, made["image_id"])
    assert state["unified_status"] == "confirming"
    assert _parts(state)[3] == "pending"
    _confirm(client, made, len(data))
    words = []

    def done():
        found = _status(client, made["image_id"])
        words.append(found["unified_status"])
        assert _parts(found)[0] == "completed"
        assert _parts(found)[3] == "confirmed"
        return found if found["is_terminal"] else None

    state = wait_for(done, "the upload did not end")
    order = ["queued", "processing", "completed"]
    assert words == sorted(words, key=order.index)
    assert _parts(state) == ("completed", "completed", "skipped", "confirmed")
    assert state["error_message"] is state["last_error_at"] is None
    assert datetime.fromisoformat(state["created_at"]) <= datetime.fromisoformat(state["completed_at"])
    assert state["processing_duration_seconds"] is None or state["processing_duration_seconds"] >= 0


def test_nothing_has_begun_without_a_worker(idle_client, browser):
    """A stored file nobody works on is queued, however it came; it is neither over nor stuck."""
    data = photo()
    made = _initiate(idle_client)
    assert browser.put(made["upload_url"], content=data).status_code == 200
    _confirm(idle_client, made, len(data))
    streamed = _upload(idle_client)
    for file_id, intent in ((made["image_id"], "confirmed"), (streamed, None)):
        state = _status(idle_client, file_id)
        assert (state["unified_status"], state["is_terminal"], state["is_stuck"]) == ("queued", False, False)
        assert _parts(state) == ("completed", "pending", "skipped", intent)


def test_a_streamed_file(client):
    """A streamed file has no intent and no batch; when all its parts have ended it is completed."""
    described = _upload(client, auto_describe="true")
    wait_until_processed(client, described, described=True)
    state = _status(client, described)
    assert (state["unified_status"], state["batch_id"]) == ("completed", None)
    assert _parts(state) == ("completed", "completed", "completed", None)
    assert _status(client, _upload(client))["batch_id"] is None


def test_a_file_of_a_batch_names_its_session(client):
    """`batch_id` is the session that brought the file, also when a later one skipped it as a duplicate."""
    data = photo()
    body = send_batch(client, data)
    file_id = body["immediate_results"][0]["image_id"]
    assert _status(client, file_id)["batch_id"] == body["session_id"]
    send_batch(client, data, skip_duplicates="true")
    assert _status(client, file_id)["batch_id"] == body["session_id"]
    ended_session(client, body["session_id"])
    assert _status(client, file_id)["unified_status"] == "completed"


def test_a_broken_picture(client):
    """Variants that cannot be made are a failure that is told, and an end; another run makes the upload go on."""
    file_id = _upload(client, undecodable())
    wait_until_processed(client, file_id)
    state = _status(client, file_id)
    assert state["unified_status"] in {"failed", "partially_completed"}
    assert (state["is_terminal"], _parts(state)[:2]) == (True, ("completed", "failed"))
    assert state["error_message"]
    assert state["last_error_at"] is not None
    # It cannot be described either.
    undescribed = _upload(client, undecodable(), auto_describe="true")
    wait_until_processed(client, undescribed, described=True)
    assert _status(client, undescribed)["unified_status"] in {"failed", "partially_completed"}


def test_some_parts_failed(server, client):
    """A picture whose description alone failed is partially completed."""
    file_id = _upload(client, auto_describe="true")
    wait_until_processed(client, file_id, described=True)
    alter(
        server,
        "UPDATE asset SET description_status = 'failed', description_error = 'the model was away' WHERE id = %s",
        file_id,
    )
    state = _status(client, file_id)
    assert (state["unified_status"], state["error_message"]) == ("partially_completed", "the model was away")
    assert _parts(state) == ("completed", "completed", "failed", None)


def test_work_that_runs_is_processing(server, client):
    """A file some of whose parts have begun is processing, and again queued or processing when triggered anew."""
    file_id = _upload(client)
    wait_until_processed(client, file_id)
    alter(server, "UPDATE asset SET variant_status = 'processing' WHERE id = %s", file_id)
    state = _status(client, file_id)
    assert (state["unified_status"], _parts(state)[1]) == ("processing", "processing")
    alter(server, "UPDATE asset SET variant_status = 'completed' WHERE id = %s", file_id)
    assert _status(client, file_id)["unified_status"] == "completed"


def test_a_second_run_is_work_again(idle_client, idle):
    """A completed file whose variants are made again is not terminal meanwhile."""
    file_id = _upload(idle_client)
    alter(idle, "UPDATE asset SET variant_status = 'completed' WHERE id = %s", file_id)
    assert _status(idle_client, file_id)["unified_status"] == "completed"
    expect(idle_client.post(f"{FILES}/{file_id}/trigger-variants"), TRIGGER)
    assert _status(idle_client, file_id)["unified_status"] in {"queued", "processing"}


def test_a_link_is_followed_by_its_crawl(idle_client, idle):
    """Queued until it was crawled, then completed, or failed with the reason; one that nobody asks to crawl is complete."""
    assert _status(idle_client, save(idle_client, NOWHERE, auto_crawl=False)["id"])["unified_status"] == "completed"
    made = save(idle_client, f"{NOWHERE}pier")["id"]
    assert _status(idle_client, made)["unified_status"] == "queued"
    for state, reason in (("processing", None), ("completed", None), ("failed", "nobody answers")):
        alter(
            idle,
            "UPDATE operation SET status = %s, error_message = %s WHERE asset_id = %s AND type = 'crawl'",
            state,
            reason,
            made,
        )
        found = _status(idle_client, made)
        assert (found["unified_status"], found["error_message"]) == (state, reason)


def test_an_expired_upload_has_failed(narrow_client):
    """An upload that was never confirmed has failed once its time is over, with or without bytes."""
    made = [_initiate(narrow_client) for _ in range(2)]
    with narrow_client.__class__(verify=False) as anybody:
        put = anybody.put(made[1]["upload_url"], content=photo())
    assert put.status_code in {200, 410}  # its second may be over already
    last = max(datetime.fromisoformat(one["expires_at"]) for one in made)
    wait_for(lambda: datetime.now(UTC) > last + timedelta(seconds=1), "the time did not pass")
    for one in made:
        state = _status(narrow_client, one["image_id"])
        assert (state["unified_status"], state["is_terminal"]) == ("failed", True)
        assert _parts(state)[3] == "expired"


def test_deleted_and_unknown_files(client, new_client):
    """A deleted file, an unknown id and another tenant's are 404, a malformed id 422; letters may be in any case."""
    file_id = _upload(client)
    assert client.get(f"{STATUS}/{file_id.upper()}").json()["image_id"] == file_id
    expect_error(new_client().get(f"{STATUS}/{file_id}"), 404, "NOT_FOUND")
    client.delete(f"{FILES}/{file_id}")
    expect_error(client.get(f"{STATUS}/{file_id}"), 404, "NOT_FOUND")
    expect_error(client.get(f"{STATUS}/{uuid4()}"), 404, "NOT_FOUND")
    expect_error(client.get(f"{STATUS}/{file_id[:8]}"), 422, "VALIDATION_ERROR")
    announced = _initiate(client)["image_id"]
    expect_error(new_client().get(f"{STATUS}/{announced}"), 404, "NOT_FOUND")


def test_stuck_uploads_honour_the_minutes(idle, idle_client):
    """Unfinished files untouched for that long are found, oldest first, each `is_stuck`; 30 minutes if none are said."""
    oldest, older, young = [_upload(idle_client) for _ in range(3)]
    in_batch = send_batch(idle_client, photo())["immediate_results"][0]["image_id"]
    for file_id, minutes in ((oldest, 300), (older, 45), (in_batch, 100), (young, 10)):
        _age(idle, file_id, minutes)
    for parameters, expected in (
        ({}, [oldest, in_batch, older]),
        ({"stuck_minutes": 5}, [oldest, in_batch, older, young]),
        ({"stuck_minutes": 44}, [oldest, in_batch, older]),
        ({"stuck_minutes": 46}, [oldest, in_batch]),
        ({"stuck_minutes": 301}, []),
    ):
        found = _stuck(idle_client, **parameters)
        assert [image["image_id"] for image in found["images"]] == expected, parameters
        assert found["stuck_count"] == len(expected)
        assert all(image["is_stuck"] and not image["is_terminal"] for image in found["images"])
        updates = [datetime.fromisoformat(image["last_updated_at"]) for image in found["images"]]
        assert updates == sorted(updates)
    one = _stuck(idle_client, limit=1)
    assert (one["stuck_count"], [image["image_id"] for image in one["images"]]) == (3, [oldest])
    assert [_status(idle_client, file_id)["is_stuck"] for file_id in (oldest, older, young)] == [True, True, False]


def test_an_old_file_that_was_touched_is_not_stuck(idle, idle_client):
    """What counts is the last thing that happened to a file, not its age."""
    file_id = _upload(idle_client)
    _age(idle, file_id, 300)
    assert _stuck(idle_client)["stuck_count"] == 1
    alter(idle, "UPDATE asset SET variant_status = 'completed' WHERE id = %s", file_id)
    expect(idle_client.post(f"{FILES}/{file_id}/trigger-variants"), TRIGGER)
    assert _stuck(idle_client) == {"stuck_count": 0, "images": []}
    assert _status(idle_client, file_id)["is_stuck"] is False


def test_what_is_over_is_not_stuck(client, server, new_client):
    """Finished, failed and deleted files are never stuck, and nobody sees another tenant's."""
    finished, broken, gone = _upload(client), _upload(client, undecodable()), _upload(client)
    for file_id in (finished, broken, gone):
        wait_until_processed(client, file_id)
        _age(server, file_id, 100)
    alter(server, "UPDATE asset SET variant_status = 'pending', deleted_at = now() WHERE id = %s", gone)
    assert _stuck(client) == {"stuck_count": 0, "images": []}
    stranger = new_client()
    theirs = _upload(stranger)
    wait_until_processed(stranger, theirs)
    _age(server, theirs, 61)
    # Not "pending": that would be queued again, and be over, before anybody looks.
    alter(server, "UPDATE asset SET variant_status = 'processing' WHERE id = %s", theirs)
    assert _stuck(client, stuck_minutes=1) == {"stuck_count": 0, "images": []}


@pytest.mark.parametrize(
    "parameters",
    [
        {"stuck_minutes": "0"},
        {"stuck_minutes": "-1"},
        {"stuck_minutes": "1.5"},
        {"stuck_minutes": "soon"},
        {"stuck_minutes": ""},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
    ],
    ids=brief,
)
def test_stuck_uploads_refuse_bad_parameters(client, parameters):
    """Each parameter out of its bounds is 422 and names itself; the bounds themselves are allowed."""
    answer = client.get(STUCK, params=parameters)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"] == f"query.{next(iter(parameters))}"
    assert _stuck(client, stuck_minutes=1, limit=500) == {"stuck_count": 0, "images": []}


@pytest.mark.parametrize("minutes", ["100000000", "9" * 12, "9" * 30])
def test_any_number_of_minutes_is_answered(client, minutes):
    """However long the time, the answer is an empty list or a refusal, never a fault."""
    answer = client.get(STUCK, params={"stuck_minutes": minutes})
    if answer.status_code == 200:
        assert expect(answer, STUCK_UPLOADS)["stuck_count"] == 0
    else:
        expect_error(answer, 422, "VALIDATION_ERROR")
