"""Videos through the Files API: the small films, what is sent, and what answers look like by sections 3, 12.4 and 13."""

from __future__ import annotations

import functools
import re

from tests.contracts.shapes import (
    DETAIL,
    ITEM,
    boolean,
    count,
    each,
    expect,
    integer,
    nullable,
    number,
    one_of,
    shaped,
    text,
    timestamp,
    url,
    uuid,
)
from tests.films import BLUE, GREEN, RED, film
from tests.running import wait_for

FILES = "/api/v2/user-files"
JOBS = "/api/v2/video-analysis/jobs"
STATUS = "/api/v2/video-analysis/status"
QUEUE = "/api/v2/video-analysis/queue"
VIDEOS = "/api/v2/videos"
THUMBNAILS = "/api/v2/video-scenes"
TAKEN = "2024-05-06T07:08:09Z"
SIZE = (320, 240)
COLORS = (RED, GREEN, BLUE)
ANALYSIS_STATUS = one_of("pending", "processing", "completed", "failed", "cancelled")

METADATA = {
    "duration_seconds": number,
    "resolution": lambda value: re.fullmatch(r"\d+x\d+", value) is not None,
    "width": count,
    "height": count,
    "frame_rate": number,
    "video_codec": text,
    "audio_codec": nullable(text),
    "bitrate_kbps": count,
    "file_size_bytes": count,
    "format_name": text,
}
VIDEO_KEYS = {
    "video_metadata": nullable(shaped(METADATA)),
    "video_analysis_status": nullable(ANALYSIS_STATUS),
    "video_analysis_job_id": nullable(uuid),
    "scene_count": count,
    "has_audio_transcript": boolean,
    "video_url": url,
}
VIDEO_ITEM = {**ITEM, **VIDEO_KEYS}
VIDEO_DETAIL = {**DETAIL, **VIDEO_KEYS}
VIDEO_LIST = {"files": each(shaped(VIDEO_ITEM)), "total_count": count, "has_more": boolean}
JOB = {
    "analysis_job_id": uuid,
    "media_id": uuid,
    "status": ANALYSIS_STATUS,
    "progress_percent": lambda value: integer(value) and 0 <= value <= 100,
    "current_step": nullable(text),
    "started_at": nullable(timestamp),
    "completed_at": nullable(timestamp),
    "error_message": nullable(text),
    "error_code": nullable(text),
    "retry_count": count,
    "max_retries": one_of(3),
    "estimated_completion_time": nullable(timestamp),
}
QUEUED = {
    "analysis_job_id": uuid,
    "media_id": uuid,
    "queue_position": count,
    "estimated_start_time": nullable(timestamp),
    "message": text,
}
RETRIED = {
    "analysis_job_id": uuid,
    "media_id": uuid,
    "status": one_of("pending"),
    "retry_count": count,
    "max_retries": one_of(3),
    "message": text,
}
SCENE = {
    "scene_id": uuid,
    "scene_index": count,
    "start_time": lambda value: isinstance(value, float),
    "end_time": lambda value: isinstance(value, float),
    "time_range_formatted": lambda value: re.fullmatch(r"(\d+:)?\d+:\d\d-(\d+:)?\d+:\d\d", value) is not None,
    "description": text,
    "tags": each(text),
    "visible_text": nullable(text),
    "confidence_score": nullable(number),
    "embedding_status": one_of("pending", "completed"),
    "thumbnail_url": nullable(text),
    "created_at": nullable(timestamp),
}
SCENES = {"video_id": uuid, "count": count, "scenes": each(shaped(SCENE))}


@functools.cache
def trailer():
    """Three seconds, red, green and blue, with sound, 320 x 240 at 10 frames a second, recorded at TAKEN."""
    return film(size=SIZE, seconds=3, scenes=COLORS, audio="aac", metadata={"creation_time": TAKEN})


@functools.cache
def short(container="mp4"):
    """Half a second of 64 x 48 pixels."""
    return film(container, seconds=0.5)


def clip(seed):
    """A film of half a second like no other of another number."""
    return film(
        seconds=0.5, scenes=((seed * 37 % 256, seed * 91 % 256, seed * 13 % 256),), metadata={"title": f"{seed}"}
    )


def send(client, data, name="film.mp4", **fields):
    """Stream a film; nothing is described unless asked for."""
    form = {"auto_describe": "false", **fields}
    return client.post(f"{FILES}/upload/stream", files={"file": (name, data)}, data=form)


def detail(client, video_id):
    """The detail of a video, in its shape."""
    return expect(client.get(f"{FILES}/{video_id}"), VIDEO_DETAIL)


def queue(client, video_id, **body):
    """Ask for an analysis; returns the id of its job."""
    answer = expect(client.post(QUEUE, json={"media_id": video_id, **body}), QUEUED, 202)
    assert answer["media_id"] == video_id
    return answer["analysis_job_id"]


def ended(client, job_id):
    """Wait until an analysis has ended, looking at each answer on the way; returns its job."""

    def over():
        job = expect(client.get(f"{JOBS}/{job_id}"), JOB)
        return job if job["status"] in {"completed", "failed", "cancelled"} else None

    return wait_for(over, f"{job_id} did not end")


def analysed(client, video_id):
    """Have a video analysed; returns its job."""
    job = ended(client, queue(client, video_id))
    assert job["status"] == "completed", job
    return job


def scenes(client, video_id):
    """The scenes of a video."""
    body = expect(client.get(f"{VIDEOS}/{video_id}/scenes"), SCENES)
    assert (body["video_id"], body["count"]) == (video_id, len(body["scenes"]))
    return body["scenes"]
