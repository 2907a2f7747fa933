"""Many files in one request: section 2.4, points 12 to 14 of the checklist."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.contracts.batches import (
    BATCH_URL,
    FILES,
    SESSIONS,
    counts,
    ended_session,
    field,
    file,
    listed,
    multipart,
    photos,
    post_batch,
    post_raw,
    send_batch,
    session,
    unfinished,
)
from tests.contracts.conftest import IDLE_BATCH, IDLE_BATCH_BYTES, NARROW_BYTES
from tests.contracts.photos import jpeg_of_size, photo, png_claiming
from tests.contracts.shapes import BATCH, DETAIL, LIST, SESSION_LIST, brief, expect, expect_error
from tests.running import upload, wait_for

EXE = b"MZ\x90\x00" + bytes(500)


def _is_empty(client):
    return expect(client.get(FILES), LIST)["total_count"] == 0


def _sessions(client):
    return expect(client.get(SESSIONS), SESSION_LIST)["sessions"]


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
    assert _is_empty(client)


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
    assert _is_empty(client)


def test_too_many_files_are_refused_as_a_whole(idle_client):
    """The limit itself is accepted, one file more is 400, and nothing of that is kept."""
    expect_error(post_batch(idle_client, *photos(IDLE_BATCH + 1)), 400, "VALIDATION_ERROR")
    expect_error(post_batch(idle_client, *[b""] * (IDLE_BATCH + 1)), 400, "VALIDATION_ERROR")
    assert _is_empty(idle_client)
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
    assert _is_empty(idle_client)


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
        assert _is_empty(client)
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
    send_batch(idle_client, photo(), intent=intent, verification_level=level)


BAD_FIELDS = [
    {"intent": "paint"},
    {"intent": ""},
    {"verification_level": "x" * 51},
    {"verification_level": "a\0b"},
    {"tags": ",".join(f"tag {index}" for index in range(41))},
    {"tags": "a," + "x" * 51},
    {"tags": "a\0b"},
    {"storage_target": "custom"},
    {"storage_target": "elsewhere"},
    {"auto_describe": "perhaps"},
    {"skip_duplicates": "2"},
]


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=brief)
def test_a_bad_field_refuses_the_batch(client, fields):
    """Every field out of its bounds is 422, names itself, and nothing is kept, whether it stands before the files or after."""
    name, value = next(iter(fields.items()))
    before = post_batch(client, *photos(2), **fields)
    after = post_raw(client, file(photo()), file(photo()), field(name, value))
    between = post_raw(client, file(photo()), field(name, value), file(photo()))
    for answer in (before, after, between):
        expect_error(answer, 422, "VALIDATION_ERROR")
        assert name in answer.json()["error"]["details"]["field"]
    assert _is_empty(client)


def test_fields_behind_the_files_are_applied(client):
    """The order of a form's parts has no meaning: tags, description and duplicates are told after the files as before them."""
    data, earlier = photo(), photo()
    known = upload(client, earlier, auto_describe="false")["image_id"]
    answer = post_raw(
        client,
        file(data, "a.jpg"),
        file(earlier, "b.jpg"),
        field("tags", "late"),
        file(data, "c.jpg"),
        field("auto_describe", "no"),
        field("skip_duplicates", "yes"),
        field("intent", "verify"),
    )
    body = expect(answer, BATCH)
    stored, of_earlier, of_first = body["immediate_results"]
    assert [item["status"] for item in body["immediate_results"]] == ["completed", "skipped", "skipped"]
    assert of_earlier["image_id"] == of_earlier["skipped_existing_image_id"] == known
    assert of_first["image_id"] == of_first["skipped_existing_image_id"] == stored["image_id"]
    assert listed(client) == {known, stored["image_id"]}
    detail = client.get(f"{FILES}/{stored['image_id']}").json()
    assert (detail["tags"], detail["description_status"]) == (["late"], "skipped")
    assert client.get(f"{FILES}/{known}").json()["tags"] == []
    assert client.get(FILES, params={"search": "late", "search_mode": "metadata"}).json()["total_count"] == 1
    state = ended_session(client, body["session_id"])
    assert (state["status"], counts(state)) == ("completed", (1, 0, 2, 0))


@pytest.mark.parametrize("kind", ["too many", "bad field", "malformed", "late skip"])
def test_what_a_refusal_takes_back_is_gone(idle, kind):
    """What is not kept is not found in the trash either, and is not held against the month's uploads."""
    name, data = f"refused for {kind}", photo()
    with idle.client(idle.new_key(name)) as client, psycopg.connect(idle.database_url()) as connection:
        connection.execute("UPDATE tenant SET monthly_upload_limit = %s WHERE name = %s", [IDLE_BATCH, name])
        connection.commit()
        files = [file(data) for _ in range(3)]
        if kind == "too many":
            expect_error(post_batch(client, *photos(IDLE_BATCH + 1)), 400, "VALIDATION_ERROR")
        elif kind == "bad field":
            expect_error(post_raw(client, *files, field("intent", "paint")), 422, "VALIDATION_ERROR")
        elif kind == "malformed":
            expect_error(post_raw(client, *files, ending=""), 422, "VALIDATION_ERROR")
        else:
            expect(post_raw(client, *files, field("skip_duplicates", "1")), BATCH)
        kept = 1 if kind == "late skip" else 0
        assert len(listed(client)) == kept
        assert listed(client, trashed="true") == set()
        again = send_batch(client, *photos(IDLE_BATCH - kept))
        assert again["status"] == "completed"


