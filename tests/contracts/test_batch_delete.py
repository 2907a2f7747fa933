"""Deleting several files at once: section 4.4, point 27 of the checklist."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.contracts import planting
from tests.contracts.photos import photo
from tests.contracts.shapes import BATCH_DELETE, LIST, expect, expect_error
from tests.running import upload

FILES = "/api/v2/user-files"
URL = f"{FILES}/batch-delete"


def _upload(client, count=1):
    return [upload(client, photo(), auto_describe="false")["image_id"] for _ in range(count)]


def _delete(client, ids):
    body = expect(client.post(URL, json={"file_ids": ids}), BATCH_DELETE)
    lists = {name: body[name] for name in ("deleted", "skipped", "failed")}
    assert body["summary"] == {name: len(entries) for name, entries in lists.items()} | {"total": len(ids)}
    for name, entries in lists.items():
        assert all(entry["status"] == name for entry in entries)
        assert all((entry["deleted_at"] is not None) == (name == "deleted") for entry in entries)
        assert all((entry["message"] is None) == (name == "deleted") for entry in entries)
    everything = [entry["id"] for entries in lists.values() for entry in entries]
    assert sorted(everything) == sorted(ids, key=str.lower) or sorted(everything) == sorted(map(str.lower, ids))
    return {name: [entry["id"] for entry in entries] for name, entries in lists.items()}


def _listed(client, **parameters):
    return {item["id"] for item in expect(client.get(FILES, params=parameters), LIST)["files"]}


def test_known_files_are_deleted_and_others_fail(client, new_client):
    """Each id ends in exactly one list; unknown, foreign and already deleted ones fail as not found."""
    known, gone, kept = _upload(client, 3)
    client.delete(f"{FILES}/{gone}")
    other = new_client()
    foreign, unknown = _upload(other)[0], str(uuid4())
    answer = client.post(URL, json={"file_ids": [known, unknown, foreign, gone]}).json()
    assert {entry["message"] for entry in answer["failed"]} == {"File not found"}
    assert [entry["id"] for entry in answer["deleted"]] == [known]
    assert {entry["id"] for entry in answer["failed"]} == {unknown, foreign, gone}
    assert _listed(client) == {kept}
    assert _listed(client, trashed="1") == {known, gone}
    assert _listed(other) == {foreign}


def test_all_may_fail(client):
    """A batch of nothing but unknown ids is still answered 200."""
    ids = [str(uuid4()) for _ in range(3)]
    assert _delete(client, ids) == {"deleted": [], "skipped": [], "failed": ids}


def test_pending_work_does_not_block(narrow_client):
    """Files whose work still waits are deleted."""
    ids = _upload(narrow_client, 2)
    assert _delete(narrow_client, ids) == {"deleted": ids, "skipped": [], "failed": []}


def test_files_being_worked_on_are_skipped(narrow, narrow_client):
    """A file that is processed at that moment is passed over, but a single DELETE takes it."""
    waiting, busy = _upload(narrow_client, 2)
    planting.alter(narrow, "UPDATE asset SET variant_status = 'processing' WHERE id = %s", busy)
    answer = narrow_client.post(URL, json={"file_ids": [busy, waiting]}).json()
    assert answer["skipped"] == [
        {"id": busy, "status": "skipped", "message": "File is currently processing", "deleted_at": None}
    ]
    assert [entry["id"] for entry in answer["deleted"]] == [waiting]
    assert _listed(narrow_client) == {busy}
    assert narrow_client.delete(f"{FILES}/{busy}").status_code == 200


def test_upper_case_ids_are_the_same_ids(client):
    """Ids may be written in any letter case, and come back in lower case."""
    ids = _upload(client, 2)
    assert _delete(client, [file_id.upper() for file_id in ids])["deleted"] == ids


def test_a_hundred_are_allowed(client):
    """100 ids are the most."""
    ids = [*_upload(client), *(str(uuid4()) for _ in range(99))]
    found = _delete(client, ids)
    assert (found["deleted"], len(found["failed"])) == (ids[:1], 99)


@pytest.mark.parametrize(
    "others",
    [
        [str(uuid4()) for _ in range(100)],
        ["same"],
        ["SAME"],
        ["not-an-id"],
        ["550e8400"],
        [None],
        [5],
        [[]],
    ],
    ids=["101", "repeat", "repeat in upper case", "junk", "prefix", "null", "number", "array"],
)
def test_a_bad_batch_deletes_nothing(client, others):
    """One id too many, a repeat, or anything that is no UUID refuses the whole batch."""
    file_id = _upload(client)[0]
    same = {"same": file_id, "SAME": file_id.upper()}
    ids = [file_id, *(same.get(other, other) if isinstance(other, str) else other for other in others)]
    expect_error(client.post(URL, json={"file_ids": ids}), 422, "VALIDATION_ERROR")
    assert _listed(client) == {file_id}


@pytest.mark.parametrize(
    "body", [{}, {"file_ids": []}, {"file_ids": None}, {"file_ids": "x"}, {"file_ids": {}}, {"ids": []}]
)
def test_ids_are_required(client, body):
    """No ids at all are 422."""
    expect_error(client.post(URL, json=body), 422, "VALIDATION_ERROR")
