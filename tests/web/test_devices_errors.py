"""How the Devices API says that something went wrong."""

from __future__ import annotations

import inspect
import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calotype.domain import errors as domain
from calotype.web.apis.devices import errors
from calotype.web.apis.devices.wire.batch import BatchQuery
from calotype.web.apis.devices.wire.device import CreateDeviceRequest, UpdateDeviceRequest
from calotype.web.apis.devices.wire.envelope import WindowQuery
from tests.contracts.device_shapes import STATUS_OF

ALL = sorted(
    (
        kind
        for _, kind in inspect.getmembers(domain, inspect.isclass)
        if issubclass(kind, domain.CalotypeError) and kind is not domain.CalotypeError
    ),
    key=lambda kind: kind.__name__,
)
SECRET = "/var/lib/calotype: postgresql://user:password@host"


def body(response):
    """The error of an answer, which must have its one shape."""
    found = json.loads(response.body)
    assert list(found) == ["success", "error", "request_id"]
    assert (found["success"], found["request_id"]) == (False, "id")
    assert list(found["error"]) == ["code", "message", "details"]
    assert isinstance(found["error"]["details"], dict)
    assert response.headers["content-type"] == "application/json"
    return found["error"]


def test_every_domain_error_has_a_status():
    """A new error cannot be forgotten, and an error that is gone leaves nothing behind."""
    assert errors.STATUS.keys() == set(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_domain_error_becomes_the_common_body(kind):
    """Its code has the status of the specification's table; nothing of what broke inside is told."""
    answer = errors.to_wire(kind(SECRET, field="title", limit=5), "id")
    error = body(answer)
    others = {"CONFLICT": 409, "QUOTA_EXCEEDED": answer.status_code, "INTERNAL_ERROR": answer.status_code}
    assert (STATUS_OF | others)[error["code"]] == answer.status_code
    assert (error["code"] == "INTERNAL_ERROR") == (answer.status_code >= 500)
    if answer.status_code >= 500:
        assert SECRET not in answer.body.decode()
        assert error["details"] == {}
    else:
        assert error["message"] == SECRET
        expected = {"field": "image" if issubclass(kind, domain.UndecodablePicture) else "title", "limit": 5}
        assert error["details"] == ({} if answer.status_code == 401 else expected)


@pytest.mark.parametrize(
    ("error", "status", "code", "details"),
    [
        (domain.Unauthenticated("x"), 401, "UNAUTHORIZED", {}),
        (domain.CredentialExpired("x", scheme="DeviceKey"), 401, "UNAUTHORIZED", {}),
        (domain.InvalidInput("x", field="metadata.a[2]"), 422, "VALIDATION_ERROR", {"field": "metadata.a[2]"}),
        (domain.EmptyFile("x", field="file"), 422, "VALIDATION_ERROR", {"field": "image"}),
        (domain.UndecodablePicture("x"), 422, "VALIDATION_ERROR", {"field": "image"}),
        (domain.IncompletePicture("x"), 422, "VALIDATION_ERROR", {"field": "image"}),
        (domain.TooManyPixels("x", limit=1, actual=2), 422, "VALIDATION_ERROR", {"limit": 1, "actual": 2}),
        (domain.TooLarge("x", limit=9), 413, "FILE_TOO_LARGE", {"limit": 9}),
        (domain.Unsupported("x", content_type="image/gif"), 415, "UNSUPPORTED_FORMAT", {"content_type": "image/gif"}),
        (domain.IdempotencyConflict("x"), 409, "IDEMPOTENCY_CONFLICT", {}),
        (domain.NotFound("x"), 404, "NOT_FOUND", {}),
        (domain.RateLimited("x", retry_after=3), 429, "RATE_LIMITED", {"retry_after": 3}),
    ],
)
def test_codes_are_those_of_the_table(error, status, code, details):
    """What programs tell failures apart by, and what the details say beside it."""
    answer = errors.to_wire(error, "id")
    found = body(answer)
    assert (answer.status_code, found["code"]) == (status, code)
    assert found["details"] == details | ({"field": "image"} if isinstance(error, domain.UndecodablePicture) else {})
    scheme = {"DeviceKey": "DeviceKey"}.get(error.context.get("scheme"), "Bearer")
    assert answer.headers.get("www-authenticate") == (scheme if status == 401 else None)
    assert answer.headers.get("retry-after") == ("3" if status == 429 else None)


@pytest.mark.parametrize("batch", [uuid4(), None])
def test_ids_in_details_are_as_they_are_on_the_wire(batch):
    """Each with its prefix; a duplicate that no device sent has no batch, and says so; other ids are plain."""
    image, other = uuid4(), uuid4()
    error = domain.DuplicateImage("x", image_id=image, batch_id=batch, asset_id=other)
    assert body(errors.to_wire(error, "id"))["details"] == {
        "image_id": f"img_{image}",
        "batch_id": f"batch_{batch}" if batch else None,
        "asset_id": str(other),
    }


def test_what_passes_may_be_tried_again():
    """A service that is gone for the moment says when."""
    answer = errors.to_wire(domain.Unavailable(SECRET), "id")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@given(st.text(), st.text())
def test_whatever_was_sent_can_be_repeated(message, name):
    """NUL, halves of surrogate pairs and everything else come through escaped."""
    error = body(errors.to_wire(domain.Unsupported(message + "\ud800", content_type=name), "id"))
    assert (error["message"], error["details"]) == (message + "\ud800", {"content_type": name})


def refused(model, fields, place):
    """The details of the answer to a request that does not fit its model."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    faults = [{**fault, "loc": (place, *fault["loc"])} for fault in caught.value.errors()]
    answer = errors.invalid(faults, "id")
    error = body(answer)
    assert (answer.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert error["message"].startswith(f"{error['details']['field']}: ")
    return error["details"]


@pytest.mark.parametrize(
    ("model", "fields", "place", "field"),
    [
        (CreateDeviceRequest, {}, "body", "name"),
        (CreateDeviceRequest, {"name": 5}, "body", "name"),
        (CreateDeviceRequest, {"name": None}, "body", "name"),
        (CreateDeviceRequest, {"name": "x", "duplicate_policy": "maybe"}, "body", "duplicate_policy"),
        (CreateDeviceRequest, {"name": "x", "metadata": []}, "body", "metadata"),
        (UpdateDeviceRequest, {"duplicate_policy": 1}, "body", "duplicate_policy"),
        (WindowQuery, {"limit": "0"}, "query", "limit"),
        (WindowQuery, {"limit": "101"}, "query", "limit"),
        (WindowQuery, {"limit": "abc"}, "query", "limit"),
        (WindowQuery, {"offset": "-1"}, "query", "offset"),
        (BatchQuery, {"status": "open"}, "query", "status"),
        (BatchQuery, {"device_id": str(uuid4())}, "query", "device_id"),
        (BatchQuery, {"device_id": f"batch_{uuid4()}"}, "query", "device_id"),
    ],
)
def test_one_fault_is_told_with_its_place(model, fields, place, field):
    """The field stands in the details, which need nothing else."""
    assert refused(model, fields, place) == {"field": field}


def test_several_faults_are_all_told_but_not_without_end():
    """The first is named, all are listed, each with a short name; hundreds are not repeated to anybody."""
    details = refused(WindowQuery, {"limit": 0, "offset": -1}, "query")
    assert details["field"] == "limit"
    assert [fault["field"] for fault in details["errors"]] == ["limit", "offset"]
    faults = [{"loc": ("body", "x" * 5_000, 3, "y"), "msg": "no", "type": "t"}] * 500
    answer = errors.invalid(faults, "id")
    assert len(answer.body) < 20_000
    assert body(answer)["details"]["field"].endswith("…[3].y")


def test_a_body_that_is_no_json_is_named_as_a_whole():
    """Where in it the reader gave up is no field."""
    fault = {"type": "json_invalid", "loc": ("body", 17), "msg": "JSON decode error"}
    assert body(errors.invalid([fault], "id"))["details"] == {"field": "body"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "UNAUTHORIZED"),
        (404, "NOT_FOUND"),
        (405, "METHOD_NOT_ALLOWED"),
        (413, "FILE_TOO_LARGE"),
        (400, "VALIDATION_ERROR"),
        (500, "INTERNAL_ERROR"),
    ],
)
def test_what_the_framework_refuses_looks_the_same(status, code):
    """Unknown routes, wrong methods and endless bodies keep their headers."""
    answer = errors.http_error(status, "Refused", {"Allow": "GET, POST"}, "id")
    assert (answer.status_code, answer.headers["allow"], body(answer)["code"]) == (status, "GET, POST", code)


def test_a_fault_tells_nothing():
    """An unexpected fault has one answer, whatever it was."""
    answer = errors.fault("id")
    assert (answer.status_code, body(answer)["code"], body(answer)["details"]) == (500, "INTERNAL_ERROR", {})
