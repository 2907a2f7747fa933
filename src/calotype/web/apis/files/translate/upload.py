"""Between uploads of files and the wire's models."""

from __future__ import annotations

from calotype.domain.document import document_type
from calotype.domain.upload import Announcement, Confirmation, IngestResult, UploadOptions, check_storage_target
from calotype.web.apis.files.translate.file import description_status
from calotype.web.apis.files.wire import upload as wire
from calotype.web.apis.files.wire.batch import BatchForm


def announced_from_wire(form: wire.InitiateForm) -> UploadOptions:
    """What is wanted of an image that will be put."""
    return UploadOptions(title=form.title, tags=form.tags, auto_describe=form.auto_describe)


def options_from_wire(form: wire.StreamForm | BatchForm) -> UploadOptions:
    """What is wanted of a file, or of each of a batch. Raises InvalidInput for a store that is not there."""
    return UploadOptions(
        title=form.title if isinstance(form, wire.StreamForm) else None,
        tags=form.tags,
        auto_describe=form.auto_describe,
        skip_duplicates=form.skip_duplicates,
        storage_target=check_storage_target(form.storage_target),
    )


def announcement_to_wire(made: Announcement, base: str) -> wire.InitiateAnswer:
    """Where the bytes are put; `base` makes an absolute URL of a root-relative one."""
    return wire.InitiateAnswer(
        upload_url=base + made.upload_path,
        object_key=made.object_key,
        image_id=made.upload_id,
        expires_at=made.expires_at,
        max_size_bytes=made.max_bytes,
    )


def confirmation_to_wire(made: Confirmation) -> wire.ConfirmAnswer:
    """The confirmed upload."""
    return wire.ConfirmAnswer(
        image_id=made.upload_id,
        description_status=description_status(made.description_status) or "skipped",
        title=made.title,
        tags=list(made.tags),
    )


def result_to_wire(result: IngestResult, milliseconds: float) -> wire.StreamAnswer:
    """The stored (or skipped) upload, and how long that took."""
    return wire.StreamAnswer(
        image_id=result.asset_id,
        object_key=result.object_key,
        status="skipped" if result.is_duplicate else "completed",
        processing_time_ms=milliseconds,
        variants_queued=result.variants_queued,
        description_queued=result.description_queued,
        skipped=result.is_duplicate,
        skipped_existing_image_id=result.asset_id if result.is_duplicate else None,
        storage_target=result.storage_target,
        media_type=result.media.media_type,
        document_type=document_type(result.media),
        text_extraction_status=result.text_status.value if result.text_status else None,
    )
