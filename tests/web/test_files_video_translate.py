"""Videos, scenes and analyses as the Files API writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calotype.domain.job import Urgency
from calotype.domain.video import IndexingStatus
from calotype.web.apis.files.translate import video as translate
from tests.web.videos import NOW, RUN, SCENE, VIDEO, found, run, scene


def test_a_video_has_keys_of_its_own():
    """What its container says, how far its analysis is, and where it is played."""
    newest = run(IndexingStatus.COMPLETED)
    keys = translate.video_keys(
        found(indexing=IndexingStatus.COMPLETED, scene_count=7, has_transcript=True, newest=newest), lambda i: f"p/{i}"
    )
    told = keys.pop("video_metadata")
    assert keys == {
        "video_analysis_status": "completed",
        "video_analysis_job_id": RUN,
        "scene_count": 7,
        "has_audio_transcript": True,
        "video_url": f"p/{VIDEO}",
    }
    assert told.model_dump() == {
        "duration_seconds": 42.48,
        "resolution": "1280x720",
        "width": 1280,
        "height": 720,
        "frame_rate": 25.0,
        "video_codec": "h264",
        "audio_codec": None,
        "bitrate_kbps": 900,
        "file_size_bytes": 1234,
        "format_name": "mp4",
    }


def test_a_video_nobody_analysed_says_nothing_of_it():
    """Null where there is no run, and where its bytes are not here."""
    keys = translate.video_keys(found(probe=None), str)
    assert (keys["video_metadata"], keys["video_analysis_status"], keys["video_analysis_job_id"]) == (None, None, None)


@pytest.mark.parametrize("status", list(IndexingStatus))
def test_an_analysis_is_told_with_all_its_keys(status):
    """Each state is its own word; an end is guessed only while it runs."""
    started = datetime.now(UTC) - timedelta(seconds=60)
    told = translate.job_to_wire(
        run(status, progress=40, step="scenes", retries=2, error="why", error_code="because", started_at=started), 3
    ).model_dump()
    guess = told.pop("estimated_completion_time")
    assert told == {
        "analysis_job_id": RUN,
        "media_id": VIDEO,
        "status": status.value,
        "progress_percent": 40,
        "current_step": "scenes",
        "started_at": started,
        "completed_at": None,
        "error_message": "why",
        "error_code": "because",
        "retry_count": 2,
        "max_retries": 3,
    }
    assert (guess is not None) == (status is IndexingStatus.PROCESSING)
    if guess is not None:
        assert guess > datetime.now(UTC) + timedelta(seconds=60)


def test_nothing_is_guessed_before_anything_is_known():
    """Neither without progress nor without a beginning; a clock that was set back gives no end in the past."""
    for values in ({"progress": 0, "started_at": NOW}, {"progress": 50}):
        assert translate.job_to_wire(run(IndexingStatus.PROCESSING, **values), 3).estimated_completion_time is None
    early = datetime.now(UTC)
    ahead = run(IndexingStatus.PROCESSING, progress=50, started_at=early + timedelta(days=1))
    guess = translate.job_to_wire(ahead, 3).estimated_completion_time
    assert guess is not None
    assert guess >= early


@pytest.mark.parametrize(
    ("word", "urgency"), [("low", Urgency.BACKFILL), ("normal", Urgency.NEW), ("high", Urgency.INTERACTIVE)]
)
def test_priorities_are_urgencies(word, urgency):
    """Those of somebody who waits come first."""
    assert translate.urgency_from_wire(word) is urgency


def test_a_queued_analysis_tells_its_place():
    """How many are ahead; one that is being done has none, and has begun."""
    waiting = translate.queued_to_wire(run(), 4)
    assert (waiting.analysis_job_id, waiting.media_id, waiting.queue_position) == (RUN, VIDEO, 4)
    assert waiting.estimated_start_time is None
    running = translate.queued_to_wire(run(IndexingStatus.PROCESSING, started_at=NOW), 4)
    assert (running.queue_position, running.estimated_start_time) == (0, NOW)


def test_scenes_are_told_with_all_their_keys():
    """Texts are never null where they must not be; a picture's link is there only where a picture is."""
    told = translate.scenes_to_wire(
        VIDEO, [scene(), scene(keyframe_key=None, description=None, is_embedded=False)], str
    )
    assert (told.video_id, told.count) == (VIDEO, 2)
    assert told.scenes[0].model_dump() == {
        "scene_id": SCENE,
        "scene_index": 1,
        "start_time": 15.0,
        "end_time": 30.0,
        "time_range_formatted": "0:15-0:30",
        "description": "A forklift.",
        "tags": ["dock"],
        "visible_text": None,
        "confidence_score": 0.5,
        "embedding_status": "completed",
        "thumbnail_url": str(SCENE),
        "created_at": NOW,
    }
    bare = told.scenes[1]
    assert (bare.description, bare.thumbnail_url, bare.embedding_status) == ("", None, "pending")


def test_a_retry_is_told():
    """With how many there were and may be."""
    told = translate.retry_to_wire(run(retries=2), 3).model_dump()
    assert {name: told[name] for name in ("analysis_job_id", "media_id", "status", "retry_count", "max_retries")} == {
        "analysis_job_id": RUN,
        "media_id": VIDEO,
        "status": "pending",
        "retry_count": 2,
        "max_retries": 3,
    }
    assert told["message"]
