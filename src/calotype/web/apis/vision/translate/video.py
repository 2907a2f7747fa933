"""Videos and groups between the wire and the domain."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from calotype.domain.asset import State
from calotype.domain.errors import InvalidInput
from calotype.domain.video import IndexingStatus, LibraryVideo, NewVideo, VideoGroup
from calotype.web.apis.vision.translate.ids import parse_id
from calotype.web.apis.vision.translate.links import VideoLinks
from calotype.web.apis.vision.wire import video as wire

DEFAULT = "default"
"""What stands for no group."""

_QA_AND_SEARCH = "qa_and_search"
_STATUS = {
    None: "pending",
    IndexingStatus.PENDING: "pending",
    IndexingStatus.PROCESSING: "indexing",
    IndexingStatus.COMPLETED: "indexed",
    IndexingStatus.FAILED: "failed",
    IndexingStatus.CANCELLED: "failed",
}
_CANCELLED = "indexing was cancelled"


def video_to_wire(found: LibraryVideo, links: VideoLinks) -> wire.Video:
    """One video as it is now."""
    video = found.video
    status = "failed" if video.download is State.FAILED else _STATUS[video.indexing]
    return {
        "video_id": video.asset_id,
        "url": links.original(video.asset_id),
        "indexing_status": status,
        "status": status,
        "metadata": _metadata(found, links),
        "indexing_type": _QA_AND_SEARCH if video.indexing else None,
        "group_id": str(video.group_id) if video.group_id else DEFAULT,
        "error": _error(found) if status == "failed" else None,
    }


def _metadata(found: LibraryVideo, links: VideoLinks) -> wire.VideoMetadata:
    asset, video, probe = found.asset, found.video, found.video.probe
    return {
        "width": probe.width if probe else None,
        "height": probe.height if probe else None,
        "avg_fps": float(probe.frame_rate) if probe else None,
        "duration": float(probe.duration) if probe else None,
        "video_name": video.name,
        "title": asset.title,
        "video_start_timestamp_utc_ms": _milliseconds(video.starts_at) if video.starts_at else None,
        "thumbnail": links.thumbnail(asset.id) if asset.variants else None,
        "thumbnails": links.storyboard(asset.id) if video.storyboard else None,
        "description": asset.description,
        "source": video.source_url,
    }


def _milliseconds(moment: datetime) -> int:
    return math.floor(moment.timestamp() * 1000)


def _error(found: LibraryVideo) -> str:
    if found.video.download_error:
        return found.video.download_error
    return (found.run.error if found.run else None) or _CANCELLED


def videos_to_wire(found: Iterable[LibraryVideo], links: VideoLinks) -> wire.Videos:
    """Several videos."""
    return {"results": [video_to_wire(video, links) for video in found]}


def video_from_wire(upload: wire.Upload) -> NewVideo:
    """What is said of a video to be uploaded. Raises InvalidInput for times that contradict each other."""
    return NewVideo(
        name="",
        probe=None,
        group_id=group_id_from_wire(upload.group_id),
        starts_at=_starts_at(upload),
        has_storyboard=upload.enable_thumbnails,
        caption_prompt=upload.caption_prompt,
    )


def _starts_at(upload: wire.Upload) -> datetime | None:
    named, sampled = upload.video_absolute_start_timestamp, upload.video_start_absolute_timestamp
    if named is not None and sampled is not None and named != sampled:
        raise InvalidInput(
            "video_absolute_start_timestamp and video_start_absolute_timestamp are different times",
            field="video_absolute_start_timestamp",
        )
    return named if named is not None else sampled


def group_id_from_wire(text: str) -> UUID | None:
    """The id of a group, None for the default pool; an id that no group has where it is none."""
    if text.strip().lower() == DEFAULT:
        return None
    return parse_id(text) or UUID(int=0)


def uploaded_to_wire(video_id: UUID, *, is_download: bool) -> wire.Uploaded:
    """The confirmation of an upload."""
    status = "download_initiated" if is_download else "upload_initiated"
    return {"video_id": video_id, "video_s3_url": None, "status": status}


def group_to_wire(group: VideoGroup) -> wire.Group:
    """One group."""
    return {
        "group_id": str(group.id),
        "name": group.name,
        "metadata": dict(group.metadata),
        "created_at": _iso(group.created_at),
        "updated_at": _iso(group.updated_at),
    }


def default_group() -> wire.Group:
    """The pool of videos that are in no group, in the form of one."""
    return {"group_id": DEFAULT, "name": DEFAULT, "metadata": {}, "created_at": None, "updated_at": None}


def groups_to_wire(groups: Iterable[VideoGroup]) -> wire.Groups:
    """Several groups."""
    return {"results": [group_to_wire(group) for group in groups]}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def moved_to_wire(group_id: UUID | None, moved: Iterable[UUID]) -> wire.Moved:
    """Which videos were moved."""
    ids = [str(video_id) for video_id in moved]
    return {
        "status": "success",
        "moved_count": len(ids),
        "group_id": str(group_id) if group_id else DEFAULT,
        "video_ids": ids,
    }


def done(message: str) -> dict[str, Any]:
    """A plain confirmation."""
    return {"status": "success", "message": message}
