"""The analysis of videos and their scenes: section 13 of the Files API, point 40 of the checklist."""

from __future__ import annotations

import io
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from tests.contracts.file_films import (
    COLORS,
    FILES,
    JOB,
    JOBS,
    QUEUE,
    QUEUED,
    RETRIED,
    STATUS,
    THUMBNAILS,
    VIDEOS,
    analysed,
    clip,
    detail,
    ended,
    queue,
    scenes,
    send,
    short,
    trailer,
)
from tests.contracts.film_attempts import ATTEMPTS
from tests.contracts.photos import photo
from tests.contracts.shapes import expect, expect_error
from tests.running import upload, wait_for


@dataclass
class Analysed:
    """A tenant's film that was analysed, its job, and a picture beside it."""

    client: httpx.Client
    video: str
    job: dict
    image: str


@pytest.fixture(scope="module")
def analysis(server):
    """One analysis that is over."""
    with server.client(server.new_key()) as client:
        video = send(client, trailer(), title="Trailer").json()["image_id"]
        image = upload(client, photo(), auto_describe="false")["image_id"]
        assert scenes(client, video) == [], "there is nothing before the analysis"
        expect_error(client.get(f"{STATUS}/{video}"), 404, "NOT_FOUND")
        yield Analysed(client, video, analysed(client, video), image)


def test_a_job_that_is_done_says_so_everywhere(analysis):
    """Under its own id, as the newest of its video, in the list, in the detail, and in the history."""
    job = analysis.job
    expected = {
        "media_id": analysis.video,
        "status": "completed",
        "progress_percent": 100,
        "error_message": None,
        "error_code": None,
        "retry_count": 0,
    }
    assert {key: job[key] for key in expected} == expected
    assert job["started_at"] <= job["completed_at"]
    assert expect(analysis.client.get(f"{STATUS}/{analysis.video}"), JOB) == job
    found = detail(analysis.client, analysis.video)
    (listed,) = analysis.client.get(FILES, params={"ids": analysis.video}).json()["files"]
    for body in (found, listed):
        assert body["video_analysis_status"] == "completed"
        assert body["video_analysis_job_id"] == job["analysis_job_id"]
        assert (body["scene_count"], body["has_audio_transcript"]) == (3, False)
    steps = [step["status"] for step in found["processing_history"] if step["operation_type"] == "analyze_video"]
    assert steps == ["completed"]


def test_scenes_follow_each_other_from_the_first_frame_to_the_last(analysis):
    """One a colour, in order, without gaps, each with all 12 keys."""
    found = scenes(analysis.client, analysis.video)
    assert [one["scene_index"] for one in found] == [0, 1, 2]
    assert [one["start_time"] for one in found] == pytest.approx([0, 1, 2], abs=0.15)
    assert [one["end_time"] for one in found[:-1]] == [one["start_time"] for one in found[1:]]
    assert found[-1]["end_time"] == pytest.approx(3, abs=0.15)
    assert found[0]["time_range_formatted"] == "0:00-0:01"
    assert found[1]["time_range_formatted"] == "0:01-0:02"
    assert len({one["scene_id"] for one in found}) == 3
    assert all(one["created_at"] for one in found)


