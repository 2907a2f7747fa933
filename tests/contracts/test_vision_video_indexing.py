"""Indexing videos, and what is made of them: sections 4.1 and 4.3, and points 7, 25, 26, and 30 of the checklist."""

from __future__ import annotations

import io
import re
from urllib.parse import urljoin

import pytest
from PIL import Image

from tests.contracts.shapes import expect
from tests.contracts.video_shapes import DONE, STATUSES, deletion, ids, one
from tests.contracts.videos import (
    DELETE,
    GET,
    LIST,
    REPROCESS,
    VIDEOS,
    demo,
    indexed,
    listed,
    plant,
    trailer,
    upload,
    video,
)
from tests.contracts.vision import ENCODINGS, SPELLINGS, call, unknown
from tests.contracts.vision_shapes import expect_error
from tests.films import film
from tests.running import wait_for


@pytest.fixture(scope="module")
def archive(cinema):
    """A client and the ids of an indexed film, an indexed one with thumbnails, and one that is not to be indexed."""
    with cinema.client(cinema.new_key()) as client:
        known = [
            upload(client, trailer(), index="True", enable_thumbnails="False"),
            upload(client, trailer(), index="True", enable_thumbnails="True"),
            upload(client, trailer(), index="False", enable_thumbnails="True"),
        ]
        for video_id in known[:2]:
            indexed(client, video_id)
        yield client, known


def test_what_is_to_be_indexed_ends_indexed(archive):
    """Without further calls, with whole numbers and fractions as they were at the upload; and the other stays as it is."""
    client, known = archive
    for video_id, (status, kind) in zip(known, [("indexed", "qa_and_search")] * 2 + [("pending", None)], strict=True):
        now = video(client, video_id)
        assert (now["status"], now["indexing_type"], now["error"]) == (status, kind, None)
        told = now["metadata"]
        assert (told["width"], told["height"], told["avg_fps"]) == (64, 48, 10.0)
        assert told["duration"] == pytest.approx(3, abs=0.11)


def test_every_reading_says_the_same(archive):
    """The four ways to read, in both spellings, but for the URLs, which are made afresh."""
    client, known = archive

    def still(each):
        told = {key: value for key, value in each["metadata"].items() if not key.startswith("thumbnail")}
        return {**each, "url": None, "metadata": told}

    bare = [still(one(client.get(f"/videos/{video_id}"))) for video_id in known]
    for spelling in SPELLINGS:
        for path in (GET, LIST):
            answer = client.post(spelling + path, json={"video_ids": known})
            assert [still(each) for each in answer.json()["results"]] == bare
        answer = client.get(spelling + VIDEOS, params=[("ids", each) for each in known])
        assert [still(each) for each in answer.json()["results"]] == bare


def test_the_thumbnail_is_a_frame_of_the_film(archive, browser):
    """A JPEG with the shape of the film, without a key; its link cannot be used for another."""
    client, known = archive
    links = {}
    for video_id in known:
        link = wait_for(lambda each=video_id: video(client, each)["metadata"]["thumbnail"], "no thumbnail was made")
        answer = browser.get(link)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.headers["x-content-type-options"] == "nosniff"
        picture = Image.open(io.BytesIO(answer.content))
        assert picture.format == "JPEG"
        assert picture.width / picture.height == pytest.approx(64 / 48, rel=0.05)
        assert max(picture.convert("RGB").resize((1, 1)).getpixel((0, 0))) > 50, "the frame is not black"
        links[video_id] = link
    expect_error(browser.get(links[known[0]].replace(known[0], known[1])), 403)


def test_a_storyboard_is_made_where_it_is_wanted(archive, browser):
    """WebVTT whose cues cover the film from its start, each a part of a picture that can be had without a key."""
    client, (plain, shown, _) = archive
    assert video(client, plain)["metadata"]["thumbnails"] is None
    link = video(client, shown)["metadata"]["thumbnails"]
    answer = browser.get(link)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/vtt")
    assert re.match(r"WEBVTT(\s|$)", answer.text)
    cues = re.findall(r"^(\S+) --> (\S+).*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$", answer.text, re.MULTILINE)
    assert cues
    assert re.fullmatch(r"(00:)?00:00\.000", cues[0][0])
    for _, _, where, *_box in cues:
        sheet = browser.get(urljoin(link, where))
        assert (sheet.status_code, sheet.headers["content-type"]) == (200, "image/jpeg")
        size = Image.open(io.BytesIO(sheet.content)).size
        left, top, width, height = map(int, _box)
        assert width > 0 < height
        assert (left + width <= size[0], top + height <= size[1]) == (True, True)


def test_nothing_is_shown_but_the_four_words(cinema_client):
    """From the upload to the end, in their order."""
    video_id = upload(cinema_client, trailer(), index="True")
    seen = []

    def ended():
        seen.append(video(cinema_client, video_id)["status"])
        return seen[-1] in {"indexed", "failed"}

    wait_for(ended, "the video was not indexed")
    assert seen[-1] == "indexed"
    places = [STATUSES.index(word) for word in seen]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", ["webm", "avi", "mkv", "ts", "upright", "sound", "one frame"])
