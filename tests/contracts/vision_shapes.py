"""What answers of the Vision API must look like: exact keys and types, from its specification and from nothing else."""

from __future__ import annotations

import re
from uuid import UUID

from tests.contracts.shapes import conforms, each, expect, integer, nullable, number, one_of, shaped, text, url, uuid

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def real(value):
    """A JSON number written with a point, as `12.0`."""
    return isinstance(value, float)


def mapping(value):
    """An object of any keys."""
    return isinstance(value, dict)


def score(value):
    """A number from 0 to 1."""
    return number(value) and 0 <= value <= 1


def phrase(value):
    """A string with something in it."""
    return text(value) and value.strip() != ""


IMAGE = {
    "image_id": uuid,
    "image_url": url,
    "indexing_status": lambda value: integer(value) and value in {0, 1, 2, 3},
    "upload_timestamp": real,
    "image_metadata": mapping,
}
IMAGES = {"results": each(shaped(IMAGE))}
FOUND = {"image_id": uuid, "image_url": url, "image_metadata": mapping, "upload_timestamp": real, "score": score}
FOUND_IMAGES = {"results": each(shaped(FOUND))}
DELETED = {
    "status": one_of("success"),
    "message": one_of("Images deleted successfully"),
    "deleted": each(uuid),
    "not_found": each(text),
}
HEALTH = {"healthy": lambda value: isinstance(value, bool), "mode": phrase}
FAULT = {"param": nullable(text), "message": phrase}
NAMED = {"index": integer, "name": text}

TYPES = {
    400: "validation_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "validation_error",
    409: "conflict_error",
    413: "validation_error",
    415: "validation_error",
    416: "validation_error",
    429: "rate_limit_error",
    500: "server_error",
    501: "server_error",
    503: "server_error",
}
CODES = {
    400: {
        "missing_parameter", "invalid_parameter", "malformed_body", "empty_file", "corrupt_file", "url_not_allowed",
        "download_failed",
    },
    401: {"missing_api_key", "invalid_api_key"},
    403: {"forbidden", "url_expired", "url_invalid"},
    404: {"image_not_found", "video_not_found", "group_not_found", "clip_not_found", "route_not_found"},
    405: {"method_not_allowed"},
    409: {
        "group_exists", "group_not_empty", "group_immutable", "default_group", "video_not_ready", "video_not_indexed",
        "feature_not_ready", "clip_running",
    },
    413: {"payload_too_large"},
    415: {"unsupported_media_type"},
    416: {"invalid_range"},
    429: {"rate_limit_exceeded"},
    501: {"not_implemented"},
}  # fmt: skip
LIMIT, REMAINING, RESET = (f"x-ratelimit-requests-{name}" for name in ("limit", "remaining", "reset"))
UNLIMITED = ("1000000", "1000000", "0", "0")


def expect_error(answer, status, code=None, param=...):
    """Assert the whole of an error answer: status, type, code, envelope, headers; returns the error."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    envelope = {
        "type": phrase,
        "code": phrase,
        "message": phrase,
        "param": nullable(text),
        "details": nullable(mapping),
    }
    conforms(body, {"error": shaped(envelope)})
    error = body["error"]
    assert error["type"] == TYPES[status]
    assert error["code"] in CODES[status], error
    assert code is None or error["code"] == code, error
    assert param is ... or error["param"] == param, error
    _expect_faults(error)
    _expect_headers(answer, status)
    assert not re.search(r"Traceback|psycopg|sqlalchemy|pydantic|\bSELECT\b|/src/", answer.text), answer.text
    return error


def _expect_faults(error):
    """What `details` may hold: the faults of the request, the first of which stands in the main fields."""
    faults = (error["details"] or {}).get("errors")
    if faults is not None:
        assert faults, "no empty list"
        for fault in faults:
            conforms(fault, FAULT)
        assert faults[0] == {"param": error["param"], "message": error["message"]}


def _expect_headers(answer, status):
    assert REQUEST_ID.fullmatch(answer.headers["x-request-id"])
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    if status == 405:
        assert answer.headers["allow"]
    if status == 429:
        assert re.fullmatch(r"[1-9]\d*", answer.headers["retry-after"])


def faults_of(error):
    """The params of all faults that an error names."""
    return [fault["param"] for fault in (error["details"] or {}).get("errors", [])]


def rates(answer):
    """The four headers of budgets, as they were sent."""
    return tuple(answer.headers.get(name) for name in (LIMIT, REMAINING, RESET, "retry-after"))


def is_new_id(value):
    """Whether a request id is one that the server made."""
    return str(UUID(value)) == value


def results(answer):
    """The images of an answer."""
    return expect(answer, IMAGES)["results"]


def ids(answer):
    """The ids of the images of an answer, in their order."""
    return [image["image_id"] for image in results(answer)]


def one(answer):
    """The bare image of an answer."""
    return expect(answer, IMAGE)


def found(answer):
    """The images that a search found; best first, each score above nothing."""
    images = expect(answer, FOUND_IMAGES)["results"]
    scores = [image["score"] for image in images]
    assert scores == sorted(scores, reverse=True)
    return images


def deletion(answer):
    """What was deleted, and what was not found."""
    body = expect(answer, DELETED)
    return body["deleted"], body["not_found"]
