"""What answers about videos and groups must look like: exact keys and types, from the specification and from nothing else."""

from __future__ import annotations

import re
from datetime import datetime

from tests.contracts.shapes import count, each, expect, integer, null, nullable, one_of, shaped, text, url, uuid
from tests.contracts.vision_shapes import phrase, real

STATUSES = ("pending", "indexing", "indexed", "failed")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def group_id(value):
    """The id of a group, or the word for none."""
    return value == "default" or uuid(value)


def moment(value):
    """ISO 8601 with microseconds and an offset of zero."""
    return text(value) and MOMENT.fullmatch(value) is not None and datetime.fromisoformat(value) is not None


def strings(value):
    """A map of strings by string."""
    return isinstance(value, dict) and all(text(entry) for entry in value.values())


def side(value):
    """A number of pixels."""
    return integer(value) and value > 0


def positive(value):
    """A JSON number above 0 that is written with a point."""
    return real(value) and value > 0


METADATA = {
    "width": nullable(side),
    "height": nullable(side),
    "avg_fps": nullable(positive),
    "duration": nullable(positive),
    "video_name": phrase,
    "title": nullable(text),
    "video_start_timestamp_utc_ms": nullable(integer),
    "thumbnail": nullable(url),
    "thumbnails": nullable(url),
    "description": nullable(text),
    "source": nullable(text),
}
VIDEO = {
    "video_id": uuid,
    "url": url,
    "indexing_status": one_of(*STATUSES),
    "status": one_of(*STATUSES),
    "metadata": shaped(METADATA),
    "indexing_type": one_of(None, "qa_and_search", "fast_search", "qa", "reels"),
    "group_id": group_id,
    "error": nullable(phrase),
}
VIDEOS = {"results": each(shaped(VIDEO))}
UPLOADED = {"video_id": uuid, "video_s3_url": null, "status": one_of("upload_initiated", "download_initiated")}
DELETED = {
    "status": one_of("success"),
    "message": one_of("Videos deleted successfully"),
    "deleted": each(uuid),
    "not_found": each(text),
}
DONE = {"status": one_of("success"), "message": phrase}
GROUP = {"group_id": uuid, "name": phrase, "metadata": strings, "created_at": moment, "updated_at": moment}
DEFAULT_GROUP = {
    "group_id": one_of("default"),
    "name": one_of("default"),
    "metadata": strings,
    "created_at": null,
    "updated_at": null,
}
GROUPS = {"results": each(shaped(GROUP))}
MOVED = {"status": one_of("success"), "moved_count": count, "group_id": group_id, "video_ids": each(uuid)}
CHUNK = {
    "video_chunk_id": uuid,
    "video_id": uuid,
    "user_id": uuid,
    "score": lambda value: real(value) and 0 <= value <= 1,
    "start_timestamp": lambda value: real(value) and value >= 0,
    "end_timestamp": positive,
    "plain_text_caption": nullable(text),
    "plain_text_transcript": nullable(text),
    "explanation": nullable(text),
    "s3_presigned_url": url,
    "video_title": phrase,
    "video_thumbnails": nullable(url),
}
SEARCH = {"results": each(shaped(CHUNK)), "report": nullable(text), "total_results": count}


def uploaded(answer, status="upload_initiated"):
    """The id of a video whose upload was accepted with that word."""
    body = expect(answer, UPLOADED)
    assert body["status"] == status
    return body["video_id"]


def _checked(video):
    assert video["status"] == video["indexing_status"]
    assert (video["error"] is None) == (video["status"] != "failed")
    return video


def one(answer):
    """The bare video of an answer."""
    return _checked(expect(answer, VIDEO))


def videos_of(answer):
    """The videos of an answer, in its order."""
    return [_checked(video) for video in expect(answer, VIDEOS)["results"]]


def ids(answer):
    """The ids of the videos of an answer, in its order."""
    return [video["video_id"] for video in videos_of(answer)]


def deletion(answer):
    """What was deleted, and what was not found."""
    body = expect(answer, DELETED)
    return body["deleted"], body["not_found"]


def group_of(answer):
    """The group of an answer."""
    return expect(answer, GROUP)


def groups_of(answer):
    """The groups of an answer, in its order."""
    return expect(answer, GROUPS)["results"]


def chunks_of(answer):
    """The results of a search, the best first."""
    body = expect(answer, SEARCH)
    chunks = body["results"]
    assert body["total_results"] == len(chunks)
    scores = [chunk["score"] for chunk in chunks]
    assert scores == sorted(scores, reverse=True)
    assert all(chunk["start_timestamp"] < chunk["end_timestamp"] for chunk in chunks)
    assert len({chunk["video_chunk_id"] for chunk in chunks}) == len(chunks)
    return chunks
