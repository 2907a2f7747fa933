"""Many files in one request: section 2.4, points 12 to 14 of the checklist."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.contracts.batches import (
    BATCH_URL,
    EXE,
    FILES,
    SESSIONS,
    counts,
    ended_session,
    field,
    file,
    is_empty,
    listed,
    multipart,
    photos,
    post_batch,
    post_raw,
    send_batch,
    session,
)
from tests.contracts.conftest import IDLE_BATCH, IDLE_BATCH_BYTES, NARROW_BYTES
from tests.contracts.photos import jpeg_of_size, photo, png_claiming
from tests.contracts.session_shapes import BATCH
from tests.contracts.shapes import DETAIL, expect, expect_error
from tests.running import upload


def test_five_files_are_answered_one_by_one(client, browser):
    """`immediate_results` are the accepted files in the order sent, with all twelve keys, and their bytes are stored."""
    data = [photo(kind=kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "JPEG")]
    names = ["e.jpg", "d.png", "c.webp", "b.gif", "a.jpg"]
    body = send_batch(client, *zip(names, data, strict=True))
    assert (body["status"], body["accepted_files"], body["rejections"]) == ("completed", 5, None)
    items = body["immediate_results"]
    assert [item["filename"] for item in items] == names
    for item, content in zip(items, data, strict=True):
        expected = {
            "status": "completed",
            "skipped": False,
            "skipped_existing_image_id": None,
            "error": None,
            "storage_target": "default",
            "media_type": "image",
            "document_type": None,
            "text_extraction_status": None,
        }
        assert {key: item[key] for key in expected} == expected
        assert re.fullmatch(rf"uploads/[0-9a-f-]{{36}}/{item['image_id']}/{item['filename']}", item["object_key"])
        link = client.get(f"{FILES}/{item['image_id']}/download").headers["location"]
        assert browser.get(link).content == content
        detail = expect(client.get(f"{FILES}/{item['image_id']}"), DETAIL)
        assert (detail["upload_method"], detail["object_key"]) == ("STREAMING", item["object_key"])
    assert listed(client) == {item["image_id"] for item in items}


def test_six_files_are_answered_as_a_whole(client):
    """With more than five files `immediate_results` is null; all of them are stored before the answer."""
    body = send_batch(client, *photos(6))
    assert (body["status"], body["immediate_results"], body["rejections"]) == ("completed", None, None)
    assert len(listed(client)) == 6


def test_more_than_five_count_as_sent(client):
    """Rejected files count: five accepted of six leave `immediate_results` null, four of five are listed."""
    assert send_batch(client, EXE, *photos(5))["immediate_results"] is None
    assert len(send_batch(client, EXE, *photos(4))["immediate_results"]) == 4


def test_one_file_is_a_batch_too(client):
    """A batch of one has a session like any other."""
    body = send_batch(client, photo())
    assert session(client, body["session_id"])["total_files"] == 1


def test_good_and_bad_files_are_partial(client):
    """Bad files are refused one by one, with position, name and reason; the good ones are stored."""
    good = [("first.jpg", photo()), ("last.jpg", photo())]
    bad = [
        ("tool.exe", EXE + bytes(3_000_000)),
        ("empty.jpg", b""),
        ("cut.jpg", photo()[:30]),
        ("bomb.png", png_claiming(50_000, 50_000)),
    ]
    body = send_batch(client, good[0], *bad, good[1])
    assert (body["status"], body["accepted_files"], body["rejected_files"]) == ("partial", 2, 4)
    told = [(entry["index"], entry["filename"], entry["retryable"]) for entry in body["rejections"]]
    assert told == [(place, name, False) for place, (name, _) in enumerate(bad, 1)]
    assert len(listed(client)) == 2
    state = ended_session(client, body["session_id"])
    assert (state["total_files"], counts(state)) == (2, (2, 0, 0, 0))


def test_only_bad_files_are_rejected(client):
    """A batch of nothing but bad files is answered 200 `rejected`; its session is there, empty and failed."""
    body = send_batch(client, EXE, b"")
    assert (body["status"], body["accepted_files"], body["immediate_results"]) == ("rejected", 0, [])
    state = session(client, body["session_id"])
    assert (state["status"], state["total_files"], state["progress_percentage"]) == ("failed", 0, 100)
    assert is_empty(client)


def test_a_batch_needs_files(client):
    """No part of the name `files` with a filename is 422, as is a JSON or url-encoded body; no file comes of it."""
    as_text = 'Content-Disposition: form-data; name="files"', photo()
    answers = [
        client.post(BATCH_URL),
        client.post(BATCH_URL, json={"files": ["photo.jpg"]}),
        client.post(BATCH_URL, data={"files": "photo.jpg"}),
        client.post(BATCH_URL, files={"tags": (None, "a")}),
        client.post(BATCH_URL, files={"file": ("photo.jpg", photo())}),
        post_raw(client, as_text),
        post_raw(client, file(photo(), filename="")),
        post_raw(client),
    ]
    for answer in answers:
        expect_error(answer, 422, "VALIDATION_ERROR")
    assert {answer.json()["error"]["details"]["field"] for answer in answers[:5]} == {"body.files"}
    assert is_empty(client)


def test_too_many_files_are_refused_as_a_whole(idle_client):
    """The limit itself is accepted, one file more is 400, and nothing of that is kept."""
    expect_error(post_batch(idle_client, *photos(IDLE_BATCH + 1)), 400, "VALIDATION_ERROR")
    expect_error(post_batch(idle_client, *[b""] * (IDLE_BATCH + 1)), 400, "VALIDATION_ERROR")
    assert is_empty(idle_client)
    assert send_batch(idle_client, *photos(IDLE_BATCH))["status"] == "completed"


def test_a_file_over_the_limit_is_rejected_alone(idle_client):
    """A file of exactly the limit is accepted, one byte more is rejected for good, and the file after it is stored."""
    body = send_batch(idle_client, jpeg_of_size(NARROW_BYTES), jpeg_of_size(NARROW_BYTES + 1), photo())
    assert body["status"] == "partial"
    assert [(entry["index"], entry["retryable"]) for entry in body["rejections"]] == [(1, False)]
    assert str(NARROW_BYTES) in body["rejections"][0]["reason"]
    assert len(listed(idle_client)) == 2


def test_a_request_over_the_limit_is_refused_as_a_whole(idle_client):
    """More bytes than the body limit are 413, announced or not, and none of the files is kept."""
    whole = multipart(file(photo()), file(photo()), file(bytes(IDLE_BATCH_BYTES)))
    headers = {"Content-Type": "multipart/form-data; boundary=calotype-boundary"}
    pieces = (whole[start : start + 1000] for start in range(0, len(whole), 1000))
    for body in (whole, pieces):
        expect_error(idle_client.post(BATCH_URL, content=body, headers=headers), 413, "PAYLOAD_TOO_LARGE")
    assert is_empty(idle_client)


def test_a_refusal_is_read_by_clients_that_send_on(client):
    """A client that sends megabytes behind what is refused still gets the answer, and not a broken connection."""
    body = multipart(field("intent", "paint"), *[file(bytes(5_000_000)) for _ in range(6)])
    headers = {"Content-Type": "multipart/form-data; boundary=calotype-boundary"}
    expect_error(client.post(BATCH_URL, content=body, headers=headers), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("column", ["storage_quota_bytes", "monthly_upload_limit"])
def test_what_a_quota_refuses_may_be_tried_again(idle, column):
    """Files are taken in the order sent until the quota is full; the others are rejected, but `retryable`."""
    data = [jpeg_of_size(5000) for _ in range(4)]
    with idle.client(idle.new_key(f"batches limited by {column}")) as client:
        limit = 10_000 if column == "storage_quota_bytes" else 2
        with psycopg.connect(idle.database_url()) as connection:
            name = f"batches limited by {column}"
            connection.execute(f"UPDATE tenant SET {column} = %s WHERE name = %s", [limit, name])
        body = send_batch(client, *data)
        assert body["status"] == "partial"
        assert [(entry["index"], entry["retryable"]) for entry in body["rejections"]] == [(2, True), (3, True)]
        assert listed(client) == {item["image_id"] for item in body["immediate_results"]}
        assert send_batch(client, photo())["status"] == "rejected"


def test_files_that_cannot_be_stored_have_failed(idle):
    """Accepted files that the object store does not take are `failed` and in no list, and so is the batch and its session."""
    with idle.client(idle.new_key()) as client:
        form = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": "1"}
        tenant_folder = client.post(f"{FILES}/upload/initiate", data=form).json()["object_key"].split("/")[1]
        # Where the tenant's folder should be, there is a file.
        uploads = next(
            path for path in idle.data_dir.rglob("uploads") if path.is_dir() and "postgres" not in path.parts
        )
        (uploads / tenant_folder).write_bytes(b"")
        body = send_batch(client, photo(), EXE, photo())
        assert (body["status"], body["accepted_files"], body["rejected_files"]) == ("failed", 2, 1)
        assert all(item["status"] == "failed" and item["error"] for item in body["immediate_results"])
        assert len({item["image_id"] for item in body["immediate_results"]}) == 2
        assert is_empty(client)
        state = session(client, body["session_id"])
        assert (state["status"], counts(state)) == ("failed", (0, 2, 0, 0))
        assert sorted(entry["index"] for entry in state["recent_errors"]) == [0, 2]
        assert send_batch(client, photo())["status"] == "failed"


def test_a_repeat_within_the_batch_is_skipped(client):
    """With `skip_duplicates` the first of equal files is stored, and the others point to it."""
    data = photo()
    body = send_batch(
        client, ("a.jpg", data), ("b.jpg", photo()), ("c.jpg", data), ("d.jpg", data), skip_duplicates="1"
    )
    first, other, *repeats = body["immediate_results"]
    assert (body["status"], body["accepted_files"]) == ("completed", 4)
    assert [first["status"], other["status"]] == ["completed", "completed"]
    for item, name in zip(repeats, ("c.jpg", "d.jpg"), strict=True):
        assert (item["status"], item["skipped"], item["filename"]) == ("skipped", True, name)
        assert item["image_id"] == item["skipped_existing_image_id"] == first["image_id"]
        assert item["object_key"] == first["object_key"]
    assert listed(client) == {first["image_id"], other["image_id"]}
    assert counts(ended_session(client, body["session_id"])) == (2, 0, 2, 0)


def test_many_repeats_are_skipped(server):
    """However many equal files come however quickly, the first is stored and all others are skipped."""
    with server.client(server.new_key()) as client:
        data = photo()
        body = send_batch(client, photo(), *[data] * 40, skip_duplicates="true")
        assert body["status"] == "completed"
        assert len(listed(client)) == 2
        assert counts(ended_session(client, body["session_id"])) == (2, 0, 39, 0)
        items = client.get(f"{SESSIONS}/{body['session_id']}/results").json()["results"]
        assert [item["status"] for item in items] == ["completed"] * 2 + ["skipped"] * 39
        assert len({item["image_id"] for item in items[1:]}) == 1


def test_without_the_flag_repeats_are_stored(client):
    """Equal files are independent files unless `skip_duplicates` is set."""
    data = photo()
    body = send_batch(client, data, data)
    assert len({item["image_id"] for item in body["immediate_results"]}) == len(listed(client)) == 2


def test_an_earlier_upload_is_not_repeated(client):
    """With `skip_duplicates` a file that is there already is skipped; a trashed one does not count, tags sent are dropped."""
    data, gone = photo(), photo()
    earlier = upload(client, data, tags="kept", auto_describe="false")["image_id"]
    trashed = upload(client, gone, auto_describe="false")["image_id"]
    client.delete(f"{FILES}/{trashed}")
    body = send_batch(client, data, gone, skip_duplicates="true", tags="dropped")
    skipped, stored = body["immediate_results"]
    assert (skipped["status"], skipped["image_id"], skipped["skipped_existing_image_id"]) == (
        "skipped",
        earlier,
        earlier,
    )
    assert (stored["status"], stored["skipped"]) == ("completed", False)
    assert client.get(f"{FILES}/{earlier}").json()["tags"] == ["kept"]
    assert listed(client) == {earlier, stored["image_id"]}
    state = ended_session(client, send_batch(client, data, skip_duplicates="true")["session_id"])
    assert (state["status"], counts(state)) == ("completed", (0, 0, 1, 0))


def test_batches_at_once_store_equal_files_once(server):
    """Equal batches with `skip_duplicates` that arrive together store each file once, and each answer names the same files."""
    key, data = server.new_key(), photos(3)
    at_once = threading.Barrier(3)

    def send(order):
        with server.client(key) as client:
            client.get(FILES)
            at_once.wait()
            return send_batch(client, *[data[place] for place in order], skip_duplicates="true")

    orders = [(0, 1, 2), (2, 1, 0), (1, 2, 0)]
    with ThreadPoolExecutor(3) as pool:
        answers = [future.result() for future in [pool.submit(send, order) for order in orders]]
    by_file = [
        {place: item["image_id"] for place, item in zip(order, body["immediate_results"], strict=True)}
        for order, body in zip(orders, answers, strict=True)
    ]
    assert by_file[0] == by_file[1] == by_file[2]
    with server.client(key) as client:
        assert listed(client) == set(by_file[0].values())
        stored = [item for body in answers for item in body["immediate_results"] if item["status"] == "completed"]
        assert len(stored) == 3
        for body in answers:
            assert ended_session(client, body["session_id"])["status"] == "completed"


def test_tags_are_applied_to_each(client):
    """One comma-separated string gives every file the same clean tags, and no file a title."""
    body = send_batch(client, *photos(3), tags="pier, fog,,pier, Fog ", title="no such field")
    for item in body["immediate_results"]:
        detail = client.get(f"{FILES}/{item['image_id']}").json()
        assert (detail["tags"], detail["title"]) == (["pier", "fog", "Fog"], None)


def test_descriptions_are_asked_for_by_default(idle_client):
    """`auto_describe` is true unless declined, for each file."""
    for word, expected in (("true", "pending"), ("no", "skipped")):
        item = send_batch(idle_client, photo(), auto_describe=word)["immediate_results"][0]
        assert idle_client.get(f"{FILES}/{item['image_id']}").json()["description_status"] == expected
    asked = expect(idle_client.post(BATCH_URL, files=[("files", ("a.jpg", photo()))]), BATCH)
    made = asked["immediate_results"][0]["image_id"]
    assert idle_client.get(f"{FILES}/{made}").json()["description_status"] == "pending"


@pytest.mark.parametrize("intent", ["describe", "verify", "rules"])
@pytest.mark.parametrize("level", ["quick", "critical", "of my own", "x" * 50])
def test_intent_and_level_are_taken(idle_client, intent, level):
    """The three intents and any level up to 50 characters are accepted, and not echoed."""
    body = send_batch(idle_client, photo(), intent=intent, verification_level=level)
    assert body["status"] == "completed"
    assert not {"intent", "verification_level"} & body.keys()