def test_the_picture_of_each_scene_shows_it(analysis, browser):
    """By the token, or by the signature of its address; always the same, so that it may be kept for a year."""
    for scene, color in zip(scenes(analysis.client, analysis.video), COLORS, strict=True):
        path = f"{THUMBNAILS}/{scene['scene_id']}/thumbnail"
        link = scene["thumbnail_url"]
        assert link.partition("?")[0] == path
        answer = analysis.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "public, max-age=31536000"
        assert answer.headers["content-disposition"] == f'inline; filename="scene_{scene["scene_id"]}.jpg"'
        picture = Image.open(io.BytesIO(answer.content))
        assert picture.format == "JPEG"
        middle = picture.convert("RGB").getpixel((picture.width // 2, picture.height * 3 // 4))
        assert all(abs(seen - meant) < 40 for seen, meant in zip(middle, color, strict=True)), (middle, color)
        base = str(analysis.client.base_url).rstrip("/")
        if "?" in link:
            assert browser.get(base + link).content == answer.content
            tampered = browser.get(base + link[:-1] + ("0" if link[-1] != "0" else "1"))
            assert tampered.status_code in {401, 404}
            other = link.replace(scene["scene_id"], str(uuid4()))
            assert browser.get(base + other).status_code in {401, 404}
        expect_error(browser.get(base + path), 401, "INVALID_API_KEY")


def test_a_second_analysis_takes_the_place_of_the_first(analysis):
    """The older job can still be read, the newest is told, and there are as many scenes as before."""
    first = analysis.job["analysis_job_id"]
    second = ended(analysis.client, queue(analysis.client, analysis.video, analysis_type="scene_detection"))
    assert second["analysis_job_id"] != first
    assert second["status"] == "completed"
    assert expect(analysis.client.get(f"{JOBS}/{first}"), JOB)["status"] == "completed"
    newest = expect(analysis.client.get(f"{STATUS}/{analysis.video}"), JOB)
    assert newest["analysis_job_id"] == second["analysis_job_id"]
    assert len(scenes(analysis.client, analysis.video)) == 3
    analysis.job = second


def test_only_a_failed_analysis_is_tried_again(analysis):
    """One that is done is 409; a wrong pair of ids is 404, however the job stands."""
    path = f"{JOBS}/{analysis.job['analysis_job_id']}/retry"
    post = analysis.client.post
    expect_error(post(path, json={"media_id": analysis.video}), 409, "CONFLICT")
    expect_error(post(path, json={"media_id": analysis.image}), 404, "NOT_FOUND")
    expect_error(post(path, json={"media_id": str(uuid4())}), 404, "NOT_FOUND")
    expect_error(post(f"{JOBS}/{uuid4()}/retry", json={"media_id": analysis.video}), 404, "NOT_FOUND")
    expect_error(post(path, json={}), 422)
    expect_error(post(path, json={"media_id": analysis.video, "reason": "r" * 501}), 422)
    expect_error(post(path, json={"media_id": analysis.video, "reason": "r" * 500}), 409)
    expect_error(post(f"{JOBS}/nonsense/retry", json={"media_id": analysis.video}), 422)


def test_an_analysis_that_failed_is_tried_again_three_times_at_most(server, client):
    """It says why it failed, counts its retries, and what is mended meanwhile comes to a good end."""
    data = clip(20)
    made = send(client, data).json()
    video = made["image_id"]
    path = server.data_dir / "objects" / made["object_key"]
    if not path.is_file():
        path = next(found for found in server.data_dir.rglob(path.name) if video in str(found))
    wait_for(lambda: detail(client, video)["variant_status"] == "completed", "no poster was made")
    path.unlink()
    job_id = queue(client, video)
    for attempt in range(4):
        job = ended(client, job_id)
        assert (job["status"], job["retry_count"], job["max_retries"]) == ("failed", attempt, 3)
        assert job["error_message"]
        assert job["error_code"]
        assert str(server.data_dir) not in job["error_message"]
        assert detail(client, video)["video_analysis_status"] == "failed"
        answer = client.post(f"{JOBS}/{job_id}/retry", json={"media_id": video, "reason": "once more"})
        if attempt == 3:
            expect_error(answer, 409, "CONFLICT")
            break
        told = expect(answer, RETRIED, 202)
        assert told["retry_count"] == attempt + 1
        job_id = told["analysis_job_id"]
    path.write_bytes(data)
    assert analysed(client, video)["status"] == "completed"
    assert len(scenes(client, video)) == 1


def test_an_unfinished_analysis_is_found_instead_of_a_second_one(idle_client):
    """Where nothing works: it is pending, everywhere, and those asked for later stand behind it."""
    first, second = (send(idle_client, clip(number)).json()["image_id"] for number in (21, 22))
    asked = [expect(idle_client.post(QUEUE, json={"media_id": video}), QUEUED, 202) for video in (first, second, first)]
    assert asked[0]["analysis_job_id"] == asked[2]["analysis_job_id"] != asked[1]["analysis_job_id"]
    assert asked[0]["queue_position"] < asked[1]["queue_position"]
    assert [one["media_id"] for one in asked] == [first, second, first]
    job = expect(idle_client.get(f"{JOBS}/{asked[0]['analysis_job_id']}"), JOB)
    expected = {"status": "pending", "progress_percent": 0, "started_at": None, "completed_at": None}
    assert {key: job[key] for key in expected} == expected
    found = detail(idle_client, first)
    assert (found["video_analysis_status"], found["scene_count"]) == ("pending", 0)
    assert found["video_analysis_job_id"] == job["analysis_job_id"]
    path = f"{JOBS}/{job['analysis_job_id']}/retry"
    expect_error(idle_client.post(path, json={"media_id": first}), 409, "CONFLICT")
    assert scenes(idle_client, first) == []


def test_only_videos_are_analysed(analysis):
    """Another file, one that nobody has, and one that is malformed are told apart."""
    for media_id in (analysis.image, str(uuid4())):
        expect_error(analysis.client.post(QUEUE, json={"media_id": media_id}), 404, "NOT_FOUND")
        expect_error(analysis.client.get(f"{VIDEOS}/{media_id}/scenes"), 404, "NOT_FOUND")
        expect_error(analysis.client.get(f"{STATUS}/{media_id}"), 404, "NOT_FOUND")
        expect_error(analysis.client.get(f"{JOBS}/{media_id}"), 404, "NOT_FOUND")
        expect_error(analysis.client.get(f"{THUMBNAILS}/{media_id}/thumbnail"), 404, "NOT_FOUND")
    for path in (f"{VIDEOS}/x/scenes", f"{STATUS}/x", f"{JOBS}/x", f"{THUMBNAILS}/x/thumbnail"):
        expect_error(analysis.client.get(path), 422)
    expect_error(analysis.client.post(QUEUE), 422)
    for wrong in (
        {},
        {"media_id": "x"},
        {"media_id": None},
        {"media_id": analysis.video, "analysis_type": "deep"},
        {"media_id": analysis.video, "priority": "urgent"},
    ):
        expect_error(analysis.client.post(QUEUE, json=wrong), 422)


@pytest.mark.parametrize("kind", ["full_vlm", "frame_sample", "scene_detection", "transcript"])
def test_every_type_and_priority_is_taken(idle_client, kind):
    """And unknown keys beside them."""
    for place, priority in enumerate(("low", "normal", "high")):
        video = send(idle_client, clip(30 + place)).json()["image_id"]
        body = {"media_id": video.upper(), "analysis_type": kind, "priority": priority, "unknown": 1}
        assert expect(idle_client.post(QUEUE, json=body), QUEUED, 202)["media_id"] == video


def test_a_deleted_video_has_no_scenes_until_it_is_restored(server, browser):
    """Nor a job, nor a picture of one by the token; afterwards all are as before."""
    with server.client(server.new_key()) as client:
        video = send(client, short()).json()["image_id"]
        job = analysed(client, video)
        (scene,) = before = scenes(client, video)
        picture = f"{THUMBNAILS}/{scene['scene_id']}/thumbnail"
        client.delete(f"{FILES}/{video}")
        for path in (f"{VIDEOS}/{video}/scenes", f"{STATUS}/{video}", picture):
            expect_error(client.get(path), 404, "NOT_FOUND")
        expect_error(client.post(QUEUE, json={"media_id": video}), 404, "NOT_FOUND")
        assert client.post(f"{FILES}/{video}/restore").status_code == 200
        after = scenes(client, video)
        assert [one["scene_id"] for one in after] == [one["scene_id"] for one in before]
        assert client.get(picture).status_code == 200
        assert expect(client.get(f"{STATUS}/{video}"), JOB)["analysis_job_id"] == job["analysis_job_id"]


def test_another_tenant_finds_neither_jobs_nor_scenes(analysis, client):
    """Whatever it asks; its own key does not open a picture of another's scene, and the owner's analysis stays as it is."""
    (scene, *_) = scenes(analysis.client, analysis.video)
    ids = {"job": analysis.job["analysis_job_id"], "video": analysis.video, "scene": scene["scene_id"]}
    before = expect(analysis.client.get(f"{STATUS}/{analysis.video}"), JOB)
    for attempt in ATTEMPTS.values():
        attempt(client, ids)
    assert expect(analysis.client.get(f"{STATUS}/{analysis.video}"), JOB) == before


def test_without_a_key_nothing_is_told(analysis, browser):
    """Before anything else is looked at."""
    base = str(analysis.client.base_url).rstrip("/")
    for method, path in (
        ("GET", f"{JOBS}/x"),
        ("GET", f"{STATUS}/x"),
        ("GET", f"{VIDEOS}/x/scenes"),
        ("GET", f"{THUMBNAILS}/x/thumbnail"),
        ("POST", QUEUE),
        ("POST", f"{JOBS}/x/retry"),
    ):
        expect_error(browser.request(method, base + path), 401, "INVALID_API_KEY")
