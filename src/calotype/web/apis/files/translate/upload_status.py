"""Statuses of single uploads in the wire's words."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from calotype.domain.upload_status import UploadStatus
from calotype.web.apis.files.translate.file import description_status
from calotype.web.apis.files.wire import upload_status as wire


def task_id(operation_id: UUID) -> str:
    """A step of an asset's history as clients know it."""
    return f"task_{operation_id.hex}"


def status_to_wire(status: UploadStatus, *, is_stuck: bool) -> wire.UploadStatusAnswer:
    """One upload."""
    return wire.UploadStatusAnswer(
        image_id=status.id,
        tenant_id=status.tenant_id,
        batch_id=status.session_id,
        unified_status=status.phase.value,
        component_statuses=wire.ComponentStatuses(
            upload_status=status.stored.value,
            variant_status=status.variants.value if status.variants else None,
            description_status=description_status(status.description),
            upload_intent_status=status.intent.value if status.intent else None,
        ),
        task_intent_ids=[task_id(job) for job in status.jobs],
        error_message=status.error,
        last_error_at=status.failed_at,
        created_at=status.created_at,
        last_updated_at=status.updated_at,
        completed_at=status.completed_at,
        retry_count=status.retries,
        processing_duration_seconds=status.seconds,
        is_stuck=is_stuck,
        is_terminal=status.phase.is_terminal,
    )


def stuck_to_wire(found: Sequence[UploadStatus], total: int) -> wire.StuckAnswer:
    """Uploads nothing happens to any more."""
    return wire.StuckAnswer(stuck_count=total, images=[status_to_wire(status, is_stuck=True) for status in found])