def test_films_of_many_kinds_are_indexed(cinema_client, kind):
    """Other containers, a turned one, whose width is as it is seen, one with sound, and one that hardly moves."""
    data = {
        "upright": lambda: film(size=(96, 64), rotation=90),
        "sound": lambda: film(audio="aac"),
        "one frame": lambda: film(seconds=0.1),
    }.get(kind, lambda: film(kind))()
    now = indexed(cinema_client, upload(cinema_client, data, index="True"))
    assert (now["metadata"]["width"], now["metadata"]["height"]) == ((64, 96) if kind == "upright" else (64, 48))
    assert now["metadata"]["duration"] > 0


# ------------------------------------------------------------------------------ again


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_was_never_indexed_can_be(cinema_client, encoding):
    """In both spellings; afterwards it is indexed as if it had been asked for at once."""
    known = [upload(cinema_client) for _ in SPELLINGS]
    for spelling, video_id in zip(SPELLINGS, known, strict=True):
        body = expect(call(cinema_client, f"{spelling}{REPROCESS}/", {"video_ids": [video_id]}, encoding), DONE)
        assert body == {"status": "success", "message": "Reprocessing queued for 1 videos"}
        assert video(cinema_client, video_id)["indexing_type"] == "qa_and_search"
    for video_id in known:
        indexed(cinema_client, video_id)


def test_several_are_indexed_anew_at_once(cinema_client):
    """Those that were, those that were not, those that wait; each counts once."""
    known = [upload(cinema_client, index=index) for index in ("True", "False")]
    indexed(cinema_client, known[0])
    known.append(upload(cinema_client, index="True"))
    body = expect(cinema_client.post(REPROCESS, json={"video_ids": [*known, known[0].upper()]}), DONE)
    assert body["message"] == "Reprocessing queued for 3 videos"
    for video_id in known:
        indexed(cinema_client, video_id)


def test_one_unknown_video_queues_nothing(cinema_client):
    """404, and none of the others is touched; no ids at all are 400."""
    known = plant(cinema_client, 2)
    for odd in (unknown(), "no-uuid"):
        answer = cinema_client.post(REPROCESS, json={"video_ids": [known[0], odd, known[1]]})
        expect_error(answer, 404, "video_not_found")
    for options in (
        {},
        {"json": {}},
        {"json": {"video_ids": []}},
        {"data": {"video_ids": ""}},
        {"json": {"video_ids": None}},
    ):
        expect_error(cinema_client.post(REPROCESS, **options), 400, param="video_ids")
    indexed(cinema_client, upload(cinema_client, index="True"))
    for video_id in known:
        now = video(cinema_client, video_id)
        assert (now["status"], now["indexing_type"]) == ("pending", None)


def test_lost_bytes_cannot_be_indexed(cinema, cinema_client):
    """409 when the file is not there any more, and the video stays as it was."""
    video_id, kept = plant(cinema_client, 2)
    files = [
        path
        for path in cinema.data_dir.rglob("*")
        if path.is_file() and video_id in str(path) and "uploads" in path.parts
    ]
    assert files
    for path in files:
        path.unlink()
    answer = cinema_client.post(REPROCESS, json={"video_ids": [kept, video_id]})
    expect_error(answer, 409, "video_not_ready")
    assert [video(cinema_client, each)["status"] for each in (video_id, kept)] == ["pending", "pending"]


# ------------------------------------------------------------------------------ deleting in between


def test_a_video_can_be_deleted_while_it_is_indexed(cinema_client, browser):
    """At once, by each way; it is gone, and what comes after it is indexed all the same."""
    for delete in (
        lambda known: cinema_client.request("DELETE", DELETE, json={"video_ids": known}),
        lambda known: cinema_client.delete(f"/videos/{known[0]}"),
    ):
        video_id = upload(cinema_client, trailer(), index="True", enable_thumbnails="1")
        link = video(cinema_client, video_id)["url"]
        assert deletion(delete([video_id])) == ([video_id], [])
        expect_error(browser.get(link), 404)
    after = upload(cinema_client, demo(), index="True")
    indexed(cinema_client, after)
    assert listed(cinema_client) == [after]
    assert ids(cinema_client.post(GET, json={"video_ids": [video_id]})) == []


def test_thumbnails_go_with_their_video(cinema_client, browser):
    """Both links answer 404 once it is deleted."""
    video_id = upload(cinema_client, trailer(), index="True", enable_thumbnails="True")
    told = indexed(cinema_client, video_id)["metadata"]
    thumbnail = wait_for(lambda: video(cinema_client, video_id)["metadata"]["thumbnail"], "no thumbnail was made")
    cinema_client.delete(f"/videos/{video_id}")
    for link in (thumbnail, told["thumbnails"]):
        expect_error(browser.get(link), 404)
