"""Videos in chunks, from announcement to file: section 12, point 40 of the checklist."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.contracts.chunked import (
    ABORTED,
    BATCH,
    CHUNK_BYTES,
    COMPLETED,
    CONFIRMED,
    INITIATED,
    RETRIED,
    VIDEOS,
    Sending,
)
from tests.contracts.photos import photo
from tests.contracts.shapes import brief, expect, expect_error
from tests.small_film import small_film

FILES = "/api/v2/user-files"
BODY = {"filename": "pier.mp4", "content_type": "video/mp4", "size_bytes": 10_000}


@pytest.fixture
def client(cutter_client):
    """A client of the server with small chunks."""
    return cutter_client


@pytest.fixture(scope="module")
def film():
    """A film of several chunks."""
    return small_film()


def _listed(client):
    return {item["id"]: item for item in client.get(FILES).json()["files"]}


# --------------------------------------------------------------- initiate


def test_initiate_announces_chunks_of_one_size_but_for_the_last(client):
    """201 with all keys; numbers count from 1, sizes add up, a day's time, and the place the file will have."""
    before = datetime.now(UTC)
    made = expect(client.post(f"{VIDEOS}/initiate", json=BODY), INITIATED, 201)
    assert [chunk["chunk_number"] for chunk in made["chunks"]] == [1, 2, 3]
    assert [chunk["size_bytes"] for chunk in made["chunks"]] == [CHUNK_BYTES, CHUNK_BYTES, 2_000]
    assert (made["total_chunks"], made["chunk_size_bytes"]) == (3, CHUNK_BYTES)
    lifetime = datetime.fromisoformat(made["expires_at"]) - before
    assert timedelta(hours=23, minutes=59) < lifetime <= timedelta(hours=24, seconds=5)
    assert {chunk["expires_at"] for chunk in made["chunks"]} == {made["expires_at"]}
    assert made["storage_path"].endswith(f"/{made['media_id']}/pier.mp4")
    assert made["media_id"] not in _listed(client)
    expect_error(client.get(f"{FILES}/{made['media_id']}"), 404)


def test_without_settings_a_chunk_has_ten_mebibytes(server):
    """The server's choice, and the default limit of 4 GiB is accepted to the byte."""
    with server.client(server.new_key()) as client:
        made = expect(client.post(f"{VIDEOS}/initiate", json=BODY | {"size_bytes": 4 << 30}), INITIATED, 201)
        assert (made["chunk_size_bytes"], made["total_chunks"]) == (10 << 20, 410)
        assert sum(chunk["size_bytes"] for chunk in made["chunks"]) == 4 << 30
        answer = client.post(f"{VIDEOS}/initiate", json=BODY | {"size_bytes": (4 << 30) + 1})
        expect_error(answer, 413, "PAYLOAD_TOO_LARGE")


def test_there_are_never_more_than_ten_thousand_chunks(client):
    """Chunks grow with the file."""
    made = expect(client.post(f"{VIDEOS}/initiate", json=BODY | {"size_bytes": 60_000_001}), INITIATED, 201)
    assert made["total_chunks"] == len(made["chunks"]) <= 10_000
    assert made["chunk_size_bytes"] > CHUNK_BYTES
    assert sum(chunk["size_bytes"] for chunk in made["chunks"]) == 60_000_001


@pytest.mark.parametrize(
    "change",
    [
        {"filename": ""},
        {"filename": "x" * 256},
        {"filename": None},
        {"content_type": "image/jpeg"},
        {"content_type": "video/x-matroska"},
        {"size_bytes": 0},
        {"size_bytes": "10000"},
        {"size_bytes": 1.5},
        {"title": "x" * 256},
        {"tags": [str(number) for number in range(21)]},
        {"tags": ["x" * 51]},
        {"tags": "a,b"},
        {"metadata": {"a": 1}},
        {"metadata": ["a"]},
        {"metadata": {"a": "x" * 70_000}},
    ],
    ids=brief,
)
def test_initiate_refuses_bad_values(client, change):
    """Each value is checked, and the answer names it; the same in a batch, of which nothing is announced then."""
    answer = client.post(f"{VIDEOS}/initiate", json=BODY | change)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert next(iter(change)) in answer.json()["error"]["details"]["field"]
    expect_error(client.post(f"{VIDEOS}/batch/initiate", json={"videos": [BODY, BODY | change]}), 422)


@pytest.mark.parametrize("key", BODY)
def test_initiate_needs_its_keys(client, key):
    """A missing key is 422."""
    expect_error(client.post(f"{VIDEOS}/initiate", json={k: v for k, v in BODY.items() if k != key}), 422)


