"""Budgets of a key over 24 hours: section 1.5, and point 5 of the checklist."""

from __future__ import annotations

import threading

import pytest

from tests.contracts.conftest import BUDGET
from tests.contracts.photos import photo
from tests.contracts.vision import LIST, SEARCH, UPLOAD, exchange, head, listed, upload
from tests.contracts.vision_shapes import UNLIMITED, expect_error, rates

DAY = 24 * 3600


@pytest.fixture
def key(budgeted):
    """The key of a tenant of its own."""
    return budgeted.new_key()


@pytest.fixture
def spender(budgeted, key):
    """A client with that key."""
    with budgeted.client(key) as client:
        yield client


def _upload(client, path=UPLOAD):
    return upload(client, photo(), path=path)


def _search(client, path=SEARCH):
    return client.post(path, json={"query": "gate"})


CALLS = {UPLOAD: _upload, SEARCH: _search}


def _numbers(answer):
    return tuple(int(value) for value in rates(answer))


@pytest.mark.parametrize("path", CALLS)
def test_a_budget_is_spent_and_then_refused(spender, path):
    """Both spellings count together; the headers count down, and tell when a call will be possible again."""
    paths = [path, f"/v1{path}"]
    for used in range(1, BUDGET + 1):
        answer = CALLS[path](spender, paths[used % 2])
        assert answer.status_code == 200, answer.text
        limit, remaining, reset, retry = _numbers(answer)
        assert (limit, remaining, retry) == (BUDGET, BUDGET - used, 0)
        assert 0 <= reset <= DAY
    for each in [*paths, path + "/"]:
        answer = CALLS[path](spender, each)
        expect_error(answer, 429, "rate_limit_exceeded")
        limit, remaining, reset, retry = _numbers(answer)
        assert (limit, remaining) == (BUDGET, 0)
        assert 1 <= reset <= DAY
        assert 1 <= retry <= DAY


def test_budgets_are_apart(budgeted, spender):
    """One route's budget is not another's, and one key's not another's, even of the same account."""
    for _ in range(BUDGET + 1):
        last = _search(spender)
    expect_error(last, 429)
    assert _upload(spender).status_code == 200
    assert rates(spender.post(LIST)) == UNLIMITED
    assert spender.post(LIST).status_code == 200
    tenant = "an account with two keys"
    with budgeted.client(budgeted.new_key(tenant)) as first, budgeted.client(budgeted.new_key(tenant)) as second:
        assert [_search(first).status_code for _ in range(BUDGET + 1)] == [200] * BUDGET + [429]
        assert _search(second).status_code == 200


def test_a_refused_upload_keeps_nothing(spender):
    """A call over budget uploads nothing."""
    for _ in range(BUDGET + 2):
        _upload(spender)
    assert len(listed(spender)) == BUDGET


def test_a_bad_key_spends_nothing(budgeted, spender):
    """401 is neither counted nor told of budgets."""
    with budgeted.client() as nobody:
        for _ in range(BUDGET + 1):
            expect_error(_search(nobody), 401)
    assert _search(spender).status_code == 200


def test_a_budget_is_checked_before_the_body(budgeted, key, spender):
    """Who may not upload need not send anything."""
    for _ in range(BUDGET):
        _upload(spender)
    lines = [
        "Host: x",
        f"X-Api-Key: {key}",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Length: 100000000",
    ]
    expect_error(exchange(budgeted, head("POST", UPLOAD, *lines, "Expect: 100-continue")), 429, "rate_limit_exceeded")
    expect_error(spender.post(UPLOAD, content=b"a", headers={"content-type": "text/csv"}), 429)


def test_calls_at_once_never_pass_together(budgeted, key):
    """Of many at the same time exactly as many pass as the budget has."""
    statuses, gate = [], threading.Barrier(8)

    def call():
        with budgeted.client(key) as client:
            gate.wait()
            statuses.append(_search(client).status_code)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * BUDGET + [429] * (8 - BUDGET)


def test_the_limit_of_requests_speaks_the_same_words(narrow):
    """The server's own limit of requests is answered with this API's error body and headers."""
    with narrow.client(narrow.new_key()) as client:
        answers = [client.get("/images") for _ in range(12)]
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    expect_error(answers[-1], 429, "rate_limit_exceeded")
    assert all(value is not None and value.isdigit() for value in rates(answers[-1]))
