"""Changing, deleting and restoring: sections 4.1 to 4.3, points 24 to 26 of the checklist."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.contracts.photos import photo
from tests.contracts.shapes import DELETE, DETAIL, LIST, RESTORE, UPDATE, brief, expect, expect_error
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"


@pytest.fixture
def path(client):
    """The path of a file with a title and two tags."""
    made = upload(client, photo(), title="Pier", tags="fog,harbour", auto_describe="false")
    return f"{FILES}/{made['image_id']}"


def _moment(text):
    return datetime.fromisoformat(text)


def _listed(client, **parameters):
    return [item["id"] for item in expect(client.get(FILES, params=parameters), LIST)["files"]]


@pytest.mark.parametrize(
    ("body", "title", "tags"),
    [
        ({"title": "New"}, "New", ["fog", "harbour"]),
        ({"tags": ["b", " a ", "", "b", "B"]}, "Pier", ["b", "a", "B"]),
        ({"title": " New ", "tags": ["x"]}, "New", ["x"]),
        ({"title": None}, None, ["fog", "harbour"]),
        ({"title": "  "}, None, ["fog", "harbour"]),
        ({"tags": None}, "Pier", []),
        ({"tags": []}, "Pier", []),
        ({"title": None, "tags": None}, None, []),
        ({"title": "漢" * 255}, "漢" * 255, ["fog", "harbour"]),
        ({"tags": ["a,b"]}, "Pier", ["a,b"]),
        ({"tags": [f"tag {index}" for index in range(40)]}, "Pier", [f"tag {index}" for index in range(40)]),
        ({"tags": ["\N{CAMERA}" * 50]}, "Pier", ["\N{CAMERA}" * 50]),
    ],
    ids=brief,
)
def test_patch_changes_what_is_named(client, path, body, title, tags):
    """What is absent stays, null clears, and the answer is what the file then has; `updated_at` moves."""
    before = client.get(path).json()
    changed = expect(client.patch(path, json=body), UPDATE)
    after = expect(client.get(path), DETAIL)
    assert (changed["title"], changed["tags"]) == (after["title"], after["tags"]) == (title, tags)
    assert changed["updated_at"] == after["updated_at"]
    assert _moment(after["updated_at"]) > _moment(before["updated_at"])
    assert after["created_at"] == before["created_at"]


def test_an_empty_patch_changes_nothing(client, path):
    """`{}` answers 200 with everything as it was, `updated_at` too."""
    before = client.get(path).json()
    answer = expect(client.patch(path, json={}), UPDATE)
    assert answer == {key: before[key] for key in UPDATE}
    assert client.get(path).json()["updated_at"] == before["updated_at"]


@pytest.mark.parametrize(
    "body",
    [
        {"title": "x" * 256},
        {"title": 5},
        {"title": ["x"]},
        {"title": "a\0b"},
        {"title": "\ud800"},
        {"tags": [f"tag {index}" for index in range(41)]},
        {"tags": ["x" * 51]},
        {"tags": "fog"},
        {"tags": [1]},
        {"tags": [None]},
        {"tags": {"a": 1}},
        {"tags": ["a\0b"]},
        {"tags": ["\udfff"]},
        {"title": "good", "tags": ["x" * 51]},
        {"tags": ["good"], "title": "x" * 256},
    ],
    ids=brief,
)
def test_a_refused_patch_changes_nothing(client, path, body):
    """One bad value is 422, and not even the good ones beside it are stored."""
    before = client.get(path).json()
    content = json.dumps(body).encode()
    expect_error(
        client.patch(path, content=content, headers={"Content-Type": "application/json"}), 422, "VALIDATION_ERROR"
    )
    after = client.get(path).json()
    assert {key: after[key] for key in UPDATE} == {key: before[key] for key in UPDATE}


def test_patch_of_an_unknown_file(client):
    """An unknown id is 404, whether there is anything to change or not; a bad body is told first or last, never as a fault."""
    for body in ({"title": "x"}, {}):
        expect_error(client.patch(f"{FILES}/{uuid4()}", json=body), 404, "NOT_FOUND")
    expect_error(client.patch(f"{FILES}/{uuid4()}", json={"title": 5}), 422, "VALIDATION_ERROR")


def test_a_deleted_file_is_gone_everywhere(client, path):
    """After DELETE the file is in the trash: 404 on every route, absent from lists and searches, listed as trashed."""
    file_id = path.rpartition("/")[2]
    deleted = expect(client.delete(path), DELETE)
    assert deleted["id"] == file_id
    assert abs(datetime.now(UTC) - _moment(deleted["deleted_at"])) < timedelta(minutes=5)
    for method, suffix in [
        ("GET", ""),
        ("GET", "/variant/original"),
        ("GET", "/variant/tiny_64"),
        ("GET", "/download"),
        ("PATCH", ""),
        ("POST", "/trigger-variants"),
        ("DELETE", ""),
    ]:
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        expect_error(client.request(method, path + suffix, **body), 404, "NOT_FOUND")
    expect_error(client.get(f"{FILES}/{file_id[:8]}"), 404, "NOT_FOUND")
    for parameters in ({}, {"search": "pier"}, {"ids": file_id}, {"tags": "fog"}, {"trashed": "false"}):
        page = expect(client.get(FILES, params=parameters), LIST)
        assert page == {"files": [], "total_count": 0, "has_more": False}
    trashed = expect(client.get(FILES, params={"trashed": "true"}), LIST)
    assert trashed["total_count"] == 1
    assert trashed["files"][0]["id"] == file_id
    assert trashed["files"][0]["deleted_at"] == deleted["deleted_at"]
    assert trashed["files"][0]["title"] == "Pier"


def test_the_trash_is_listed_by_the_same_rules(client):
    """Filters, search and paging work on trashed files, and live ones are not among them."""
    ids = [
        upload(client, photo(), title=title, tags=tags, auto_describe="false")["image_id"]
        for title, tags in (("one", "a"), ("two", "a,b"), ("three", "b"), ("live", "a"))
    ]
    for file_id in ids[:3]:
        client.delete(f"{FILES}/{file_id}")
    assert set(_listed(client, trashed="1", tags="a")) == set(ids[:2])
    assert _listed(client, trashed="1", search="three") == [ids[2]]
    assert _listed(client, trashed="1", search="live") == []
    pages = [
        client.get(FILES, params={"trashed": "1", "limit": "1", "offset": str(offset)}).json() for offset in range(3)
    ]
    assert {page["files"][0]["id"] for page in pages} == set(ids[:3])
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert _listed(client) == [ids[3]]
    assert client.get(FILES).json()["files"][0]["deleted_at"] is None


def test_restore_brings_everything_back(client, browser):
    """A restored file has its id, title, tags, variants and bytes again; only `updated_at` has moved."""
    data = photo(300, 200)
    made = upload(client, data, title="Pier", tags="fog", auto_describe="false")
    path = f"{FILES}/{made['image_id']}"
    before = wait_until_processed(client, made["image_id"])
    client.delete(path)
    restored = expect(client.post(f"{path}/restore"), RESTORE)
    assert restored["id"] == made["image_id"]
    after = expect(client.get(path), DETAIL)
    links = {"full_url", "thumbnail_url", "medium_url", "original_url"}  # signed anew, so perhaps for another time
    ignored = links | {"updated_at"}
    assert {key: after[key] for key in after.keys() - ignored} == {key: before[key] for key in before.keys() - ignored}
    assert _moment(after["updated_at"]) > _moment(before["updated_at"])
    assert browser.get(client.get(f"{path}/variant/small_256").headers["location"]).status_code == 200
    assert browser.get(client.get(f"{path}/download").headers["location"]).content == data
    assert _listed(client) == [made["image_id"]]
    assert _listed(client, trashed="true") == []


def test_only_what_is_deleted_can_be_restored(client, path):
    """Restoring a live file is 409, also right after it was restored; an unknown one is 404."""
    expect_error(client.post(f"{path}/restore"), 409, "CONFLICT")
    client.delete(path)
    expect(client.post(f"{path}/restore"), RESTORE)
    expect_error(client.post(f"{path}/restore"), 409, "CONFLICT")
    expect_error(client.post(f"{FILES}/{uuid4()}/restore"), 404, "NOT_FOUND")


def test_deleting_before_the_work_is_done(client):
    """A file deleted right after its upload can be restored, and its variants are made then."""
    ids = [upload(client, photo(500, 400), auto_describe="false")["image_id"] for _ in range(3)]
    for file_id in ids:
        expect(client.delete(f"{FILES}/{file_id}"), DELETE)
    for file_id in ids:
        expect(client.post(f"{FILES}/{file_id}/restore"), RESTORE)
        assert wait_until_processed(client, file_id)["variant_status"] == "completed"


def test_an_id_in_upper_case_is_the_same(client, path):
    """Ids in paths may be written in any letter case; answers are in lower case."""
    file_id = path.rpartition("/")[2]
    upper = f"{FILES}/{file_id.upper()}"
    assert expect(client.patch(upper, json={"title": "x"}), UPDATE)["id"] == file_id
    assert client.get(f"{upper}/download").status_code == 302
    assert expect(client.delete(upper), DELETE)["id"] == file_id
    assert expect(client.post(f"{upper}/restore"), RESTORE)["id"] == file_id
