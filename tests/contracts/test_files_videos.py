"""Videos among the files of the Files API: sections 1.6, 2.3, 2.4, 3, 4, 7, 8 and 12.4, point 9 of the checklist."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from tests.contracts.batches import EXE, ended_session, send_batch
from tests.contracts.conftest import NARROW_BYTES
from tests.contracts.file_films import (
    FILES,
    SIZE,
    TAKEN,
    VIDEO_ITEM,
    VIDEO_KEYS,
    VIDEO_LIST,
    clip,
    detail,
    send,
    short,
    trailer,
)
from tests.contracts.photos import photo
from tests.contracts.shapes import (
    BATCH_DELETE,
    DELETE,
    DETAIL,
    ITEM,
    LIST,
    RESTORE,
    RUNNING_TRIGGER,
    STREAM,
    TRIGGER,
    UPDATE,
    conforms,
    expect,
    expect_error,
)
from tests.films import film
from tests.running import upload, wait_for, wait_until_processed

BOUNDS = {"tiny_64": 64, "small_256": 256, "medium_512": 512, "medium_750": 750, "large_1024": 1024}
KINDS = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "m4v": "video/x-m4v",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
}
NAME = 'Hafen "früh".mp4'


@dataclass
class Library:
    """One tenant's: a film with everything, and a picture beside it."""

    client: httpx.Client
    video: str
    image: str
    made: dict


@pytest.fixture(scope="module")
def library(server):
    """A library whose background work is done."""
    with server.client(server.new_key()) as client:
        made = expect(send(client, trailer(), NAME, title="Morning trailer", tags="harbour,fog"), STREAM)
        image = upload(client, photo(), "pier.jpg", auto_describe="false")["image_id"]
        assert wait_until_processed(client, made["image_id"])["variant_status"] == "completed"
        wait_until_processed(client, image)
        yield Library(client, made["image_id"], image, made)


def item(client, file_id, **parameters):
    """One entry of the list."""
    (found,) = client.get(FILES, params={"ids": file_id, **parameters}).json()["files"]
    return found


def location(answer):
    """Where a redirect leads to."""
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


# ------------------------------------------------------------------ uploads


