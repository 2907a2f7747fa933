"""Between videos and the Files API's models: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from calotype.domain.clock import clock
from calotype.domain.job import Urgency
from calotype.domain.scene import Scene
from calotype.domain.video import IndexingRun, IndexingStatus, LibraryVideo
from calotype.web.apis.files.translate.video_metadata import video_metadata_to_wire
from calotype.web.apis.files.wire import video as wire

KeyframeLink = Callable[[UUID], str]
"""Makes the root-relative URL of a scene's picture."""
PlaybackLink = Callable[[UUID], str]
"""Makes the URL of a form of a video that browsers play."""

_URGENCIES = {"low": Urgency.BACKFILL, "normal": Urgency.NEW, "high": Urgency.INTERACTIVE}


def urgency_from_wire(priority: str) -> Urgency:
    """How urgent work of a priority is."""
    return _URGENCIES[priority]


def video_keys(found: LibraryVideo, playback: PlaybackLink) -> dict[str, Any]:
    """The keys that a file has only if it is a video, and those whose value only a video has."""
    probe = found.video.probe
    return {
        "video_metadata": video_metadata_to_wire(probe, found.asset.size_bytes) if probe else None,
        "video_analysis_status": found.video.indexing.value if found.video.indexing else None,
        "video_analysis_job_id": found.run.id if found.run else None,
        "scene_count": found.video.scene_count,
        "has_audio_transcript": found.video.has_transcript,
        "video_url": playback(found.asset.id),
    }


def job_to_wire(run: IndexingRun, max_retries: int) -> wire.AnalysisJob:
    """One analysis as it is now."""
    return wire.AnalysisJob(
        analysis_job_id=run.id,
        media_id=run.asset_id,
        status=run.status.value,
        progress_percent=run.progress,
        current_step=run.step,
        started_at=run.started_at,
        completed_at=run.completed_at,
        error_message=run.error,
        error_code=run.error_code,
        retry_count=run.retries,
        max_retries=max_retries,
        estimated_completion_time=_estimate(run, datetime.now(UTC)),
    )


def _estimate(run: IndexingRun, now: datetime) -> datetime | None:
    """When a running analysis ends if it goes on as it has; None before anything is known."""
    if run.status is not IndexingStatus.PROCESSING or run.started_at is None or run.progress <= 0:
        return None
    spent = max(timedelta(0), now - run.started_at)
    return now + spent * ((100 - run.progress) / run.progress)


def retry_to_wire(run: IndexingRun, max_retries: int) -> wire.RetryAnswer:
    """The confirmation of a retry."""
    return wire.RetryAnswer(
        analysis_job_id=run.id,
        media_id=run.asset_id,
        status=run.status.value,
        retry_count=run.retries,
        max_retries=max_retries,
        message="Analysis queued again",
    )


def queued_to_wire(run: IndexingRun, ahead: int) -> wire.QueueAnswer:
    """The confirmation that an analysis was asked for; `ahead` is how many wait before it."""
    begun = run.status is IndexingStatus.PROCESSING
    return wire.QueueAnswer(
        analysis_job_id=run.id,
        media_id=run.asset_id,
        queue_position=0 if begun else ahead,
        estimated_start_time=run.started_at if begun else None,
        message="Analysis is being done" if begun else "Analysis queued",
    )


def scenes_to_wire(video_id: UUID, scenes: Sequence[Scene], link: KeyframeLink) -> wire.Scenes:
    """The scenes of a video."""
    return wire.Scenes(video_id=video_id, count=len(scenes), scenes=[scene_to_wire(scene, link) for scene in scenes])


def scene_to_wire(scene: Scene, link: KeyframeLink) -> wire.Scene:
    """One scene."""
    return wire.Scene(
        scene_id=scene.id,
        scene_index=scene.index,
        start_time=float(scene.start),
        end_time=float(scene.end),
        time_range_formatted=f"{clock(scene.start)}-{clock(scene.end)}",
        description=scene.description or "",
        tags=list(scene.tags),
        visible_text=scene.visible_text,
        confidence_score=scene.confidence,
        embedding_status="completed" if scene.is_embedded else "pending",
        thumbnail_url=link(scene.id) if scene.keyframe_key else None,
        created_at=scene.created_at,
    )
