"""What answers about batches, upload sessions and upload statuses must look like (sections 2.4, 6 and 7.3 to 7.8)."""

from __future__ import annotations

from tests.contracts.shapes import (
    DESCRIPTION_STATUS,
    ERROR_CODES,
    MEDIA_TYPE,
    VARIANT_STATUS,
    boolean,
    count,
    each,
    null,
    nullable,
    number,
    one_of,
    shaped,
    text,
    timestamp,
    url,
    uuid,
)

SESSION_STATUS = one_of("pending", "uploading", "processing", "completed", "failed", "expired", "cancelled")
TERMINAL = {"completed", "failed", "expired", "cancelled"}
FILE_OUTCOME = one_of("completed", "failed", "skipped")


def PERCENTAGE(value):  # noqa: N802 - it stands among the other shapes
    """0 to 100 with one decimal at most."""
    return isinstance(value, float) and 0 <= value <= 100 and round(value, 1) == value


def starting(prefix, check=uuid, ending=""):
    """A string made of a prefix, something that `check` accepts, and an ending."""
    return lambda value: (
        text(value)
        and value.startswith(prefix)
        and value.endswith(ending)
        and check(value.removeprefix(prefix).removesuffix(ending))
    )


BATCH_ITEM = {
    "image_id": uuid,
    "filename": text,
    "object_key": text,
    "status": FILE_OUTCOME,
    "processing_time_ms": nullable(number),
    "skipped": boolean,
    "skipped_existing_image_id": nullable(uuid),
    "error": nullable(text),
    "storage_target": text,
    "media_type": nullable(MEDIA_TYPE),
    "document_type": nullable(one_of("pdf", "docx", "txt", "md")),
    "text_extraction_status": nullable(text),
}
REJECTION = {"filename": text, "index": count, "reason": lambda value: text(value) and value, "retryable": boolean}
BATCH = {
    "session_id": uuid,
    "total_files": count,
    "accepted_files": count,
    "rejected_files": count,
    "status": one_of("completed", "partial", "failed", "rejected"),
    "immediate_results": nullable(each(shaped(BATCH_ITEM))),
    "status_url": starting("/api/v2/uploads/sessions/", ending="/status"),
    "websocket_channel": starting("batch."),
    "rejections": nullable(lambda value: value and each(shaped(REJECTION))(value)),
}
SESSION = {
    "session_id": uuid,
    "status": SESSION_STATUS,
    "total_files": count,
    "completed_files": count,
    "failed_files": count,
    "skipped_files": count,
    "pending_files": count,
    "progress_percentage": PERCENTAGE,
    "created_at": timestamp,
    "started_at": nullable(timestamp),
    "completed_at": nullable(timestamp),
    "estimated_completion_time": nullable(timestamp),
    "recent_completions": each(
        shaped(
            {
                "filename": text,
                "image_id": uuid,
                "status": FILE_OUTCOME,
                "description": nullable(lambda value: text(value) and len(value) <= 100),
                "processing_time_ms": nullable(number),
                "error_message": nullable(text),
            }
        )
    ),
    "recent_errors": each(shaped({"filename": text, "index": count, "error": text, "retryable": boolean})),
    "results_url": starting("/api/v2/uploads/sessions/", ending="/results"),
    "websocket_channel": starting("batch."),
}
SESSION_RESULTS = {
    "session_id": uuid,
    "results": each(
        shaped(
            {
                "image_id": uuid,
                "filename": text,
                "object_key": text,
                "status": FILE_OUTCOME,
                "description": nullable(text),
                "visible_text": nullable(text),
                "tags": each(text),
                "processing_time_ms": nullable(number),
                "error_message": nullable(text),
                "thumbnail_url": nullable(url),
                "created_at": timestamp,
            }
        )
    ),
    "total_count": count,
    "offset": count,
    "limit": count,
    "has_more": boolean,
    "summary": shaped({"total_files": count, "completed": count, "failed": count, "skipped": count}),
}
SESSION_LIST = {
    "sessions": each(
        shaped(
            {
                "session_id": uuid,
                "status": SESSION_STATUS,
                "upload_method": one_of("streaming"),
                "total_files": count,
                "completed_files": count,
                "failed_files": count,
                "skipped_files": count,
                "progress_percentage": PERCENTAGE,
                "created_at": timestamp,
                "completed_at": nullable(timestamp),
            }
        )
    ),
    "total_count": count,
    "offset": count,
    "limit": count,
    "has_more": boolean,
}
UPLOAD_STATUS = {
    "image_id": uuid,
    "tenant_id": text,
    "batch_id": nullable(uuid),
    "unified_status": one_of(
        "uploading", "confirming", "queued", "processing", "completed", "partially_completed", "failed"
    ),
    "component_statuses": shaped(
        {
            "upload_status": one_of("pending", "completed", "failed"),
            "variant_status": VARIANT_STATUS,
            "description_status": DESCRIPTION_STATUS,
            "upload_intent_status": nullable(one_of("pending", "confirmed", "expired")),
            "task_intent_status": null,
        }
    ),
    "task_intent_ids": each(text),
    "error_message": nullable(text),
    "last_error_at": nullable(timestamp),
    "created_at": nullable(timestamp),
    "last_updated_at": nullable(timestamp),
    "completed_at": nullable(timestamp),
    "retry_count": count,
    "processing_duration_seconds": nullable(number),
    "is_stuck": boolean,
    "is_terminal": boolean,
}
STUCK_UPLOADS = {"stuck_count": count, "images": each(shaped(UPLOAD_STATUS))}
FRAME = {
    "channel": nullable(text),
    "event": one_of("authenticated", "subscribed", "file.completed", "file.failed", "session.completed", "error"),
    "data": lambda value: isinstance(value, dict),
}
FRAME_ERROR = {"code": one_of(*set().union(*ERROR_CODES.values())), "message": lambda value: text(value) and value}
