"""Headers of every answer of the Vision API: section 1.5."""

from __future__ import annotations

import pytest

from tests.contracts.vision import GET, LIST, ROUTES, SEARCH, SOME_ID, SPELLINGS, UPLOAD, exchange, head, image, plant
from tests.contracts.vision_shapes import UNLIMITED, expect_error, is_new_id, rates, results

# Requests of an authenticated client and how each is answered.
ANSWERS = [
    ("POST", LIST, {}, 200),
    ("GET", "/images", {}, 200),
    ("POST", GET, {"json": {}}, 400),
    ("POST", LIST, {"content": b"{"}, 400),
    ("POST", UPLOAD, {"json": {}}, 400),
    ("POST", SEARCH, {"json": {}}, 400),
    ("GET", f"/images/{SOME_ID}", {}, 404),
    ("GET", "/images/no-uuid", {}, 404),
    ("PUT", LIST, {}, 405),
    ("POST", LIST, {"content": b"a,b", "headers": {"content-type": "text/csv"}}, 415),
    ("POST", "/videos/list", {}, 200),
    ("GET", f"/videos/{SOME_ID}", {}, 404),
    ("POST", "/videos/upload", {}, 400),
    ("GET", "/videos/groups/default", {}, 200),
    ("POST", "/qa/chat", {}, 501),
]
OUTSIDE = [("GET", "/nowhere", {}, 404), ("GET", "/v1/images/a/b/c", {}, 404)]


@pytest.mark.parametrize(("method", "path", "options", "status"), ANSWERS + OUTSIDE)
def test_every_answer_has_a_request_id_and_is_json(anyone, method, path, options, status):
    """Errors too: a fresh UUID and a body of type application/json."""
    first, second = (anyone.request(method, path, **options) for _ in range(2))
    for answer in (first, second):
        assert answer.status_code == status, answer.text
        assert is_new_id(answer.headers["x-request-id"])
        assert answer.headers["content-type"] == "application/json"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path", "options", "status"), ANSWERS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_authenticated_answer_tells_of_budgets(anyone, method, path, options, status, spelling):
    """Where no budget applies the headers read a million, a million, nothing to wait for."""
    answer = anyone.request(method, spelling + path, **options)
    assert answer.status_code == status
    assert rates(answer) == UNLIMITED


def test_uploads_and_searches_without_a_budget_tell_the_same(idle_client):
    """The routes that may have a budget have none by default."""
    answer = idle_client.post(UPLOAD, files={"images": ("a.txt", b"no picture")})
    assert (answer.status_code, rates(answer)) == (415, UNLIMITED)
    answer = idle_client.post(SEARCH, json={"query": "a red door"})
    assert (answer.status_code, rates(answer)) == (200, UNLIMITED)


def test_answers_that_need_no_key_have_a_request_id(idle, idle_client):
    """401, health, media, and links that are not valid."""
    link = image(idle_client, plant(idle_client)[0])["image_url"]
    with idle.client() as nobody:
        for path, status in (
            ("/images", 401),
            ("/health", 200),
            (link, 200),
            (link + "x", 403),
            (f"{idle.url}/nowhere", 404),
        ):
            answer = nobody.get(path, headers={"X-Request-ID": "abc-1"})
            assert (answer.status_code, answer.headers["x-request-id"]) == (status, "abc-1")
            assert is_new_id(nobody.get(path).headers["x-request-id"])


@pytest.mark.parametrize(
    "sane", ["a", "7", ".", "_", "-", "A.b_c-9", "x" * 128, "123e4567-e89b-12d3-a456-426614174000"]
)
def test_a_sane_request_id_is_echoed(anyone, sane):
    """Letters, digits, point, underscore and dash, up to 128 of them."""
    assert anyone.get("/images", headers={"X-Request-ID": sane}).headers["x-request-id"] == sane
    assert anyone.get("/nowhere", headers={"X-Request-ID": sane}).headers["x-request-id"] == sane


@pytest.mark.parametrize("odd", ["", "x" * 129, "a b", "a/b", "a:b", "a,b", "a\tb", "caf\xe9", "a;b", "<a>", "a\x7f"])
def test_any_other_request_id_is_replaced(idle, idle_key, odd):
    """Nothing of it comes back."""
    request = head("GET", "/images", "Host: x", f"X-Api-Key: {idle_key}", f"X-Request-ID: {odd}", "Connection: close")
    answer = exchange(idle, request)
    if answer.status_code == 200:  # the server's own parser may refuse what is no header at all
        assert is_new_id(answer.headers["x-request-id"])


def test_what_is_unknown_is_ignored(anyone):
    """Fields, query parameters and headers that mean nothing here change nothing."""
    answer = anyone.post(
        LIST,
        params={"limit": "nonsense", "x": "1"},
        json={"limit": 5, "color": {"deep": [1]}, "page_token": "x"},
        headers={"X-Enable-Overwrite-Metering": "true", "X-Limit": "0"},
    )
    assert results(answer) == []
    assert results(anyone.get("/images", params={"color": "red"})) == []


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_answer_is_bare(anyone, method, path, spelling):
    """No route answers with 422, with nothing, or with a `detail`."""
    answer = anyone.request(method, spelling + path)
    assert answer.status_code in {200, 400, 404}
    assert "detail" not in answer.json()
    if answer.status_code != 200:
        expect_error(answer, answer.status_code)


def test_a_refused_key_says_how_to_authenticate(idle):
    """401 names the scheme, and its X-Request-ID can be chosen like any other."""
    with idle.client() as nobody:
        answer = nobody.get("/images", headers={"X-Request-ID": "mine"})
    expect_error(answer, 401, "missing_api_key")
    assert answer.headers["x-request-id"] == "mine"