@pytest.mark.parametrize(
    "content_type", ["video/mp4", "video/quicktime", "video/x-m4v", "video/webm", "video/x-msvideo"]
)
def test_initiate_takes_the_five_types(client, content_type):
    """Twenty tags, a title of 255 characters and a map of strings are taken as well."""
    full = {
        "title": "x" * 255,
        "tags": [f"{n}" for n in range(20)],
        "metadata": {"a": "b"},
        "content_type": content_type,
    }
    expect(client.post(f"{VIDEOS}/initiate", json=BODY | full), INITIATED, 201)


def test_a_batch_announces_several(client):
    """In the order sent, with their sizes summed up."""
    videos = [BODY | {"filename": f"{n}.mp4", "size_bytes": 1000 * n} for n in range(1, 11)]
    body = {"videos": videos, "processing_priority": "high", "auto_process": False}
    made = expect(client.post(f"{VIDEOS}/batch/initiate", json=body), BATCH, 201)
    assert [video["storage_path"].rpartition("/")[2] for video in made["videos"]] == [v["filename"] for v in videos]
    assert (made["total_videos"], made["total_size_bytes"]) == (10, 55_000)
    assert made["processing_priority"] == "high"
    assert len({video["media_id"] for video in made["videos"]}) == 10


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"videos": []}, 422),
        ({"videos": [BODY] * 11}, 422),
        ({}, 422),
        ({"videos": [BODY], "processing_priority": "urgent"}, 422),
        ({"videos": [BODY], "auto_process": "perhaps"}, 422),
        ({"videos": [BODY, BODY | {"size_bytes": 1 << 40}]}, 413),
    ],
    ids=brief,
)
def test_a_batch_is_refused_as_a_whole(client, body, status):
    """One video that is too large, too many of them, or none."""
    expect_error(client.post(f"{VIDEOS}/batch/initiate", json=body), status)
    assert client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json()["current_usage"] == 0


# --------------------------------------------------------------- the whole way


def test_the_whole_way_gives_the_same_bytes(client, film, browser):
    """Put without a token, confirmed, completed: a file like any other, with what was announced of it."""
    sending = Sending.begin(client, film, title=" Pier ", tags=["b", " a", "b"], metadata={"camera": "7"})
    assert len(sending.numbers) > 2
    for number in sending.numbers:
        put = sending.put(number)
        assert (put.status_code, put.content) == (200, b"")
        assert put.headers["etag"].strip('"') != put.headers["etag"]
        confirmed = expect(sending.confirm(number, put.headers["etag"]), CONFIRMED)
        assert (confirmed["chunk_number"], confirmed["chunks_completed"]) == (number, number)
        assert confirmed["total_chunks"] == len(sending.numbers)
    assert confirmed["progress_percent"] == 100
    assert confirmed["estimated_time_remaining"] == 0
    assert sending.id not in _listed(client)

    done = expect(sending.complete(duration_seconds=99.0), COMPLETED)

    assert done["media_id"] == sending.id
    assert done["metadata"] == {
        "duration_seconds": pytest.approx(1.0, abs=0.2),
        "resolution": "64x48",
        "width": 64,
        "height": 48,
        "frame_rate": pytest.approx(10, abs=0.5),
        "video_codec": "mpeg4",
        "audio_codec": None,
        "bitrate_kbps": done["metadata"]["bitrate_kbps"],
        "file_size_bytes": len(film),
        "format_name": "mp4",
    }
    assert done["metadata"]["bitrate_kbps"] > 0
    assert (done["analysis_job_id"], done["thumbnail_url"]) == (None, None)
    detail = client.get(f"{FILES}/{sending.id}").json()
    assert (detail["title"], detail["tags"], detail["size_bytes"]) == ("Pier", ["b", "a"], len(film))
    assert (detail["media_type"], detail["content_type"], detail["upload_method"]) == ("video", "video/mp4", "CHUNKED")
    assert detail["object_key"] == sending.made["storage_path"]
    assert detail["hash"] == f"sha256:{hashlib.sha256(film).hexdigest()}"
    assert detail["created_at"] == done["created_at"]
    assert sending.id in _listed(client)
    link = client.get(f"{FILES}/{sending.id}/download").headers["location"]
    assert browser.get(link).content == film


def test_a_repeated_complete_answers_the_same_and_starts_nothing(client, film):
    """Twice in a row, and with other wishes: the answer of the first time, one file, one analysis."""
    sending = Sending.begin(client, film)
    sending.send()
    done = expect(sending.complete(auto_analyze=True), COMPLETED)
    assert done["analysis_job_id"] is not None
    assert done["processing_status"] == "queued"
    history = client.get(f"{FILES}/{sending.id}").json()["processing_history"]
    assert expect(sending.complete(auto_analyze=True), COMPLETED) == done
    assert expect(sending.complete(auto_analyze=False, duration_seconds=3), COMPLETED) == done
    assert client.get(f"{FILES}/{sending.id}").json()["processing_history"] == history
    assert list(_listed(client)) == [sending.id]


