"""Batches as requests: fields, names, and what becomes of files when a request is refused or breaks off (section 2.4)."""

from __future__ import annotations

import re

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
    sessions,
    unfinished,
)
from tests.contracts.conftest import IDLE_BATCH
from tests.contracts.photos import photo
from tests.contracts.session_shapes import BATCH
from tests.contracts.shapes import CONFIRM, INITIATE, brief, expect, expect_error
from tests.running import upload, wait_for

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
    assert is_empty(client)


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
        wait_for(lambda: sessions(client)["sessions"], "no session of a request that is being read")
        told = upload(client, data, skip_duplicates="true", auto_describe="false")
        connection.sendall(whole[cut:])
        assert connection.recv(64).startswith(b"HTTP/1.1 422")
        assert client.get(f"{FILES}/{told['image_id']}").status_code == 200
        assert told["image_id"] in listed(client)


def test_a_copy_found_late_has_the_key_that_clients_are_told(idle_client, browser):
    """Of a file that came in two steps the session tells what its detail tells, even where the flag comes last."""
    data = photo()
    form = {"filename": "pier.jpg", "content_type": "image/jpeg", "size_bytes": len(data), "auto_describe": "no"}
    made = expect(idle_client.post(f"{FILES}/upload/initiate", data=form), INITIATE)
    assert browser.put(made["upload_url"], content=data).status_code == 200
    confirmation = {name: made[name] for name in ("image_id", "object_key")} | {"size_bytes": len(data)}
    expect(idle_client.post(f"{FILES}/upload/confirm", json=confirmation), CONFIRM)
    body = expect(post_raw(idle_client, file(data, "copy.jpg"), field("skip_duplicates", "1")), BATCH)
    results = idle_client.get(f"{SESSIONS}/{body['session_id']}/results").json()["results"]
    for item in (*body["immediate_results"], *results):
        assert (item["status"], item["image_id"], item["object_key"]) == (
            "skipped",
            made["image_id"],
            made["object_key"],
        )


def test_other_parts_are_ignored(client):
    """Fields and files of unknown names change nothing and take no position, however long they are."""
    answer = post_raw(
        client,
        field("colour", "green" * 20_000),
        file(EXE, name="other"),
        file(photo(), "a.jpg"),
        file(EXE, "b.exe"),
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
    assert is_empty(client)


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
            wait_for(lambda: sessions(client)["sessions"], "no session of a request that is being read")
        known = wait_for(lambda: listed(client), "the whole files were not kept")
        state = ended_session(client, sessions(client)["sessions"][0]["session_id"])
        assert sessions(client)["total_count"] == 1
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
        found = wait_for(lambda: sessions(client)["sessions"], "no session of a request that is being read")[0]
        assert session(client, found["session_id"])["status"] == "uploading"
        assert client.get(SESSIONS, params={"status": "uploading"}).json()["total_count"] == 1
        connection.sendall(whole[cut:])
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
        state = ended_session(client, found["session_id"])
        assert (state["status"], counts(state)) == ("completed", (2, 0, 0, 0))
        assert sessions(client)["total_count"] == 1
