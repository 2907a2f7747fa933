"""The same content again: `skip_duplicates` of section 2.3, point 11 of the checklist."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contracts.photos import photo
from tests.contracts.shapes import LIST, STREAM, expect
from tests.running import upload

FILES = "/api/v2/user-files"


def _upload(client, data, **fields):
    fields = {"auto_describe": "false", **fields}
    return expect(client.post(f"{FILES}/upload/stream", files={"file": ("photo.jpg", data)}, data=fields), STREAM)


def _ids(client):
    return {item["id"] for item in expect(client.get(FILES), LIST)["files"]}


def test_a_repeat_is_skipped_when_asked(client):
    """The existing id stands in both keys, nothing is queued, and what was sent along is dropped."""
    data = photo()
    first = _upload(client, data, title="kept", tags="kept")
    again = _upload(client, data, title="dropped", tags="dropped", skip_duplicates="true", auto_describe="true")
    expected = {
        "image_id": first["image_id"],
        "skipped_existing_image_id": first["image_id"],
        "object_key": first["object_key"],
        "status": "skipped",
        "skipped": True,
        "s3_upload_completed": True,
        "variants_queued": False,
        "description_queued": False,
        "media_type": "image",
        "storage_target": "default",
    }
    assert {key: again[key] for key in expected} == expected
    detail = client.get(f"{FILES}/{first['image_id']}").json()
    assert (detail["title"], detail["tags"]) == ("kept", ["kept"])
    assert _ids(client) == {first["image_id"]}


def test_without_the_flag_a_second_copy_is_stored(client):
    """Two independent files with one content are possible; a later repeat is skipped in favour of the oldest."""
    data = photo()
    first, second = _upload(client, data), _upload(client, data)
    assert second["status"] == "completed"
    assert _ids(client) == {first["image_id"], second["image_id"]}
    assert _upload(client, data, skip_duplicates="true")["image_id"] == first["image_id"]
    assert client.delete(f"{FILES}/{first['image_id']}").status_code == 200
    assert client.get(f"{FILES}/{second['image_id']}").status_code == 200


def test_other_content_is_no_duplicate(client):
    """A new picture is stored although the flag is set."""
    made = _upload(client, photo(), skip_duplicates="true")
    other = _upload(client, photo(), skip_duplicates="true")
    assert (made["status"], other["status"]) == ("completed", "completed")
    assert made["skipped_existing_image_id"] is None


def test_trashed_files_do_not_count(client):
    """After the first was deleted, the same content is stored anew."""
    data = photo()
    first = _upload(client, data)
    client.delete(f"{FILES}/{first['image_id']}")
    again = _upload(client, data, skip_duplicates="true")
    assert again["status"] == "completed"
    assert _ids(client) == {again["image_id"]} != {first["image_id"]}


def test_another_tenant_has_its_own_duplicates(new_client):
    """What one tenant stored is no duplicate for another."""
    data = photo()
    first, other = new_client(), new_client()
    made = _upload(first, data)
    again = _upload(other, data, skip_duplicates="true")
    assert again["status"] == "completed"
    assert again["image_id"] != made["image_id"]


@pytest.mark.parametrize("round_", range(3))
def test_simultaneous_repeats_store_one_file(server, round_):
    """Of uploads of one content that arrive together, one is stored and all others are skipped in its favour."""
    key, data = server.new_key(), photo(600, 400)
    at_once = threading.Barrier(4)

    def send():
        with server.client(key) as client:
            client.get(FILES)  # so that the connection stands already
            at_once.wait()
            return _upload(client, data, skip_duplicates="true")

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result() for future in [pool.submit(send) for _ in range(4)]]
    assert sorted(answer["status"] for answer in answers) == ["completed", "skipped", "skipped", "skipped"]
    with server.client(key) as client:
        assert _ids(client) == {answer["image_id"] for answer in answers}
        assert len(_ids(client)) == 1


def test_the_kept_file_of_a_duplicate_stays_readable(client, browser):
    """Skipping a repeat removes only what was sent, never the bytes that are kept."""
    data = photo()
    made = upload(client, data, auto_describe="false")
    _upload(client, data, skip_duplicates="true")
    link = client.get(f"{FILES}/{made['image_id']}/download").headers["location"]
    assert browser.get(link).content == data
