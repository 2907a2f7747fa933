"""What answers must look like: exact keys and types, written down from the specification and from nothing else."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def text(value):
    """A string."""
    return isinstance(value, str)


def integer(value):
    """A whole number, which `true` is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def count(value):
    """A whole number from 0."""
    return integer(value) and value >= 0


def number(value):
    """Any number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def boolean(value):
    """`true` or `false`."""
    return isinstance(value, bool)


def uuid(value):
    """A UUID in its usual form, in lower case."""
    return text(value) and str(UUID(value)) == value


def timestamp(value):
    """ISO 8601 in UTC, ending in Z."""
    return text(value) and TIMESTAMP.fullmatch(value) is not None and datetime.fromisoformat(value) is not None


def url(value):
    """An absolute address."""
    return text(value) and re.match(r"https?://[^/]+/", value) is not None


def null(value):
    """Nothing at all."""
    return value is None


def nullable(check):
    """Null, or what `check` says."""
    return lambda value: value is None or check(value)


def each(check):
    """An array of such."""
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def one_of(*words):
    """One of these values."""
    return lambda value: value in words


def shaped(shape):
    """An object of that shape."""
    return lambda value: conforms(value, shape) is None


def dimensions(value):
    """Width and height in pixels, or nothing until they are known."""
    return value == {} or (
        value.keys() == {"width", "height"} and all(integer(side) and side > 0 for side in value.values())
    )


VARIANT_STATUS = nullable(one_of("pending", "processing", "completed", "failed"))
DESCRIPTION_STATUS = nullable(one_of("pending", "queued", "processing", "completed", "failed", "skipped"))
MEDIA_TYPE = one_of("image", "document", "video", "link")

INITIATE = {
    "upload_url": url,
    "upload_method": one_of("PUT"),
    "upload_fields": null,
    "upload_headers": null,
    "object_key": text,
    "image_id": uuid,
    "expires_at": timestamp,
    "max_size_bytes": one_of(52_428_800),
    "thumbnail_url": null,
    "variant_urls": null,
}
CONFIRM = {
    "image_id": uuid,
    "description_status": one_of("pending", "skipped"),
    "title": nullable(text),
    "tags": each(text),
}
STREAM = {
    "image_id": uuid,
    "object_key": text,
    "upload_method": one_of("STREAMING"),
    "status": one_of("completed", "skipped"),
    "processing_time_ms": number,
    "s3_upload_completed": boolean,
    "variants_queued": boolean,
    "description_queued": boolean,
    "skipped": boolean,
    "skipped_existing_image_id": nullable(uuid),
    "storage_target": text,
    "media_type": one_of("image", "document", "video"),
    "document_type": nullable(one_of("pdf", "docx", "txt", "md")),
    "text_extraction_status": nullable(text),
}
ITEM = {
    "id": uuid,
    "title": nullable(text),
    "filename": nullable(text),
    "thumbnail_url": nullable(url),
    "upload_description": nullable(text),
    "visible_text": nullable(text),
    "tags": each(text),
    "size_bytes": count,
    "created_at": timestamp,
    "content_created_at": nullable(timestamp),
    "has_full_description": boolean,
    "dimensions": dimensions,
    "format": text,
    "variant_status": VARIANT_STATUS,
    "variant_count": nullable(count),
    "medium_url": nullable(url),
    "full_url": nullable(url),
    "blur_hash": nullable(text),
    "description_status": DESCRIPTION_STATUS,
    "description_error": nullable(text),
    "confidence_score": nullable(lambda value: number(value) and 0 <= value <= 1),
    "content_type": text,
    "media_type": MEDIA_TYPE,
    "video_metadata": null,
    "video_analysis_status": null,
    "document_type": null,
    "source_url": null,
    "folder_id": nullable(uuid),
    "deleted_at": nullable(timestamp),
    "variant_error": nullable(text),
}
LIST = {"files": each(shaped(ITEM)), "total_count": count, "has_more": boolean}
DESCRIPTION = {
    "id": uuid,
    "description": text,
    "visible_text": nullable(text),
    "confidence_score": nullable(number),
    "providers_used": each(text),
    "verification_level": one_of("standard"),
    "processing_time_ms": nullable(count),
    "created_at": timestamp,
}
STEP = {
    "id": uuid,
    "operation_type": one_of(
        "upload", "variants", "describe", "extract_colors", "extract_text", "crawl", "analyze_video"
    ),
    "status": one_of("pending", "processing", "completed", "failed"),
    "created_at": timestamp,
    "completed_at": nullable(timestamp),
    "error_message": nullable(text),
}
DETAIL = {
    "id": uuid,
    "object_key": text,
    "title": nullable(text),
    "tags": each(text),
    "size_bytes": count,
    "content_type": text,
    "dimensions": dimensions,
    "format": text,
    "full_url": nullable(url),
    "thumbnail_url": nullable(url),
    "medium_url": nullable(url),
    "original_url": url,
    "variant_status": VARIANT_STATUS,
    "variant_count": nullable(count),
    "upload_description": nullable(text),
    "visible_text": nullable(text),
    "description_generated_at": nullable(timestamp),
    "full_descriptions": each(shaped(DESCRIPTION)),
    "created_at": timestamp,
    "updated_at": timestamp,
    "content_created_at": nullable(timestamp),
    "upload_method": one_of("STREAMING", "PRESIGNED", "CHUNKED", "LINK"),
    "original_filename": nullable(text),
    "hash": lambda value: re.fullmatch(r"sha256:[0-9a-f]{64}", value) is not None,
    "processing_history": each(shaped(STEP)),
    "blur_hash": nullable(text),
    "description_status": DESCRIPTION_STATUS,
    "media_type": MEDIA_TYPE,
    "folder_id": nullable(uuid),
}
UPDATE = {"id": uuid, "title": nullable(text), "tags": each(text), "updated_at": timestamp}
DELETE = {"id": uuid, "deleted_at": timestamp, "message": one_of("File deleted successfully")}
RESTORE = {"id": uuid, "restored_at": timestamp, "message": text}
BATCH_ENTRY = {
    "id": uuid,
    "status": one_of("deleted", "skipped", "failed"),
    "message": nullable(text),
    "deleted_at": nullable(timestamp),
}
BATCH_DELETE = {
    "deleted": each(shaped(BATCH_ENTRY)),
    "skipped": each(shaped(BATCH_ENTRY)),
    "failed": each(shaped(BATCH_ENTRY)),
    "summary": shaped({"total": count, "deleted": count, "skipped": count, "failed": count}),
}
TRIGGER = {
    "success": one_of(True),
    "message": one_of("Variant generation triggered"),
    "task_id": lambda value: re.fullmatch(r"task_\S+", value) is not None,
    "current_status": one_of("queued"),
    "image_id": uuid,
}
RUNNING_TRIGGER = {
    **TRIGGER,
    "message": one_of("Variant generation already in progress"),
    "current_status": one_of("queued", "processing"),
    "skipped_duplicate": one_of(True),
}


def conforms(value, shape):
    """Assert that an object has exactly the keys of a shape, each of its kind."""
    assert isinstance(value, dict), f"not an object: {value!r}"
    assert value.keys() == shape.keys(), (
        f"missing {shape.keys() - value.keys()}, too many {value.keys() - shape.keys()}"
    )
    for key, check in shape.items():
        assert check(value[key]), f"{key} is {value[key]!r}"


def brief(value):
    """A parameter as the name of its test."""
    return ascii(value)[:50]


ERROR_CODES = {
    400: {"VALIDATION_ERROR"},
    401: {"INVALID_API_KEY", "EXPIRED_API_KEY"},
    402: {"USAGE_LIMIT_EXCEEDED"},
    404: {"NOT_FOUND"},
    405: {"VALIDATION_ERROR"},
    409: {"CONFLICT"},
    410: {"UPLOAD_EXPIRED"},
    413: {"PAYLOAD_TOO_LARGE", "STORAGE_QUOTA_EXCEEDED"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    422: {"VALIDATION_ERROR", "IMAGE_PROCESSING_ERROR"},
    429: {"RATE_LIMIT_ERROR"},
}


def expect_error(answer, status, code=None):
    """Assert the whole of an error answer: status, code, body, headers; returns the message."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    conforms(
        body,
        {"error": shaped({"code": text, "message": text, "details": lambda value: isinstance(value, dict)})}
        | {"request_id": text, "detail": lambda value: isinstance(value, list if status == 422 else str)},
    )
    error = body["error"]
    assert error["code"] in ERROR_CODES[status]
    assert code is None or error["code"] == code
    assert body["request_id"] == answer.headers["x-request-id"]
    _expect_detail(body, status)
    _expect_headers_of_error(answer, status)
    assert "Traceback" not in answer.text
    return error["message"]


