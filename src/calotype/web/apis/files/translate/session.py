"""Batch uploads and their sessions in the wire's words."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from calotype.domain.document import document_type
from calotype.domain.picture import VariantName
from calotype.domain.upload_session import (
    BatchItem,
    BatchResult,
    FileOutcome,
    SessionFile,
    SessionPage,
    SessionProgress,
    SessionResults,
)
from calotype.web.apis.files.translate.file import VariantLink
from calotype.web.apis.files.wire import batch as batch_wire
from calotype.web.apis.files.wire import session as wire
from calotype.web.shared.wire_values import parse_uuid

IMMEDIATE = 5
"""The largest batch whose results stand in its answer."""

_CHANNEL = "batch."
_SESSIONS = "/api/v2/uploads/sessions"


def channel_of(session_id: UUID) -> str:
    """The WebSocket channel of a session."""
    return f"{_CHANNEL}{session_id}"


def session_of(channel: str) -> UUID:
    """The session whose channel this is. Raises ValueError when it is no session's."""
    prefix, identity = channel[: len(_CHANNEL)], channel[len(_CHANNEL) :]
    if prefix != _CHANNEL:
        raise ValueError(channel)
    return parse_uuid(identity)


def batch_to_wire(result: BatchResult) -> batch_wire.BatchAnswer:
    """What became of a batch."""
    rejections = [
        batch_wire.Rejection(
            filename=rejection.filename, index=rejection.index, reason=rejection.reason, retryable=rejection.retryable
        )
        for rejection in result.rejections
    ]
    return batch_wire.BatchAnswer(
        session_id=result.session_id,
        total_files=result.total,
        accepted_files=len(result.items),
        rejected_files=len(rejections),
        status=result.status.value,
        immediate_results=[_item_to_wire(item) for item in result.items] if result.total <= IMMEDIATE else None,
        status_url=f"{_SESSIONS}/{result.session_id}/status",
        websocket_channel=channel_of(result.session_id),
        rejections=rejections or None,
    )


def _item_to_wire(item: BatchItem) -> batch_wire.BatchItem:
    is_duplicate = item.outcome is FileOutcome.SKIPPED
    return batch_wire.BatchItem(
        image_id=item.asset_id,
        filename=item.filename,
        object_key=item.object_key,
        status=_ended(item.outcome),
        processing_time_ms=item.milliseconds,
        skipped=is_duplicate,
        skipped_existing_image_id=item.asset_id if is_duplicate else None,
        error=item.error,
        storage_target=item.storage_target,
        media_type=item.media.media_type if item.media else None,
        document_type=document_type(item.media) if item.media else None,
        text_extraction_status=item.text_status.value if item.text_status else None,
    )


def progress_to_wire(progress: SessionProgress, now: datetime) -> wire.SessionAnswer:
    """Where a session stands."""
    summary = progress.summary
    return wire.SessionAnswer(
        session_id=summary.id,
        status=summary.status.value,
        total_files=summary.total,
        completed_files=summary.completed,
        failed_files=summary.failed,
        skipped_files=summary.skipped,
        pending_files=summary.pending,
        progress_percentage=summary.percentage,
        created_at=summary.created_at,
        started_at=summary.started_at,
        completed_at=summary.completed_at,
        estimated_completion_time=summary.estimated_end(now),
        recent_completions=[
            wire.RecentCompletion(
                filename=file.filename,
                image_id=file.asset_id,
                status=_ended(file.outcome),
                description=file.description,
                processing_time_ms=file.milliseconds,
                error_message=file.error,
            )
            for file in progress.recent
        ],
        recent_errors=[
            wire.RecentError(filename=file.filename, index=file.index, error=file.error or "", retryable=file.retryable)
            for file in progress.errors
        ],
        results_url=f"{_SESSIONS}/{summary.id}/results",
        websocket_channel=channel_of(summary.id),
    )


def results_to_wire(results: SessionResults, offset: int, limit: int, link: VariantLink) -> wire.ResultsAnswer:
    """A page of a session's results."""
    summary = results.summary
    return wire.ResultsAnswer(
        session_id=summary.id,
        results=[_result_to_wire(file, results, link) for file in results.files],
        total_count=results.total_count,
        offset=offset,
        limit=limit,
        has_more=offset + len(results.files) < results.total_count,
        summary=wire.ResultsSummary(
            total_files=summary.total,
            completed=summary.completed,
            failed=summary.failed,
            skipped=summary.skipped,
        ),
    )


def _result_to_wire(file: SessionFile, results: SessionResults, link: VariantLink) -> wire.SessionResult:
    asset = results.assets.get(file.asset_id)
    return wire.SessionResult(
        image_id=file.asset_id,
        filename=file.filename,
        object_key=file.object_key,
        status=_ended(file.outcome),
        description=asset.description if asset else None,
        visible_text=asset.visible_text if asset else None,
        tags=list(asset.tags) if asset else [],
        processing_time_ms=file.milliseconds,
        error_message=file.error,
        thumbnail_url=link(asset, VariantName.SMALL_256) if asset else None,
        created_at=file.created_at,
    )


def page_to_wire(page: SessionPage, offset: int, limit: int) -> wire.SessionList:
    """A page of sessions."""
    return wire.SessionList(
        sessions=[
            wire.SessionItem(
                session_id=session.id,
                status=session.status.value,
                total_files=session.total,
                completed_files=session.completed,
                failed_files=session.failed,
                skipped_files=session.skipped,
                progress_percentage=session.percentage,
                created_at=session.created_at,
                completed_at=session.completed_at,
            )
            for session in page.sessions
        ],
        total_count=page.total_count,
        offset=offset,
        limit=limit,
        has_more=offset + len(page.sessions) < page.total_count,
    )


def _ended(outcome: FileOutcome) -> batch_wire.Ended:
    match outcome:
        case FileOutcome.COMPLETED:
            return "completed"
        case FileOutcome.FAILED:
            return "failed"
        case FileOutcome.SKIPPED:
            return "skipped"
        case FileOutcome.PENDING:
            raise ValueError("this file has not ended")