def test_completes_at_once_make_one_file(client, film):
    """All answer the same."""
    sending = Sending.begin(client, film)
    sending.send()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: sending.complete(auto_analyze=True), range(4)))
    bodies = [expect(answer, COMPLETED) for answer in answers]
    assert bodies == [bodies[0]] * 4
    assert list(_listed(client)) == [sending.id]
    steps = [step["operation_type"] for step in client.get(f"{FILES}/{sending.id}").json()["processing_history"]]
    assert len(steps) == len(set(steps))


def test_chunks_may_come_in_any_order_and_again(client, film):
    """The last one first, several at once, one twice with other bytes before: the file is what was put last."""
    sending = Sending.begin(client, film)
    sending.put(1, b"\0" * len(sending.part(1)))
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(sending.send, reversed(sending.numbers)))
    expect(sending.complete(), COMPLETED)
    assert client.get(f"{FILES}/{sending.id}").json()["hash"] == f"sha256:{hashlib.sha256(film).hexdigest()}"


@pytest.mark.parametrize(
    "change",
    [
        {"duration_seconds": 0},
        {"duration_seconds": -1},
        {"duration_seconds": "1"},
        {"duration_seconds": None},
        {"analysis_type": "everything"},
        {"auto_analyze": "perhaps"},
        {"media_id": "none"},
        {"upload_id": None},
    ],
    ids=brief,
)
def test_complete_refuses_bad_values(client, film, change):
    """Each value is checked before anything is done."""
    sending = Sending.begin(client, film)
    expect_error(sending.complete(**change), 422, "VALIDATION_ERROR")


def test_complete_accepts_what_it_does_not_need(client, film):
    """The client's own words on duration, provider and model change nothing."""
    sending = Sending.begin(client, film)
    sending.send()
    words = {"duration_extraction_failed": True, "analysis_provider": "x", "analysis_model": "y"}
    done = expect(sending.complete(**words, analysis_type="scene_detection"), COMPLETED)
    assert done["metadata"]["duration_seconds"] == pytest.approx(1.0, abs=0.2)


def test_a_file_that_was_deleted_is_no_upload_any_more(client, film):
    """Its complete, its progress and its abort know it no longer, or say that it is too late."""
    sending = Sending.begin(client, film)
    sending.send()
    expect(sending.complete(), COMPLETED)
    assert client.delete(f"{FILES}/{sending.id}").status_code == 200
    expect_error(sending.complete(), 404)
    expect_error(client.get(f"{VIDEOS}/progress/{sending.id}"), 404)


# --------------------------------------------------------------- refusals


def test_missing_and_unconfirmed_chunks_keep_an_upload_from_its_end(client, film):
    """409 until the last one is confirmed; nothing is lost by asking too early."""
    sending = Sending.begin(client, film)
    expect_error(sending.complete(), 409, "CONFLICT")
    first, *rest = sending.numbers
    sending.send(*rest)
    expect_error(sending.complete(), 409, "CONFLICT")
    put = sending.put(first)
    expect_error(sending.complete(), 409, "CONFLICT")
    expect(sending.confirm(first, put.headers["etag"]), CONFIRMED)
    expect(sending.complete(), COMPLETED)


@pytest.mark.parametrize("data", [photo(120, 90), b"no video at all, only words " * 400], ids=["photo", "words"])
def test_what_is_no_video_is_refused_and_its_bytes_are_deleted(client, data):
    """415, after which the upload has failed for good."""
    sending = Sending.begin(client, data)
    sending.send()
    expect_error(sending.complete(), 415, "UNSUPPORTED_MEDIA_TYPE")
    progress = sending.progress()
    assert (progress["status"], progress["bytes_uploaded"]) == ("failed", 0)
    expect_error(sending.complete(), 409, "CONFLICT")
    expect_error(sending.put(1), 409, "CONFLICT")
    expect_error(client.get(f"{FILES}/{sending.id}"), 404)
    status = client.get(f"/api/v2/uploads/status/{sending.id}").json()
    assert (status["unified_status"], status["is_terminal"]) == ("failed", True)
    assert status["error_message"]


