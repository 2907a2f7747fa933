"""`POST /uploads/check-duplicates`: section 7.1 and point 32 of the checklist."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.contracts.photos import photo
from tests.contracts.shapes import CHECK_DUPLICATES, expect, expect_error
from tests.running import upload

URL = "/api/v2/uploads/check-duplicates"
FILES = "/api/v2/user-files"


def sha256(data):
    """The sum as clients send it."""
    return hashlib.sha256(data).hexdigest()


def check(client, hashes):
    """The body of the answer."""
    return expect(client.post(URL, json={"hashes": hashes}), CHECK_DUPLICATES)


def test_hashes_come_back_as_they_were_sent_each_in_one_list(client):
    """Any case, bare or prefixed; exact repeats once, in the order they came in, other spellings of the same sum apart."""
    stored = [photo() for _ in range(2)]
    for data in stored:
        upload(client, data, auto_describe="false")
    one, two = map(sha256, stored)
    new = sha256(b"new")
    sent = [new.upper(), f"sha256:{two}", one, f"sha256:{new}", one, one.upper(), f"sha256:{two.upper()}", new.upper()]

    body = check(client, sent)

    assert body["duplicates"] == [f"sha256:{two}", one, one.upper(), f"sha256:{two.upper()}"]
    assert body["unique"] == [new.upper(), f"sha256:{new}"]


def test_one_to_250_hashes_are_taken(client):
    """The limits themselves are allowed, also when all are the same; beyond them is 422."""
    data = photo()
    upload(client, data, auto_describe="false")
    others = [os.urandom(32).hex() for _ in range(249)]
    assert check(client, [*others, sha256(data)]) == {"duplicates": [sha256(data)], "unique": others}
    assert check(client, [sha256(data)] * 250) == {"duplicates": [sha256(data)], "unique": []}
    expect_error(client.post(URL, json={"hashes": []}), 422, "VALIDATION_ERROR")
    expect_error(client.post(URL, json={"hashes": [sha256(data)] * 251}), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a" * 63,
        "a" * 65,
        "g" * 64,
        "sha256:",
        "SHA256:" + "a" * 64,
        "sha1:" + "a" * 64,
        " " + "a" * 64,
        "a" * 64 + "\n",
        "a" * 63 + "\x00",
        "\uff41" * 64,
        "\u0663" * 64,
        12,
        None,
        True,
        ["a" * 64],
        {"hash": "a" * 64},
    ],
)
def test_what_is_no_sum_is_refused(client, bad):
    """One bad entry refuses all of the request, and its place is named."""
    answer = client.post(URL, json={"hashes": ["a" * 64, bad]})
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["detail"][0]["loc"] == ["body", "hashes", 1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"a"',
        b"{}",
        b'{"hashes": null}',
        b'{"hashes": {}}',
        b'{"hashes": ["\\ud800"]}',
        b'{"hashes": ["' + b"a" * 64 + b'"]}, ',
        b'{"hashes": "' + b"a" * 64 + b'"}',
    ],
)
def test_other_bodies_are_refused(client, body):
    """The body is an object with an array of hashes."""
    answer = client.post(URL, content=body, headers={"Content-Type": "application/json"})
    expect_error(answer, 422, "VALIDATION_ERROR")


def test_unknown_keys_are_ignored(client):
    """More keys than the one are no fault."""
    body = expect(client.post(URL, json={"hashes": ["b" * 64], "algorithm": "sha256"}), CHECK_DUPLICATES)
    assert body["unique"] == ["b" * 64]


def test_only_live_files_of_the_tenant_count(client, new_client):
    """Trashed files, announced uploads and other tenants' files are unknown; restoring makes a file known again."""
    data, announced = photo(), photo()
    file_id = upload(client, data, auto_describe="false")["image_id"]
    form = {"filename": "a.jpg", "content_type": "image/jpeg", "size_bytes": str(len(announced))}
    made = client.post(f"{FILES}/upload/initiate", data=form).json()
    assert client.put(made["upload_url"], content=announced).status_code == 200
    hashes = [sha256(data), sha256(announced)]
    assert check(client, hashes) == {"duplicates": hashes[:1], "unique": hashes[1:]}
    assert check(new_client(), hashes) == {"duplicates": [], "unique": hashes}

    client.delete(f"{FILES}/{file_id}")
    assert check(client, hashes) == {"duplicates": [], "unique": hashes}
    client.post(f"{FILES}/{file_id}/restore")
    confirmed = {key: made[key] for key in ("object_key", "image_id")} | {"size_bytes": len(announced)}
    assert client.post(f"{FILES}/upload/confirm", json=confirmed).status_code == 200
    assert check(client, hashes) == {"duplicates": hashes, "unique": []}


def test_the_sum_of_a_file_is_the_one_its_detail_tells(client):
    """`hash` of the detail can be sent as it is."""
    file_id = upload(client, photo(), auto_describe="false")["image_id"]
    told = client.get(f"{FILES}/{file_id}").json()["hash"]
    assert check(client, [told]) == {"duplicates": [told], "unique": []}
