"""Between uploads in chunks and the wire's models."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from calotype.domain.chunked_upload import (
    ChunkedBatch,
    ChunkedUpload,
    ChunkTally,
    ChunkTarget,
    CompletedUpload,
    NewChunkedUpload,
    UploadProgress,
    estimated_seconds,
)
from calotype.web.apis.files.translate.video_metadata import video_metadata_to_wire
from calotype.web.apis.files.wire import chunked_upload as wire

Link = Callable[[str], str]
"""Makes an absolute URL of a root-relative one."""


def video_from_wire(body: wire.InitiateVideoRequest) -> NewChunkedUpload:
    """What a client announces."""
    return NewChunkedUpload(
        filename=body.filename,
        content_type=body.content_type,
        size_bytes=body.size_bytes,
        title=body.title,
        tags=body.tags,
        metadata=body.metadata,
    )


def announcement_to_wire(
    upload: ChunkedUpload, targets: Iterable[ChunkTarget], link: Link, *, at_once: int, retries: int
) -> wire.InitiateVideoAnswer:
    """An announced video with the targets of its chunks."""
    return wire.InitiateVideoAnswer(
        media_id=upload.id,
        upload_id=upload.upload_id,
        chunks=[
            wire.ChunkItem(
                chunk_number=target.number,
                size_bytes=target.size_bytes,
                upload_url=link(target.path),
                expires_at=upload.expires_at,
            )
            for target in targets
        ],
        total_chunks=upload.total_chunks,
        chunk_size_bytes=upload.chunk_bytes,
        expires_at=upload.expires_at,
        storage_path=upload.object_key,
        concurrent_upload_limit=at_once,
        retry_attempts=retries,
    )


def batch_to_wire(batch: ChunkedBatch, videos: list[wire.InitiateVideoAnswer]) -> wire.InitiateBatchAnswer:
    """Videos announced together, each as by itself."""
    return wire.InitiateBatchAnswer(
        batch_id=batch.id,
        videos=videos,
        total_videos=len(videos),
        total_size_bytes=batch.total_bytes,
        estimated_time_seconds=estimated_seconds(batch.total_bytes),
        processing_priority=batch.priority.value,
    )


def confirmation_to_wire(number: int, upload: ChunkedUpload, tally: ChunkTally) -> wire.ConfirmChunkAnswer:
    """A confirmed chunk."""
    return wire.ConfirmChunkAnswer(
        chunk_number=number,
        chunks_completed=tally.confirmed,
        total_chunks=upload.total_chunks,
        progress_percent=tally.percent_of(upload),
        estimated_time_remaining=tally.seconds_left(upload),
    )


def progress_to_wire(progress: UploadProgress) -> wire.ProgressAnswer:
    """How far an upload is."""
    upload, tally = progress.upload, progress.tally
    return wire.ProgressAnswer(
        media_id=upload.id,
        upload_id=upload.upload_id,
        status="processing" if progress.is_processing else upload.status.value,
        chunks_completed=tally.confirmed,
        total_chunks=upload.total_chunks,
        bytes_uploaded=tally.received_bytes,
        total_bytes=upload.size_bytes,
        progress_percent=tally.percent_of(upload),
        estimated_time_remaining=tally.seconds_left(upload),
        current_chunk=progress.current,
        failed_chunks=list(progress.failed),
        last_updated=upload.updated_at,
    )


def completion_to_wire(done: CompletedUpload, link: Link) -> wire.CompleteAnswer:
    """The video an upload became."""
    return wire.CompleteAnswer(
        media_id=done.media_id,
        metadata=video_metadata_to_wire(done.probe, done.size_bytes),
        video_url=link(done.video_path),
        analysis_job_id=done.run_id,
        processing_status="queued" if done.run_id else "pending",
        created_at=done.created_at,
    )