def _expect_detail(body, status):
    error = body["error"]
    if status != 422:
        assert body["detail"] == error["message"] != ""
        return
    assert body["detail"], "a 422 must say what is wrong"
    for entry in body["detail"]:
        conforms(entry, {"loc": each(lambda step: text(step) or integer(step)), "msg": text, "type": text})
    first = body["detail"][0]
    assert error["details"] == {"field": ".".join(map(str, first["loc"])), "issue": first["msg"]}


def _expect_headers_of_error(answer, status):
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    if status == 405:
        assert answer.headers["allow"]
    if status == 429:
        assert re.fullmatch(r"[1-9]\d*", answer.headers["retry-after"])


def expect(answer, shape, status=200):
    """Assert the status and the shape of an answer; returns its body."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    conforms(body, shape)
    return body


# --------------------------------------------------------------- folders, section 8

FOLDER = {
    "id": uuid,
    "name": text,
    "parent_id": nullable(uuid),
    "depth": count,
    "file_count": count,
    "subfolder_count": count,
    "created_at": timestamp,
    "updated_at": timestamp,
}
BREADCRUMB = {"id": uuid, "name": text, "depth": count}
FOLDERS = {"folders": each(shaped(FOLDER))}
BREADCRUMBS = {"breadcrumbs": each(shaped(BREADCRUMB))}
FOLDER_CONTENTS = {
    "folder": shaped(FOLDER),
    "breadcrumbs": each(shaped(BREADCRUMB)),
    "subfolders": each(shaped(FOLDER)),
    "total_files": count,
    "has_more_files": boolean,
}
FOLDER_REMOVED = {
    "id": uuid,
    "files_affected": count,
    "subfolders_affected": count,
    "mode": one_of("move_to_parent", "delete_all"),
}
FILES_MOVED = {"moved": count, "total_requested": count}

# Duplicates, quotas and look-alikes.

CHECK_DUPLICATES = {"duplicates": each(text), "unique": each(text)}
QUOTA_CHECK = {
    "can_proceed": boolean,
    "requested": count,
    "available": count,
    "monthly_limit": count,
    "current_usage": count,
    "prepaid_credits": one_of(0),
    "max_batch_size": count,
    "max_concurrent_uploads": count,
    "message": nullable(text),
}
SIMILAR = {
    "image_id": uuid,
    "max_distance": count,
    "results": each(
        shaped({"distance": count, "similarity": lambda value: number(value) and 0 <= value <= 1, "file": shaped(ITEM)})
    ),
    "total_count": count,
}