def test_a_broken_video_is_no_accepted_video(client, film):
    """One that begins like a video and cannot be read is refused like any other file."""
    sending = Sending.begin(client, film[:32] + b"\xff" * 9_000)
    sending.send()
    expect_error(sending.complete(), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert sending.progress()["status"] == "failed"


@pytest.mark.parametrize("path", ["chunks/confirm", "chunks/retry", "abort", "complete"])
def test_ids_that_do_not_belong_together_lead_nowhere(client, film, path):
    """404 for unknown ids and for the id of one upload with that of another."""
    one, other = Sending.begin(client, film), Sending.begin(client, film)
    rest = {"chunk_number": 1, "etag": "x", "size_bytes": 1, "duration_seconds": 1}
    expect_error(one.post(path, **rest, upload_id=other.made["upload_id"]), 404, "NOT_FOUND")
    expect_error(one.post(path, **rest, media_id=other.id), 404, "NOT_FOUND")
    expect_error(one.post(path, **rest, media_id=str(uuid4())), 404, "NOT_FOUND")
    expect_error(one.post(path, **rest, upload_id=""), 404, "NOT_FOUND")
    expect_error(one.post(path, **rest, media_id="x"), 422, "VALIDATION_ERROR")
    assert one.progress()["status"] == other.progress()["status"] == "uploading"


def test_progress_of_an_unknown_upload_is_not_found(client):
    """404 for an unknown id, 422 for what is no id."""
    expect_error(client.get(f"{VIDEOS}/progress/{uuid4()}"), 404, "NOT_FOUND")
    expect_error(client.get(f"{VIDEOS}/progress/x"), 422, "VALIDATION_ERROR")


# --------------------------------------------------------------- abort


def test_an_aborted_upload_is_over(client, film):
    """Its chunks are removed, a repeat removes none, and nothing more can be done with it."""
    sending = Sending.begin(client, film)
    sending.send(1, 2)
    aborted = expect(sending.post("abort", reason="x" * 500), ABORTED)
    assert (aborted["chunks_removed"], aborted["cleaned_up"], aborted["s3_cleanup"]) == (2, True, True)
    again = expect(sending.post("abort"), ABORTED)
    assert (again["chunks_removed"], again["status"]) == (0, "aborted")
    expect_error(sending.put(1), 409, "CONFLICT")
    expect_error(sending.confirm(1, "x"), 409, "CONFLICT")
    expect_error(sending.post("chunks/retry", chunk_number=1), 409, "CONFLICT")
    expect_error(sending.complete(), 409, "CONFLICT")
    progress = sending.progress()
    assert (progress["status"], progress["bytes_uploaded"], progress["current_chunk"]) == ("aborted", 0, None)
    expect_error(sending.post("abort", reason="x" * 501), 422, "VALIDATION_ERROR")


def test_a_completed_upload_takes_nothing_more(client, film):
    """No chunk, no confirmation, no abort."""
    sending = Sending.begin(client, film)
    sending.send()
    expect(sending.complete(), COMPLETED)
    expect_error(sending.put(1), 409, "CONFLICT")
    expect_error(sending.confirm(1, "x"), 409, "CONFLICT")
    expect_error(sending.post("chunks/retry", chunk_number=1), 409, "CONFLICT")
    expect_error(sending.post("abort"), 409, "CONFLICT")
    progress = sending.progress()
    assert (progress["status"], progress["progress_percent"]) == ("completed", 100)
    assert progress["bytes_uploaded"] == progress["total_bytes"] == len(film)
    assert client.get(f"{FILES}/{sending.id}").status_code == 200


def test_abort_and_complete_at_once_have_one_winner(client, film):
    """Either there is a file, or there is none and its bytes are gone."""
    for _ in range(5):
        sending = Sending.begin(client, film)
        sending.send()
        with ThreadPoolExecutor(2) as pool:
            completing = pool.submit(sending.complete)
            aborting = pool.submit(sending.post, "abort")
            outcome = (completing.result().status_code, aborting.result().status_code)
        assert outcome in {(200, 409), (409, 200)}
        assert (sending.id in _listed(client)) == (outcome == (200, 409))
        assert sending.progress()["status"] == ("completed" if outcome == (200, 409) else "aborted")


def test_retries_are_counted_up_to_their_most(client, film):
    """Each hands out a target that works; the fourth is 409; a number there is none of is 422."""
    sending = Sending.begin(client, film)
    for attempt in (1, 2, 3):
        made = expect(sending.post("chunks/retry", chunk_number=2), RETRIED)
        assert (made["chunk_number"], made["retry_attempt"]) == (2, attempt)
    expect_error(sending.post("chunks/retry", chunk_number=2), 409, "CONFLICT")
    assert expect(sending.post("chunks/retry", chunk_number=1), RETRIED)["retry_attempt"] == 1
    assert sending.progress()["failed_chunks"] == [1, 2]
    sending.made["chunks"][1]["upload_url"] = made["upload_url"]
    sending.send(2)
    assert sending.progress()["failed_chunks"] == [1]
    for number in (0, len(sending.numbers) + 1, 10_001):
        expect_error(sending.post("chunks/retry", chunk_number=number), 422, "VALIDATION_ERROR")