def test_a_refusal_takes_nothing_from_others(idle):
    """Who was told that a file is there already keeps it, whatever becomes of the batch that brought it."""
    key, data = idle.new_key(), photo()
    whole = multipart(field("auto_describe", "no"), file(data), file(photo(), "second.jpg"), field("intent", "paint"))
    cut = whole.index(b"second.jpg") + 100
    with idle.client(key) as client, unfinished(idle, key, whole[:cut], len(whole)) as connection:
        wait_for(lambda: _sessions(client), "no session of a request that is being read")
        told = upload(client, data, skip_duplicates="true", auto_describe="false")
        connection.sendall(whole[cut:])
        assert connection.recv(64).startswith(b"HTTP/1.1 422")
        assert client.get(f"{FILES}/{told['image_id']}").status_code == 200
        assert told["image_id"] in listed(client)


def test_other_parts_are_ignored(client):
    """Fields and files of unknown names change nothing and take no position."""
    answer = post_raw(
        client, field("colour", "green"), file(EXE, name="other"), file(photo(), "a.jpg"), file(EXE, "b.exe")
    )
    body = expect(answer, BATCH)
    assert (body["total_files"], body["status"]) == (2, "partial")
    assert [(entry["index"], entry["filename"]) for entry in body["rejections"]] == [(1, "b.exe")]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:\\\\Photos\\\\pier.jpg", "pier.jpg"),
        ("../../etc/passwd", "passwd"),
        ("folder/", "file"),
        ("Brücke bei Nacht.jpg", "Brücke bei Nacht.jpg"),
        ("pi\x01er\x7f.jpg", "pier.jpg"),
        ("é" * 300, "é" * 255),
    ],
    ids=brief,
)
def test_file_names_are_made_harmless(client, sent, kept):
    """Each file's name is its last segment without control characters, in results and in rejections."""
    body = expect(post_raw(client, file(photo(), sent), file(EXE, sent)), BATCH)
    item = body["immediate_results"][0]
    assert item["filename"] == body["rejections"][0]["filename"] == kept
    assert re.fullmatch(r"uploads/[0-9a-f-]{36}/[0-9a-f-]{36}/[A-Za-z0-9_-][A-Za-z0-9._-]*", item["object_key"])


def test_equal_names_are_different_files(client):
    """Names need not be unique, and content decides the type whatever they say."""
    body = send_batch(client, ("a.jpg", photo(kind="PNG")), ("a.jpg", photo()))
    first, second = [client.get(f"{FILES}/{item['image_id']}").json() for item in body["immediate_results"]]
    assert (first["content_type"], second["content_type"]) == ("image/png", "image/jpeg")


def test_a_malformed_body_leaves_nothing(client):
    """A multipart body that ends before its last boundary is 422, and the files that stood in it are not kept."""
    expect_error(post_raw(client, file(photo()), file(photo()), ending=""), 422, "VALIDATION_ERROR")
    headers = {"Content-Type": "multipart/form-data"}
    expect_error(client.post(BATCH_URL, content=multipart(file(photo())), headers=headers), 422, "VALIDATION_ERROR")
    assert _is_empty(client)


def test_a_body_may_come_in_pieces(client):
    """A chunked request of unknown length is taken like any other."""
    body = multipart(field("auto_describe", "no"), file(photo()), file(EXE), file(photo()))
    headers = {"Content-Type": "multipart/form-data; boundary=calotype-boundary"}
    pieces = (body[start : start + 97] for start in range(0, len(body), 97))
    assert expect(client.post(BATCH_URL, content=pieces, headers=headers), BATCH)["status"] == "partial"
    assert len(listed(client)) == 2


def test_a_lost_connection_keeps_what_had_arrived(server):
    """Files that had come whole when the connection broke are kept, half a file is not, and the session ends."""
    key = server.new_key()
    begun = multipart(field("auto_describe", "no"), file(photo(), "a.jpg"), file(photo(), "b.jpg"), ending="")
    half = multipart(file(photo(200, 200), "half.jpg"), ending="")[:-5000]
    with server.client(key) as client:
        with unfinished(server, key, begun + half):
            wait_for(lambda: _sessions(client), "no session of a request that is being read")
        known = wait_for(lambda: listed(client), "the whole files were not kept")
        state = ended_session(client, _sessions(client)[0]["session_id"])
        assert len(_sessions(client)) == 1
        assert state["status"] == "completed"
        assert state["completed_files"] == 2
        assert len(listed(client)) == 2
        assert known <= listed(client)
        names = {client.get(f"{FILES}/{file_id}").json()["original_filename"] for file_id in listed(client)}
        assert names == {"a.jpg", "b.jpg"}


def test_the_session_is_there_while_the_request_is_read(server):
    """While files still arrive, the session says `uploading`; with the rest of the request it goes on to its end."""
    key = server.new_key()
    whole = multipart(field("auto_describe", "no"), file(photo(), "a.jpg"), file(photo(), "b.jpg"))
    cut = len(whole) - 500
    with server.client(key) as client, unfinished(server, key, whole[:cut], len(whole)) as connection:
        found = wait_for(lambda: _sessions(client), "no session of a request that is being read")[0]
        assert session(client, found["session_id"])["status"] == "uploading"
        assert client.get(SESSIONS, params={"status": "uploading"}).json()["total_count"] == 1
        connection.sendall(whole[cut:])
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        state = ended_session(client, found["session_id"])
        assert (state["status"], counts(state)) == ("completed", (2, 0, 0, 0))
        assert len(_sessions(client)) == 1
