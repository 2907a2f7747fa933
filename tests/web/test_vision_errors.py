"""How the Vision API says that something went wrong."""

from __future__ import annotations

import inspect
import json

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain import errors as domain
from calotype.web.apis.vision import errors
from calotype.web.apis.vision.body import validated
from calotype.web.apis.vision.wire.image import ListRequest, SearchRequest, Upload
from tests.contracts.vision_shapes import TYPES

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
    assert found.keys() == {"error"}
    error = found["error"]
    assert list(error) == ["type", "code", "message", "param", "details"]
    assert all(isinstance(error[name], str) and error[name] for name in ("type", "code", "message"))
    assert error["param"] is None or isinstance(error["param"], str)
    assert error["details"] is None or isinstance(error["details"], dict)
    assert error["type"] == TYPES[response.status_code]
    assert response.headers["content-type"] == "application/json"
    return error


def test_every_domain_error_has_a_status():
    """A new error cannot be forgotten, and an error that is gone leaves nothing behind."""
    assert errors.STATUS.keys() == set(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_domain_error_becomes_the_common_body(kind):
    """Message and parameter stand in it; nothing of what broke inside does."""
    answer = errors.to_wire(kind(SECRET, field="limit", path=SECRET))
    error = body(answer)
    if answer.status_code >= 500:
        assert SECRET not in answer.body.decode()
    else:
        assert (error["message"], error["param"]) == (SECRET, "limit")
    assert error["details"] is None


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_refused_image_is_named(kind):
    """Its place in the answer and its name are the details; the parameter says how it was sent."""
    answer = errors.to_wire(kind("x", field="file", param="images[1]", index=1, name="notes.txt", limit=5))
    error = body(answer)
    if answer.status_code < 500:
        assert (error["param"], error["details"]) == ("images[1]", {"index": 1, "name": "notes.txt"})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (domain.Unauthenticated("x"), 401, "invalid_api_key"),
        (domain.Unauthenticated("x", is_missing=True), 401, "missing_api_key"),
        (domain.CredentialExpired("x"), 401, "invalid_api_key"),
        (domain.NotFound("x"), 404, "route_not_found"),
        (domain.NotFound("x", kind="image", field="image_id"), 404, "image_not_found"),
        (domain.NotAllowed("x"), 403, "forbidden"),
        (domain.NotAllowed("x", is_link=True), 403, "url_invalid"),
        (domain.Expired("x"), 403, "url_expired"),
        (domain.InvalidInput("x", field="a"), 400, "invalid_parameter"),
        (domain.InvalidInput("x", field="images", is_missing=True), 400, "missing_parameter"),
        (domain.InvalidInput("x", field="body"), 400, "malformed_body"),
        (domain.EmptyFile("x", field="file"), 400, "empty_file"),
        (domain.UndecodablePicture("x"), 400, "corrupt_file"),
        (domain.IncompletePicture("x"), 400, "corrupt_file"),
        (domain.TooManyPixels("x"), 400, "invalid_parameter"),
        (domain.TooLarge("x"), 413, "payload_too_large"),
        (domain.Unsupported("x"), 415, "unsupported_media_type"),
        (domain.AddressNotAllowed("x"), 400, "url_not_allowed"),
        (domain.DownloadFailed("x"), 400, "download_failed"),
        (domain.RateLimited("x", retry_after=3), 429, "rate_limit_exceeded"),
    ],
)
def test_codes_are_those_of_the_table(error, status, code):
    """What programs tell failures apart by."""
    answer = errors.to_wire(error)
    assert (answer.status_code, body(answer)["code"]) == (status, code)
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


def test_the_body_as_a_whole_is_no_parameter():
    """Its faults have the parameter null."""
    assert body(errors.to_wire(domain.InvalidInput("x", field="body")))["param"] is None


@given(st.text(min_size=1), st.text())
def test_whatever_was_sent_can_be_repeated(message, name):
    """NUL, halves of surrogate pairs and everything else come through escaped."""
    error = body(errors.to_wire(domain.Unsupported(message, param="images[0]", index=0, name=name)))
    assert (error["message"], error["details"]["name"]) == (message, name)


def refused(model, fields, place="body"):
    """The answer to a request that does not fit its model."""
    with pytest.raises(RequestValidationError) as caught:
        validated(model, fields, place)
    answer = errors.invalid(caught.value.errors())
    assert answer.status_code == 400
    return body(answer)