def test_each_kind_of_video_is_stored_as_what_it_is(client, browser):
    """Whatever it is called and declared: all 14 keys, content type and format of its bytes, and the bytes again."""
    for container, content_type in KINDS.items():
        data = short(container)
        made = expect(send(client, data, f"holiday-{container}.jpg"), STREAM)
        expected = {
            "upload_method": "STREAMING",
            "status": "completed",
            "s3_upload_completed": True,
            "variants_queued": True,
            "description_queued": False,
            "skipped": False,
            "skipped_existing_image_id": None,
            "storage_target": "default",
            "media_type": "video",
            "document_type": None,
            "text_extraction_status": None,
        }
        assert {key: made[key] for key in expected} == expected
        assert made["object_key"].endswith(f"/{made['image_id']}/holiday-{container}.jpg")
        found = detail(client, made["image_id"])
        assert (found["content_type"], found["format"], found["media_type"]) == (content_type, container, "video")
        assert (found["size_bytes"], found["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        assert browser.get(location(client.get(f"{FILES}/{made['image_id']}/download"))).content == data
    assert expect(client.get(FILES, params={"media_types": "video"}), VIDEO_LIST)["total_count"] == len(KINDS)


def test_what_is_no_accepted_video_is_refused(client):
    """Other containers, programs, and sound alone are 415; nothing, and a film of which nothing can be read, are 422."""
    for container in ("mkv", "ts", "m2ts", "mpeg", "flv", "wmv", "ogv", "3gp"):
        answer = send(
            client, film(container, size=(176, 144), codec="h263" if container == "3gp" else None), "film.mp4"
        )
        assert answer.status_code == 415, f"{container}: {answer.text}"
        expect_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    for data in (EXE, film(scenes=(), audio="aac", seconds=0.5), film("webm", scenes=(), audio="libopus", seconds=0.5)):
        expect_error(send(client, data, "film.mp4"), 415, "UNSUPPORTED_MEDIA_TYPE")
    expect_error(send(client, b"", "film.mp4"), 422)
    expect_error(send(client, trailer()[:900], "film.mp4"), 422)
    assert client.get(FILES).json()["total_count"] == 0


def test_a_video_has_a_limit_of_its_own(narrow_client):
    """One of exactly the limit is stored, one byte more is too large."""
    data = short()
    box = (NARROW_BYTES - len(data)).to_bytes(4, "big") + b"free"
    full = data + box + bytes(NARROW_BYTES - len(data) - 8)
    assert expect(send(narrow_client, full), STREAM)["media_type"] == "video"
    expect_error(send(narrow_client, full + b"\0"), 413, "PAYLOAD_TOO_LARGE")


def test_a_video_cannot_be_presigned(client):
    """Images only."""
    form = {"filename": "film.mp4", "content_type": "video/mp4", "size_bytes": "1000"}
    expect_error(client.post(f"{FILES}/upload/initiate", data=form), 422)


def test_the_same_video_is_skipped_or_stored_again(client):
    """As an image is: the older of them is named, all 14 keys are its own, and what was sent with it is dropped."""
    data = clip(1)
    first = expect(send(client, data, title="first"), STREAM)
    second = expect(send(client, data, title="second"), STREAM)
    skipped = expect(send(client, data, "other.mp4", title="third", skip_duplicates="true"), STREAM)
    assert first["image_id"] != second["image_id"]
    assert skipped["image_id"] == skipped["skipped_existing_image_id"] == first["image_id"]
    expected = {
        "status": "skipped",
        "skipped": True,
        "object_key": first["object_key"],
        "media_type": "video",
        "variants_queued": False,
        "description_queued": False,
        "s3_upload_completed": True,
    }
    assert {key: skipped[key] for key in expected} == expected
    assert expect(client.get(FILES), VIDEO_LIST)["total_count"] == 2
    assert detail(client, first["image_id"])["title"] == "first"


def test_a_batch_takes_videos_among_others(client):
    """Each says what it is, bad ones are rejected, a repeat is skipped, and the session ends when all is done."""
    data = clip(2)
    sent = [("a.mp4", data), ("b.jpg", photo()), ("c.mp4", EXE), ("d.mkv", short("mkv")), ("e.mp4", data)]
    body = send_batch(client, *sent, skip_duplicates="true", tags="batch")
    assert (body["status"], body["accepted_files"], body["rejected_files"]) == ("partial", 3, 2)
    results = body["immediate_results"]
    assert [(one["filename"], one["media_type"], one["status"]) for one in results] == [
        ("a.mp4", "video", "completed"),
        ("b.jpg", "image", "completed"),
        ("e.mp4", "video", "skipped"),
    ]
    assert results[2]["image_id"] == results[2]["skipped_existing_image_id"] == results[0]["image_id"]
    assert [(one["index"], one["retryable"]) for one in body["rejections"]] == [(2, False), (3, False)]
    session = ended_session(client, body["session_id"])
    counts = [session[f"{word}_files"] for word in ("completed", "failed", "skipped", "pending")]
    assert (session["status"], counts) == ("completed", [2, 0, 1, 0])
    found = detail(client, results[0]["image_id"])
    assert (found["tags"], found["variant_status"]) == (["batch"], "completed")
    progress = client.get(f"/api/v2/uploads/status/{found['id']}").json()
    assert (progress["unified_status"], progress["batch_id"]) == ("completed", body["session_id"])


# ------------------------------------------------------------------ reading


def test_a_listed_video_has_all_keys_of_its_own(library):
    """And says what was measured; nobody has asked for an analysis yet."""
    found = item(library.client, library.video)
    conforms(found, VIDEO_ITEM)
    expected = {
        "title": "Morning trailer",
        "filename": NAME,
        "tags": ["harbour", "fog"],
        "size_bytes": len(trailer()),
        "content_created_at": TAKEN,
        "dimensions": {"width": SIZE[0], "height": SIZE[1]},
        "format": "mp4",
        "content_type": "video/mp4",
        "media_type": "video",
        "variant_status": "completed",
        "variant_count": 5,
        "variant_error": None,
        "document_type": None,
        "source_url": None,
        "description_status": "skipped",
        "video_analysis_status": None,
        "video_analysis_job_id": None,
        "scene_count": 0,
        "has_audio_transcript": False,
    }
    assert {key: found[key] for key in expected} == expected
    assert found["blur_hash"]
    assert all(found[key] for key in ("thumbnail_url", "medium_url", "full_url"))


def test_what_was_measured_is_right(library):
    """Section 12.4, in the list and in the detail alike."""
    measured = item(library.client, library.video)["video_metadata"]
    assert measured["duration_seconds"] == pytest.approx(3, abs=0.15)
    expected = {
        "resolution": "320x240",
        "width": 320,
        "height": 240,
        "video_codec": "h264",
        "audio_codec": "aac",
        "file_size_bytes": len(trailer()),
    }
    assert {key: measured[key] for key in expected} == expected
    assert measured["frame_rate"] == pytest.approx(10, abs=0.1)
    assert isinstance(measured["frame_rate"], float)
    assert isinstance(measured["duration_seconds"], float)
    bits = len(trailer()) * 8 / measured["duration_seconds"] / 1000
    assert measured["bitrate_kbps"] == pytest.approx(bits, rel=0.3)
    assert "mp4" in measured["format_name"]
    assert detail(library.client, library.video)["video_metadata"] == measured


def test_a_detail_has_the_six_keys_of_videos(library):
    """The short id finds it, and its history tells what was done."""
    found = detail(library.client, library.video)
    by_prefix = library.client.get(f"{FILES}/{library.video[:8].upper()}").json()
    assert by_prefix.keys() == found.keys()
    assert (by_prefix["id"], found["object_key"]) == (library.video, library.made["object_key"])
    assert (found["original_filename"], found["upload_method"]) == (NAME, "STREAMING")
    done = {step["operation_type"]: step["status"] for step in found["processing_history"]}
    assert (done["upload"], done["variants"]) == ("completed", "completed")
    assert "analyze_video" not in done


def test_no_other_type_has_the_keys_of_videos(library):
    """Besides the two that every item of a list has, which are null."""
    own = VIDEO_KEYS.keys() - {"video_metadata", "video_analysis_status"}
    listed = item(library.client, library.image)
    conforms(listed, ITEM)
    assert not own & listed.keys()
    assert not VIDEO_KEYS.keys() & expect(library.client.get(f"{FILES}/{library.image}"), DETAIL).keys()


def test_the_variants_of_a_video_show_a_frame_of_it(library, browser):
    """No name enlarges it; the original is the film."""
    for name, bound in BOUNDS.items():
        answer = browser.get(location(library.client.get(f"{FILES}/{library.video}/variant/{name}")))
        picture = Image.open(io.BytesIO(answer.content))
        assert picture.size == (min(bound, 320), min(bound, 320) * 240 // 320), name
        assert answer.headers["content-type"] == Image.MIME[picture.format]
        assert max(picture.convert("RGB").resize((1, 1)).getpixel((0, 0))) > 60, "a telling frame is not black"
    original = browser.get(location(library.client.get(f"{FILES}/{library.video}/variant/original")))
    assert (original.content, original.headers["content-type"]) == (trailer(), "video/mp4")
    expect_error(library.client.get(f"{FILES}/{library.video}/variant/huge"), 404)


def test_a_turned_video_is_upright(client, browser):
    """In its dimensions and in its poster."""
    video_id = send(client, film(size=(96, 64), seconds=0.5, rotation=90), "phone.mov").json()["image_id"]
    wait_until_processed(client, video_id)
    found = detail(client, video_id)
    assert found["dimensions"] == {"width": 64, "height": 96}
    assert (found["video_metadata"]["width"], found["video_metadata"]["height"]) == (64, 96)
    poster = browser.get(location(client.get(f"{FILES}/{video_id}/variant/large_1024")))
    assert Image.open(io.BytesIO(poster.content)).size == (64, 96)


def test_variants_are_told_to_come(idle, idle_client):
    """Where nothing works yet: pending, 404 with a time to wait, and the original at once."""
    made = expect(send(idle_client, short()), STREAM)
    found = detail(idle_client, made["image_id"])
    assert (found["variant_status"], found["thumbnail_url"], found["blur_hash"]) == ("pending", None, None)
    assert found["dimensions"] == {"width": 64, "height": 48}
    answer = idle_client.get(f"{FILES}/{made['image_id']}/variant/small_256")
    expect_error(answer, 404)
    assert answer.headers["retry-after"] == "1"
    assert idle_client.get(f"{FILES}/{made['image_id']}/variant/original").status_code == 302


def test_a_video_is_played_by_its_link_alone(library, browser):
    """Any part of it, without a token, as what it is; a tampered link is unknown."""
    link = item(library.client, library.video)["video_url"]
    whole = browser.get(link)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["accept-ranges"] == "bytes"
    part = browser.get(link, headers={"Range": "bytes=10-29"})
    assert (part.status_code, part.content) == (206, whole.content[10:30])
    assert part.headers["content-range"] == f"bytes 10-29/{len(whole.content)}"
    head = browser.head(link)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
    assert browser.get(link[:-1] + ("0" if link[-1] != "0" else "1")).status_code == 404


def test_a_download_is_the_film_by_its_name(library, browser):
    """As an attachment, with ranges, byte by byte."""
    link = location(library.client.get(f"{FILES}/{library.video}/download"))
    whole = browser.get(link)
    assert whole.content == trailer()
    disposition = whole.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert "filename*=UTF-8''Hafen%20%22fr%C3%BCh%22.mp4" in disposition
    end = browser.get(link, headers={"Range": "bytes=-100"})
    assert (end.status_code, end.content) == (206, trailer()[-100:])
    beyond = browser.get(link, headers={"Range": f"bytes={len(trailer())}-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    "parameters",
    [
        {"media_types": "video"},
        {"media_types": ["video", "link"]},
        {"search": "trailer morning"},
        {"search": "früh"},
        {"search": "fog", "search_mode": "metadata"},
        {"tags": "harbour,fog"},
        {"sort_by": "title", "limit": "1", "tags": "fog"},
        {"sort_by": "size_bytes", "media_types": "video"},
        {"has_description": "false", "media_types": "video"},
        {"date_from": "2020-01-01", "date_to": "2100-01-01", "media_types": "video"},
    ],
    ids="-".join,
)
def test_every_filter_finds_videos(library, parameters):
    """As it finds images; the picture beside it does not match."""
    page = expect(library.client.get(FILES, params=parameters), VIDEO_LIST)
    assert [one["id"] for one in page["files"]] == [library.video]


def test_filters_leave_videos_out(library):
    """Where another type, tag or text is asked for; by content date the film of 2024 stands behind today's picture."""
    for parameters in ({"media_types": "image"}, {"media_types": "document"}, {"search": "trailer pier"}):
        found = library.client.get(FILES, params=parameters).json()["files"]
        assert library.video not in [one["id"] for one in found]
    both = library.client.get(FILES, params={"sort_by": "content_created_at", "sort_order": "asc"}).json()
    assert [one["id"] for one in both["files"]] == [library.video, library.image]


def test_a_known_video_is_told_before_it_is_sent(library):
    """By its hash."""
    known, other = hashlib.sha256(trailer()).hexdigest(), "0" * 64
    answer = library.client.post("/api/v2/uploads/check-duplicates", json={"hashes": [known, other]}).json()
    assert answer == {"duplicates": [known], "unique": [other]}


# ------------------------------------------------------------------ changing


def test_a_video_is_changed_moved_deleted_and_restored(client, browser):
    """It comes back with id, tags, folder and variants; meanwhile nothing but the trash knows it."""
    video_id = send(client, clip(3), tags="one").json()["image_id"]
    wait_until_processed(client, video_id)
    changed = expect(client.patch(f"{FILES}/{video_id}", json={"title": "New", "tags": ["two", "three"]}), UPDATE)
    assert (changed["title"], changed["tags"]) == ("New", ["two", "three"])
    folder = client.post("/api/v2/folders", json={"name": "Films"}).json()["id"]
    moved = client.post("/api/v2/folders/move-files", json={"file_ids": [video_id], "folder_id": folder})
    assert moved.status_code == 200
    inside = expect(client.get(FILES, params={"folder_id": folder}), VIDEO_LIST)
    assert [one["id"] for one in inside["files"]] == [video_id]
    assert client.get(f"/api/v2/folders/{folder}").json()["total_files"] == 1

    expect(client.delete(f"{FILES}/{video_id}"), DELETE)
    for method, path in (
        ("GET", ""),
        ("GET", "/variant/small_256"),
        ("GET", "/variant/original"),
        ("GET", "/download"),
        ("PATCH", ""),
        ("POST", "/trigger-variants"),
        ("DELETE", ""),
    ):
        body = {"json": {}} if method == "PATCH" else {}
        expect_error(client.request(method, f"{FILES}/{video_id}{path}", **body), 404, "NOT_FOUND")
    assert expect(client.get(FILES), LIST)["total_count"] == 0
    trashed = expect(client.get(FILES, params={"trashed": "true"}), VIDEO_LIST)["files"]
    assert [one["id"] for one in trashed] == [video_id]
    assert trashed[0]["deleted_at"]

    expect(client.post(f"{FILES}/{video_id}/restore"), RESTORE)
    expect_error(client.post(f"{FILES}/{video_id}/restore"), 409, "CONFLICT")
    back = detail(client, video_id)
    assert (back["tags"], back["folder_id"], back["variant_status"]) == (["two", "three"], folder, "completed")
    assert browser.get(location(client.get(f"{FILES}/{video_id}/variant/small_256"))).status_code == 200


def test_videos_are_deleted_together(client):
    """Among others that are unknown."""
    ids = [send(client, clip(number)).json()["image_id"] for number in (4, 5)]
    for video_id in ids:
        wait_until_processed(client, video_id)
    unknown = str(uuid4())
    body = expect(client.post(f"{FILES}/batch-delete", json={"file_ids": [*ids, unknown]}), BATCH_DELETE)
    assert {one["id"] for one in body["deleted"]} == set(ids)
    assert body["failed"] == [{"id": unknown, "status": "failed", "message": "File not found", "deleted_at": None}]


def test_the_variants_of_a_video_are_made_again(client):
    """As those of an image are."""
    video_id = send(client, clip(6)).json()["image_id"]
    wait_until_processed(client, video_id)
    answer = client.post(f"{FILES}/{video_id}/trigger-variants")
    conforms(answer.json(), TRIGGER)
    again = client.post(f"{FILES}/{video_id}/trigger-variants").json()
    conforms(again, RUNNING_TRIGGER if "skipped_duplicate" in again else TRIGGER)
    assert wait_until_processed(client, video_id)["variant_count"] == 5


def test_a_video_is_described_by_its_poster(client):
    """Where that is asked for."""
    made = expect(send(client, clip(7), auto_describe="true"), STREAM)
    assert made["description_queued"] is True
    found = wait_until_processed(client, made["image_id"], described=True)
    assert found["description_status"] == "completed"
    assert found["upload_description"] == found["full_descriptions"][0]["description"]


def test_another_tenant_sees_nothing_of_a_video(library, client):
    """Neither by its id, nor by its prefix, nor in lists, nor by its hash."""
    for path in ("", "/download", "/variant/original", "/variant/small_256"):
        expect_error(client.get(f"{FILES}/{library.video}{path}"), 404, "NOT_FOUND")
    expect_error(client.get(f"{FILES}/{library.video[:8]}"), 404, "NOT_FOUND")
    expect_error(client.post(f"{FILES}/{library.video}/trigger-variants"), 404, "NOT_FOUND")
    expect_error(client.patch(f"{FILES}/{library.video}", json={"title": "mine"}), 404, "NOT_FOUND")
    expect_error(client.delete(f"{FILES}/{library.video}"), 404, "NOT_FOUND")
    for parameters in ({}, {"ids": library.video}, {"search": "trailer"}, {"media_types": "video"}):
        assert client.get(FILES, params=parameters).json()["total_count"] == 0
    mine = expect(send(client, trailer(), skip_duplicates="true"), STREAM)
    assert mine["skipped"] is False


def test_what_a_browser_cannot_play_it_is_given_in_another_form(client, browser):
    """An AVI's link answers with something that plays, at once or as soon as it is made, and says when to come again."""
    video_id = send(client, short("avi"), "old.avi").json()["image_id"]
    link = detail(client, video_id)["video_url"]

    def played():
        answer = browser.get(link)
        if answer.status_code == 404:
            assert answer.headers["retry-after"]
            return None
        return answer

    answer = wait_for(played, "there was nothing to play")
    assert answer.status_code == 200
    assert answer.headers["content-type"] in {"video/mp4", "video/x-msvideo"}
