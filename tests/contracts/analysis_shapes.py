"""What answers and events of the Analysis API must look like: exact keys and types, from its specification alone."""

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

STATUS_OF = {
    "UNAUTHORIZED": 401,
    "INSUFFICIENT_CREDITS": 402,
    "SESSION_NOT_FOUND": 404,
    "IMAGE_NOT_FOUND": 404,
    "SESSION_EXPIRED": 410,
    "FILE_TOO_LARGE": 413,
    "UNSUPPORTED_FORMAT": 415,
    "VALIDATION_ERROR": 422,
    "RATE_LIMITED": 429,
    "ANALYSIS_FAILED": 502,
    "INTERNAL_ERROR": 500,
}
SESSION_ID = re.compile(r"sess_[A-Za-z0-9]{12,}")
_FILENAME = re.compile(r"[a-z0-9-]{1,60}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')]*\s+")


def session_id(value):
    """`sess_` and at least twelve letters or digits."""
    return text(value) and SESSION_ID.fullmatch(value) is not None


def filled(value):
    """A string that says something."""
    return text(value) and bool(value.strip())


def sentences(value):
    """How many sentences a text has."""
    return len(_SENTENCE_END.split(value.strip()))


def title(value):
    """At most 70 characters, no final full stop."""
    return filled(value) and len(value) <= 70 and not value.rstrip().endswith(".")


def alt(value):
    """At most 125 characters, which never start with "image of"."""
    return filled(value) and len(value) <= 125 and not value.strip().lower().startswith("image of")


def caption(value):
    """One sentence."""
    return filled(value) and sentences(value) == 1


def description(value):
    """One to four sentences."""
    return filled(value) and 1 <= sentences(value) <= 4


def filename(value):
    """Lowercase letters, digits and hyphens, at most 60 characters, no extension, never empty."""
    return text(value) and _FILENAME.fullmatch(value) is not None


def tags(value):
    """3 to 20 distinct lowercase strings."""
    return (
        each(filled)(value)
        and 3 <= len(value) <= 20
        and len(set(value)) == len(value)
        and all(tag == tag.lower() for tag in value)
    )


METADATA = {
    "title": title,
    "alt": alt,
    "caption": caption,
    "description": description,
    "filename": filename,
    "seoTags": tags,
}
IMAGE = {"id": filled, "uploadPath": filled, "originalFilename": filled, "sizeBytes": count, "assetId": uuid}
UPLOADED = {"sessionId": session_id, "expiresAt": timestamp, "images": each(shaped(IMAGE))}
SESSION = UPLOADED | {"createdAt": timestamp}
ENDED = {"sessionId": session_id, "status": one_of("ended")}
SINGLE = {
    "imageId": filled,
    "metadata": shaped(METADATA),
    "creditsUsed": one_of(1),
    "creditsRemaining": nullable(count),
}
CREDITS = {"balance": count, "unlimited": boolean, "used30d": count}
ENTRY = {
    "id": lambda value: filled(value) or integer(value),
    "kind": one_of("grant", "reserve", "capture", "refund"),
    "amount": integer,
    "balanceAfter": count,
    "sessionId": nullable(session_id),
    "imageId": nullable(filled),
    "createdAt": timestamp,
}
LEDGER = {"entries": each(shaped(ENTRY)), "total": count, "limit": count, "offset": count}
EVENTS = {
    "progress": {"imageId": filled, "status": one_of("analyzing"), "current": count, "total": count},
    "result": {"imageId": filled, "metadata": shaped(METADATA)},
    "error": {"imageId": filled, "error": filled, "code": filled},
    "complete": {
        "status": one_of("completed", "partial", "failed"),
        "processed": count,
        "failed": count,
        "total": count,
        "creditsUsed": count,
        "creditsRemaining": nullable(count),
    },
}


def expect(answer, shape, status=200):
    """Assert the whole of a success; returns its body."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:2000]}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    conforms(body, shape)
    return body


def expect_error(answer, code):
    """Assert the whole of a failure; returns its details."""
    assert answer.status_code == STATUS_OF[code], f"{answer.status_code}: {answer.text[:2000]}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body.keys() == {"error", "requestId"}
    assert body["error"].keys() == {"code", "message", "details"}
    assert body["error"]["code"] == code
    assert filled(body["error"]["message"])
    assert isinstance(body["error"]["details"], dict)
    assert filled(body["requestId"])
    assert body["requestId"] == answer.headers.get("x-request-id", body["requestId"])
    assert "Traceback" not in answer.text
    return body["error"]["details"]


def short_of(answer, required, available):
    """Assert a refusal for want of credits that says how many there would have to be."""
    details = expect_error(answer, "INSUFFICIENT_CREDITS")
    assert details == {"required": required, "available": available}
