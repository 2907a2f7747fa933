"""Credentials of the Vision API and whose objects a key sees: section 1.2."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import (
    DELETE,
    GET,
    LIST,
    ROUTES,
    SEARCH,
    SOME_ID,
    SPELLINGS,
    UPLOAD,
    exchange,
    head,
    multipart,
    part,
    plant,
)
from tests.contracts.vision_shapes import expect_error, ids, results
from tests.running import PATIENCE, wait_for

WRONG = "calo_" + "z" * 40


@pytest.mark.parametrize(
    "name", ["X-Api-Key", "x-api-key", "X-API-KEY", "Authorization", "authorization", "AUTHORIZATION"]
)
def test_a_key_is_taken_from_either_header_however_it_is_written(idle, idle_key, name):
    """Header names are read without regard to case."""
    value = idle_key if name.lower() == "x-api-key" else f"Bearer {idle_key}"
    answer = exchange(idle, head("GET", "/images", "Host: x", f"{name}: {value}", "Connection: close"))
    assert results(answer) == []


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_word_bearer_is_read_in_any_case(idle, idle_key, word):
    """The scheme of an Authorization header has no case."""
    with idle.client() as client:
        assert results(client.get("/images", headers={"Authorization": f"{word} {idle_key}"})) == []


def test_with_both_headers_the_api_key_counts(idle, idle_key):
    """X-Api-Key wins, whether it is the right one or the wrong one."""
    with idle.client() as client:
        both = {"X-Api-Key": idle_key, "Authorization": f"Bearer {WRONG}"}
        assert results(client.post(LIST, headers=both)) == []
        both = {"X-Api-Key": WRONG, "Authorization": f"Bearer {idle_key}"}
        expect_error(client.post(LIST, headers=both), 401, "invalid_api_key")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_wants_a_key(idle, method, path, spelling):
    """Without a key, and with one that was never given out: 401, also for ids that nobody has and without any body."""
    with idle.client() as nobody:
        expect_error(nobody.request(method, spelling + path), 401, "missing_api_key")
        expect_error(nobody.request(method, spelling + path, headers={"X-Api-Key": WRONG}), 401, "invalid_api_key")


@pytest.mark.parametrize("path", [UPLOAD, GET, LIST, DELETE, SEARCH])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b"\xff"),
        ("text/csv", b"a,b"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"broken"),
        ("application/x-www-form-urlencoded", b"image_ids=%ff"),
    ],
)
def test_a_bad_request_without_a_key_is_unauthenticated(idle, path, kind, body):
    """The credential is checked before anything of the body."""
    with idle.client() as nobody:
        expect_error(nobody.post(path, content=body, headers={"content-type": kind}), 401, "missing_api_key")


@pytest.mark.parametrize(
    "value", [WRONG, "x", "calo_", "Bearer " + WRONG, "k" * 4000, "calo_\xe9\xff", '"; DROP TABLE api_key', "%00"]
)
def test_a_wrong_key_of_any_kind_is_invalid(idle, value):
    """What is no key of this server is told so, whatever it is made of."""
    answer = exchange(idle, head("GET", "/images", "Host: x", f"X-Api-Key: {value}", "Connection: close"))
    expect_error(answer, 401, "invalid_api_key")


def test_an_expired_key_is_invalid(idle):
    """A key whose time is over opens nothing."""
    key = idle.new_key(expires_at=datetime.now(UTC) + timedelta(seconds=1))
    with idle.client(key) as client:
        wait_for(lambda: client.get("/images").status_code == 401, "the key did not expire")
        expect_error(client.get("/images"), 401, "invalid_api_key")


def test_a_refusal_needs_no_body(idle):
    """A client that waits with its body until it may send it is answered by the refusal at once."""
    lines = ["Host: x", "Content-Type: application/json", "Content-Length: 1000000000", "Expect: 100-continue"]
    expect_error(exchange(idle, head("POST", UPLOAD, *lines)), 401, "missing_api_key")


def test_a_refusal_is_seen_by_a_client_that_sends_everything_first(idle):
    """The vendor's own sample uploads ten photos without its key by simply sending them; it must read 401 and no reset."""
    body = multipart(*(part("images", bytes(2_000_000), f"test_image_{n}.jpg", "image/jpeg") for n in range(10)))
    address = urlsplit(idle.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    connection.request("POST", UPLOAD, body, {"Content-Type": "multipart/form-data; boundary=one-boundary"})
    answer = connection.getresponse()
    assert answer.status == 401
    assert b"missing_api_key" in answer.read()
    connection.close()


def test_keys_of_one_account_see_the_same(idle):
    """An object belongs to the account, and not to the key it came with."""
    tenant = "shared account"
    with idle.client(idle.new_key(tenant)) as first, idle.client(idle.new_key(tenant)) as second:
        image_id = plant(first)[0]
        assert ids(second.get("/images")) == [image_id]
        assert second.delete(f"/images/{image_id}").status_code == 200
        assert ids(first.get("/images")) == []


def test_a_user_id_never_changes_the_account(idle):
    """Naming somebody else in the body is ignored, as any unknown field is."""
    with idle.client(idle.new_key()) as owner, idle.client(idle.new_key()) as stranger:
        image_id = plant(owner)[0]
        for user in (SOME_ID, image_id, "owner"):
            assert ids(stranger.post(LIST, json={"user_id": user})) == []
            assert ids(stranger.post(GET, json={"image_ids": [image_id], "user_id": user})) == []
        answer = stranger.post(UPLOAD, files={"images": ("a.jpg", photo())}, data={"user_id": SOME_ID})
        assert ids(answer) == ids(stranger.get("/images"))
        assert ids(owner.get("/images")) == [image_id]


def test_another_accounts_images_behave_like_unknown_ones(idle):
    """Omitted, 404 or `not_found`, never 403; and nothing of them changes."""
    with idle.client(idle.new_key()) as owner, idle.client(idle.new_key()) as stranger:
        image_id = plant(owner)[0]
        assert ids(stranger.post(GET, json={"image_ids": [image_id, SOME_ID]})) == []
        assert ids(stranger.post(LIST, json={"image_ids": [image_id]})) == []
        assert ids(stranger.get("/images", params={"ids": image_id})) == []
        for method in ("GET", "DELETE"):
            theirs, nobodys = (stranger.request(method, f"/images/{each}") for each in (image_id, SOME_ID))
            error = expect_error(theirs, 404, "image_not_found", "image_id")
            other = expect_error(nobodys, 404, "image_not_found", "image_id")
            assert error["message"].replace(image_id, "") == other["message"].replace(SOME_ID, "")
        body = stranger.post(DELETE, json={"image_ids": [image_id]}).json()
        assert (body["deleted"], body["not_found"]) == ([], [image_id])
        assert ids(owner.get("/images")) == [image_id]
