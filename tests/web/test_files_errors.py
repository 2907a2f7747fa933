"""How the Files API says that something went wrong."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain import errors as domain
from calotype.web.apis.files import errors
from tests.contracts.shapes import ERROR_CODES

ALL = sorted(
    (
        kind
        for _, kind in inspect.getmembers(domain, inspect.isclass)
        if issubclass(kind, domain.CalotypeError) and kind is not domain.CalotypeError
    ),
    key=lambda kind: kind.__name__,
)


def body(response):
    """The decoded body of an answer."""
    return json.loads(response.body)


def test_every_domain_error_has_a_status():
    """A new error cannot be forgotten, and an error that is gone leaves nothing behind."""
    assert errors.STATUS.keys() == set(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_domain_error_becomes_the_common_body(kind):
    """Status and code fit the specification's table, and the body has its one shape."""
    answer = errors.to_wire(kind("what happened", field="title", limit=5), "id")
    found = body(answer)
    assert found.keys() == {"error", "request_id", "detail"}
    assert found["error"].keys() == {"code", "message", "details"}
    assert found["request_id"] == "id"
    codes = ERROR_CODES | {500: {"INTERNAL_ERROR"}, 503: {"INTERNAL_ERROR"}}
    assert found["error"]["code"] in codes[answer.status_code]
    if answer.status_code == 422:
        assert found["detail"] == [{"loc": ["body", "title"], "msg": "what happened", "type": kind.code}]
        assert found["error"]["details"] == {"field": "body.title", "issue": "what happened"}
    else:
        assert found["detail"] == found["error"]["message"]


@pytest.mark.parametrize("kind", [domain.Unavailable, domain.SandboxFailure])
def test_what_broke_inside_stays_inside(kind):
    """5xx answers tell neither the reason nor its context."""
    secret = "/var/lib/calotype: postgresql://user:password@host"
    answer = errors.to_wire(kind(secret, path=secret), "id")
    assert answer.status_code in {500, 503}
    assert secret not in answer.body.decode()


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (domain.Unauthenticated("x"), "www-authenticate", "Bearer"),
        (domain.CredentialExpired("x"), "www-authenticate", "Bearer"),
        (domain.RateLimited("x", retry_after=17), "retry-after", "17"),
        (domain.NotReady("x"), "retry-after", "1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_some_errors_carry_a_header(error, header, value):
    """How to authenticate, and when to ask again."""
    assert errors.to_wire(error, "id").headers[header] == value


def test_only_not_ready_suggests_to_ask_again():
    """What does not exist and never will has no Retry-After."""
    assert "retry-after" not in errors.to_wire(domain.NotFound("x"), "id").headers


LOCATIONS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.integers(0, 9), min_size=1, max_size=4
)


@given(st.lists(st.tuples(LOCATIONS, st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=4))
def test_invalid_requests_list_every_fault(faults):
    """`detail` has an entry for each fault in order, and `details` speaks of the first; inputs are never echoed."""
    listed = [{"loc": tuple(loc), "msg": msg, "type": "t", "input": "SECRET", "ctx": {"a": 1}} for loc, msg in faults]
    found = body(errors.invalid(listed, "id"))
    assert found["detail"] == [{"loc": loc, "msg": msg, "type": "t"} for loc, msg in faults]
    assert found["error"]["details"] == {"field": ".".join(map(str, faults[0][0])), "issue": faults[0][1]}
    assert found["error"]["code"] == "VALIDATION_ERROR"


def test_an_answer_does_not_grow_with_the_faults():
    """Of very many the first fifty are told."""
    listed = [{"loc": ("body", "ids", place), "msg": "no id", "type": "t"} for place in range(5_000)]
    found = body(errors.invalid(listed, "id"))
    assert [entry["loc"][-1] for entry in found["detail"]] == list(range(50))
    assert found["error"]["details"] == {"field": "body.ids.0", "issue": "no id"}


@pytest.mark.parametrize(
    ("status", "code"), [(404, "NOT_FOUND"), (405, "VALIDATION_ERROR"), (413, "PAYLOAD_TOO_LARGE")]
)
def test_what_the_framework_refuses_looks_the_same(status, code):
    """Unknown routes, wrong methods and endless bodies get the common body and keep their headers."""
    answer = errors.http_error(status, "Refused", {"allow": "GET"}, "id")
    assert (answer.status_code, answer.headers["allow"]) == (status, "GET")
    assert body(answer)["error"] == {"code": code, "message": "Refused", "details": {}}


@given(st.text(), st.text())
def test_whatever_was_sent_can_be_repeated(message, name):
    """NUL, halves of surrogate pairs and everything else come through escaped."""
    said = message + "\ud800"
    found = body(errors.to_wire(domain.Unsupported(said, content_type=name), "id"))
    assert (found["detail"], found["error"]["details"]) == (said, {"content_type": name})
    found = body(errors.to_wire(domain.InvalidInput(said, field=name), "id"))
    assert found["detail"] == [{"loc": ["body", name], "msg": said, "type": "invalid_input"}]
