"""What answers of the Devices API must look like: exact keys and types, from its specification and from nothing else."""

from __future__ import annotations

import re

from tests.contracts.shapes import (
    boolean,
    conforms,
    count,
    each,
    integer,
    nullable,
    one_of,
    shaped,
    text,
    timestamp,
    uuid,
)

STORAGE_KEY = re.compile(r"raw-data/[0-9a-f]{8}_[A-Za-z0-9._-]+")
STATUS_OF = {
    "UNAUTHORIZED": 401,
    "NOT_FOUND": 404,
    "DUPLICATE_IMAGE": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "BATCH_CLOSED": 409,
    "FILE_TOO_LARGE": 413,
    "UNSUPPORTED_FORMAT": 415,
    "VALIDATION_ERROR": 422,
    "RATE_LIMITED": 429,
}


def prefixed(prefix):
    """A prefix and a UUID."""
    return lambda value: text(value) and value.startswith(prefix) and uuid(value.removeprefix(prefix))


def storage_key(value):
    """`raw-data/`, eight hexadecimal digits and a file name."""
    return text(value) and STORAGE_KEY.fullmatch(value) is not None


def secret(value):
    """A device's key."""
    return text(value) and re.fullmatch(r"adk_[A-Za-z0-9_-]{20,}", value) is not None


def mapping(value):
    """An object of any keys."""
    return isinstance(value, dict)


UPLOADED = {
    "image_id": prefixed("img_"),
    "batch_id": prefixed("batch_"),
    "storage_key": storage_key,
    "duplicate": boolean,
}
DEVICE = {
    "id": prefixed("dev_"),
    "name": text,
    "duplicate_policy": one_of("reject", "accept"),
    "metadata": mapping,
    "created_at": timestamp,
    "last_seen_at": nullable(timestamp),
    "image_count": count,
    "open_batch_id": nullable(prefixed("batch_")),
    "revoked_at": nullable(timestamp),
}
CREATED = DEVICE | {"api_key": secret}
ROTATED = {"api_key": secret, "previous_key_expires_at": timestamp}
BATCH = {
    "id": prefixed("batch_"),
    "device_id": prefixed("dev_"),
    "status": one_of("collecting", "closed"),
    "image_count": count,
    "created_at": timestamp,
    "closed_at": nullable(timestamp),
}
IMAGE = {
    "image_id": prefixed("img_"),
    "storage_key": storage_key,
    "filename": text,
    "size_bytes": count,
    "captured_at": timestamp,
    "created_at": timestamp,
    "model_id": nullable(text),
    "model_version": nullable(text),
    "annotations": each(mapping),
    "metadata": mapping,
}


def page_of(shape):
    """A part of a list of such."""
    return {"items": each(shaped(shape)), "total": count, "limit": integer, "offset": count}


def expect(answer, shape, status=200):
    """Assert the whole of a success; returns its data."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:2000]}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"success", "data"}
    assert body["success"] is True
    conforms(body["data"], shape)
    return body["data"]


def expect_error(answer, code, field=None):
    """Assert the whole of a failure, and which field it names if one is given; returns its details."""
    assert answer.status_code == STATUS_OF[code], f"{answer.status_code}: {answer.text[:2000]}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"success", "error", "request_id"}
    assert body["success"] is False
    conforms(body["error"], {"code": one_of(code), "message": text, "details": mapping})
    assert body["error"]["message"]
    assert body["request_id"] == answer.headers["x-request-id"] != ""
    assert "Traceback" not in answer.text
    details = body["error"]["details"]
    assert field is None or details.get("field") == field, details
    return details
