"""What all answers have in common: request ids, rate limit headers and error bodies (sections 1.2 and 1.3)."""

from __future__ import annotations

import itertools
import re
import time
from uuid import UUID

import pytest

from tests.contracts.conftest import NARROW_RATE
from tests.contracts.photos import photo
from tests.contracts.shapes import LIST, expect, expect_error
from tests.running import upload

FILES = "/api/v2/user-files"
UNKNOWN = "6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11"


def _is_uuid(value):
    return str(UUID(value)) == value


@pytest.mark.parametrize("sent", ["a", "0f-12", "x" * 128, "two words ~!#", "{}"])
@pytest.mark.parametrize("path", [FILES, f"{FILES}/{UNKNOWN}", "/api/v2/nothing"])
def test_a_usable_request_id_comes_back(client, sent, path):
    """1 to 128 printable ASCII characters are echoed, on success and on error."""
    assert client.get(path, headers={"X-Request-ID": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", [None, "", "x" * 129, "naïve".encode(), b"tab\there", "漢字".encode()])
def test_any_other_request_id_is_replaced(client, sent):
    """An absent or unusable id is replaced by a fresh UUID, which an error's body repeats."""
    headers = {} if sent is None else {"X-Request-ID": sent}
    first, second = (client.get(f"{FILES}/{UNKNOWN}", headers=headers) for _ in range(2))
    assert _is_uuid(first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    expect_error(first, 404)


def test_a_sent_request_id_stands_in_the_error_body(server):
    """Also where authentication fails, the body's `request_id` is the sent one."""
    with server.client() as client:
        answer = client.get(FILES, headers={"X-Request-ID": "mine"})
    expect_error(answer, 401)
    assert answer.json()["request_id"] == "mine"


def test_rate_headers_stand_on_every_answer(server, client):
    """Limit, remaining and reset are integers on 2xx, 3xx and 4xx, and remaining goes down with each request."""
    made = upload(client, photo(), auto_describe="false")
    answers = [
        client.get(FILES),
        client.get(f"{FILES}/{made['image_id']}/download"),
        client.get(f"{FILES}/{UNKNOWN}"),
        client.get(f"{FILES}?limit=0"),
        client.put(FILES),
        client.get("/api/v2/nothing"),
    ]
    assert [answer.status_code for answer in answers] == [200, 302, 404, 422, 405, 404]
    with server.client() as stranger:
        answers.append(stranger.get(FILES))
    for answer in answers:
        limit, remaining, reset = (answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset"))
        assert all(re.fullmatch(r"\d+", value) for value in (limit, remaining, reset))
        assert 0 <= int(remaining) < int(limit)
        assert int(reset) >= int(time.time()) - 1
    for before, after in itertools.pairwise(answers[:6]):
        if before.headers["x-ratelimit-reset"] == after.headers["x-ratelimit-reset"]:
            assert int(after.headers["x-ratelimit-remaining"]) == int(before.headers["x-ratelimit-remaining"]) - 1


def test_signed_links_lie_outside_the_buckets(client, browser):
    """A signed link carries a request id, but counts towards no rate limit."""
    made = upload(client, photo(), auto_describe="false")
    link = client.get(f"{FILES}/{made['image_id']}/download").headers["location"]
    answer = browser.get(link, headers={"X-Request-ID": "mine"})
    assert answer.headers["x-request-id"] == "mine"
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_a_used_up_bucket_answers_429(narrow):
    """The request after the last allowed one is answered 429 with Retry-After, and only that key has to wait."""
    with narrow.client(narrow.new_key()) as client, narrow.client(narrow.new_key()) as other:
        for left in reversed(range(NARROW_RATE)):
            answer = client.get(FILES)
            assert answer.status_code == 200
            assert answer.headers["x-ratelimit-limit"] == str(NARROW_RATE)
            assert answer.headers["x-ratelimit-remaining"] == str(left)
        refused = client.post(f"{FILES}/batch-delete", content=b"{")
        expect_error(refused, 429, "RATE_LIMIT_ERROR")
        assert refused.headers["x-ratelimit-remaining"] == "0"
        wait = int(refused.headers["x-ratelimit-reset"]) - time.time()
        assert abs(int(refused.headers["retry-after"]) - wait) < 5
        expect(other.get(FILES), LIST)


def test_strangers_share_the_bucket_of_their_address(narrow):
    """Requests without a valid key are limited too, by address, without harm to those with a key."""
    with narrow.client() as one, narrow.client("calo_" + "x" * 40) as other:
        answers = [client.get(FILES) for client in (one, other) * (NARROW_RATE // 2 + 1)]
    assert [answer.status_code for answer in answers] == [401] * NARROW_RATE + [429] * 2
    expect_error(answers[-1], 429, "RATE_LIMIT_ERROR")
    with narrow.client(narrow.new_key()) as client:
        expect(client.get(FILES), LIST)


@pytest.mark.parametrize("path", ["/api/v2", "/api/v2/", "/api/v2/nothing", f"{FILES}/", f"{FILES}/a/b/c/d"])
def test_an_unknown_route_is_404(client, path):
    """Unknown paths get the common error body."""
    expect_error(client.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", FILES, {"GET"}),
        ("POST", FILES, {"GET"}),
        ("GET", f"{FILES}/upload/initiate/", None),
        ("PUT", f"{FILES}/{UNKNOWN}", {"GET", "PATCH", "DELETE"}),
        ("POST", f"{FILES}/{UNKNOWN}/download", {"GET"}),
        ("GET", f"{FILES}/{UNKNOWN}/restore", {"POST"}),
        ("DELETE", f"{FILES}/{UNKNOWN}/trigger-variants", {"POST"}),
    ],
)
def test_a_wrong_method_is_405_with_all_right_ones(client, method, path, allowed):
    """405 comes with every method the path has in `Allow`."""
    answer = client.request(method, path)
    if allowed is None:
        expect_error(answer, 404, "NOT_FOUND")
        return
    expect_error(answer, 405, "VALIDATION_ERROR")
    assert {word.strip() for word in answer.headers["allow"].split(",")} - {"HEAD", "OPTIONS"} == allowed


BAD_BODIES = {
    "empty": b"",
    "cut off": b'{"title": "x"',
    "array": b"[]",
    "null": b"null",
    "string": b'"title"',
    "number": b"1",
    "not UTF-8": b'{"title": "\xff\xfe"}',
    "nested too deeply": b"[" * 100_000,
    "a number without end": b'{"size_bytes": ' + b"9" * 5000 + b"}",
    "NUL": b"\x00",
}


@pytest.mark.parametrize("path", [f"{FILES}/batch-delete", f"{FILES}/upload/confirm", f"{FILES}/upload/stream"])
@pytest.mark.parametrize("announced", [True, False])
def test_an_endless_json_body_is_413(client, path, announced):
    """A JSON body of megabytes is refused with the common error body, whether its length was announced or not."""
    body = b'{"file_ids": ["' + b"x" * 3_000_000 + b'"]}'
    answer = client.post(
        path, content=body if announced else iter([body]), headers={"Content-Type": "application/json"}
    )
    if path.endswith("stream"):
        expect_error(answer, 422, "VALIDATION_ERROR")  # no form at all, which is known without reading it
    else:
        expect_error(answer, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", f"{FILES}/{UNKNOWN}"), ("POST", f"{FILES}/batch-delete"), ("POST", f"{FILES}/upload/confirm")],
)
def test_a_body_that_is_no_json_object_is_422(client, name, method, path):
    """What is not JSON, or not an object, is refused as 422, whatever it is instead."""
    answer = client.request(method, path, content=BAD_BODIES[name], headers={"Content-Type": "application/json"})
    expect_error(answer, 422, "VALIDATION_ERROR")


def test_unknown_keys_fields_and_parameters_are_ignored(client):
    """What the server does not know changes nothing."""
    made = upload(client, photo(), auto_describe="false", colour="green", folder="x")
    path = f"{FILES}/{made['image_id']}"
    assert client.get(path, params={"colour": "green"}).status_code == 200
    assert client.get(FILES, params={"colour": "green"}).json()["total_count"] == 1
    assert client.patch(path, json={"title": "kept", "size_bytes": 0, "id": UNKNOWN}).json()["title"] == "kept"


def test_the_documentation_needs_no_key(server):
    """Health, metrics, the OpenAPI document and its page answer anybody."""
    with server.client() as client:
        for path in ("/health", "/metrics", "/openapi.json", "/docs"):
            assert client.get(path).status_code == 200, path


def test_a_browser_is_led_to_the_documentation_and_a_program_is_told_that_nothing_is_there(server):
    """Of the address that the server prints when it is ready."""
    with server.client() as client:
        person = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (person.status_code, person.headers["location"]) == (307, "/docs")
        for program in (client.get("/"), client.get("/", headers={"Accept": "application/json"})):
            assert (program.status_code, program.json()["error"]["code"]) == (404, "route_not_found")