@pytest.mark.parametrize(
    ("model", "fields", "code", "param", "message"),
    [
        (SearchRequest, {}, "missing_parameter", "query", "query is required"),
        (SearchRequest, {"query": ""}, "missing_parameter", "query", "query is required"),
        (SearchRequest, {"query": "x" * 2001}, "invalid_parameter", "query", "query may have at most 2000 characters"),
        (SearchRequest, {"query": 5}, "invalid_parameter", "query", "query must be a string"),
        (
            SearchRequest,
            {"query": "x", "search_mode": "y"},
            "invalid_parameter",
            "search_mode",
            "search_mode must be 'vision' or 'joined'",
        ),
        (
            SearchRequest,
            {"query": "x", "max_results": 201},
            "invalid_parameter",
            "max_results",
            "max_results must be from 1 to 200",
        ),
        (ListRequest, {"limit": "x"}, "invalid_parameter", "limit", "limit must be a whole number"),
        (ListRequest, {"offset": -1}, "invalid_parameter", "offset", "offset must be at least 0"),
        (ListRequest, {"filters": {"colour": 1}}, "invalid_parameter", "filters.colour", "filters.colour is not known"),
        (ListRequest, {"filters": "["}, "invalid_parameter", "filters", "filters must be a JSON object"),
        (
            ListRequest,
            {"filters": {"recorded_timestamp_utc": {"operator": "eq"}}},
            "missing_parameter",
            "filters.recorded_timestamp_utc.value",
            "filters.recorded_timestamp_utc.value is required",
        ),
        (ListRequest, {"image_ids": [1]}, "invalid_parameter", "image_ids", "image_ids must be a list of strings"),
        (Upload, {"metadata": []}, "invalid_parameter", "metadata", "metadata must be a JSON object"),
        (
            Upload,
            {"metadata": {"requests": [{}] * 1001}},
            "invalid_parameter",
            "metadata.requests",
            "metadata.requests may have at most 1000 entries",
        ),
        (
            Upload,
            {"metadata": {"requests": [{}, {"indexing_config": {"index": "maybe"}}]}},
            "invalid_parameter",
            "metadata.requests[1].indexing_config.index",
            "metadata.requests[1].indexing_config.index must be true or false",
        ),
        (
            Upload,
            {"metadata": {"requests": [{"metadata": 5}]}},
            "invalid_parameter",
            "metadata.requests[0].metadata",
            None,
        ),
    ],
)
def test_one_fault_of_a_model_is_told_with_its_place(model, fields, code, param, message):
    """The parameter is a dotted path, the message names it, and a single fault needs no details."""
    error = refused(model, fields)
    assert (error["code"], error["param"], error["details"]) == (code, param, None)
    assert error["message"] == (message or f"{param} must be a JSON object")


@pytest.mark.parametrize("place", ["body", "query"])
def test_several_faults_are_all_told(place):
    """The first fills the main fields, all are in the details, in the order of the fields."""
    error = refused(SearchRequest, {"max_results": 0, "threshold": 2}, place)
    assert (error["code"], error["param"]) == ("missing_parameter", "query")
    assert error["details"] == {
        "errors": [
            {"param": "query", "message": "query is required"},
            {"param": "max_results", "message": "max_results must be from 1 to 200"},
            {"param": "threshold", "message": "threshold must be from 0 to 1"},
        ]
    }


def test_json_that_the_framework_cannot_read_is_malformed():
    """The same answer as when it is read here."""
    fault = {"loc": ("body",), "msg": "The body is not valid JSON", "type": "json_invalid"}
    error = body(errors.invalid([fault]))
    assert (error["code"], error["param"]) == ("malformed_body", None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "route_not_found"),
        (405, "method_not_allowed"),
        (413, "payload_too_large"),
        (415, "unsupported_media_type"),
        (416, "invalid_range"),
        (501, "not_implemented"),
    ],
)
def test_what_the_framework_refuses_looks_the_same(status, code):
    """Unknown routes, wrong methods, endless bodies and bad ranges keep their headers."""
    answer = errors.http_error(status, "Refused", {"Allow": "GET, POST"})
    assert (answer.status_code, answer.headers["allow"], body(answer)["code"]) == (status, "GET, POST", code)


def test_a_fault_tells_nothing():
    """An unexpected fault has one answer, whatever it was."""
    answer = errors.fault()
    assert (answer.status_code, body(answer)["code"]) == (500, "internal_error")
