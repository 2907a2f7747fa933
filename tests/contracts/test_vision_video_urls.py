"""Videos fetched from URLs: sections 1.8 and 4.2, and points 22, 26, 31, and 32 of the checklist."""

from __future__ import annotations

import json
import re
import threading

import pytest

from tests.contracts.conftest import CINEMA_BYTES
from tests.contracts.photos import photo
from tests.contracts.test_vision_urls import FORBIDDEN
from tests.contracts.video_shapes import deletion, uploaded
from tests.contracts.videos import (
    DELETE,
    REPROCESS,
    UPLOAD,
    demo,
    failed,
    indexed,
    listed,
    new_group,
    settled,
    trailer,
    video,
)
from tests.contracts.vision import ENCODINGS, SPELLINGS, call, unknown
from tests.contracts.vision_shapes import expect_error
from tests.films import film
from tests.running import wait_for

NAMES = {"http://localhost/a.jpg", "http://LOCALHOST./a.jpg"}
LITERAL = [url for url in FORBIDDEN if url not in NAMES]
WHEN_KNOWN = ("width", "height", "avg_fps", "duration", "thumbnail")


def fetch(client, url, encoding="json", path=UPLOAD, **fields):
    """Have a video fetched; returns its id. `index` is false unless it is given."""
    return uploaded(call(client, path, {"index": False, "video_url": url, **fields}, encoding), "download_initiated")


def here(client, video_id):
    """Wait until a video's bytes are there, or it has failed; returns it."""

    def arrived():
        now = video(client, video_id)
        return now if now["status"] == "failed" or now["metadata"]["width"] else None

    return wait_for(arrived, f"{video_id} was neither downloaded nor failed")


@pytest.fixture(scope="module", autouse=True)
def doomed(cinema, sources):
    """A client, and by their ids the URLs of videos that cannot be had.

    Asked for first and looked at last, because a source that is away is asked several times.
    """
    half = film("mp4", seconds=1)
    urls = [
        *(sources.publish(b"", status) for status in (204, 403, 404, 410, 429, 500, 503)),
        sources.publish(demo(), short=10),
        "http://127.0.0.1:9/a.mp4",
        "http://no-such-host.invalid/a.mp4",
        sources.publish(b"just text", Content_Type="video/mp4"),
        sources.publish(b""),
        sources.publish(photo()),
        sources.publish(half[: half.index(b"moov") - 4]),
        sources.publish(film(scenes=(), audio="aac")),
        sources.publish(demo() + bytes(CINEMA_BYTES)),
        sources.moved("http://10.0.0.1/a.mp4"),
        sources.moved("file:///etc/passwd"),
        sources.moved("http://user:word@127.0.0.1/a.mp4"),
    ]
    with cinema.client(cinema.new_key()) as client:
        yield client, {fetch(client, url, index=number % 2 == 0): url for number, url in enumerate(urls)}


# ------------------------------------------------------------------------------ what works


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_url_is_fetched_whatever_the_encoding(cinema_client, browser, sources, encoding):
    """Without a file, with what was said of it; afterwards it is as if it had been uploaded."""
    url = sources.publish(data := demo(), name="dock%20door.mp4", Content_Type="text/plain")
    group = new_group(cinema_client, "Docks")["group_id"]
    said = {"group_id": group, "video_absolute_start_timestamp": "2025-04-12T19:05:45"}
    now = here(cinema_client, fetch(cinema_client, url, encoding, **said))
    assert (now["status"], now["indexing_type"], now["group_id"]) == ("pending", None, group)
    told = now["metadata"]
    assert (told["width"], told["height"], told["avg_fps"]) == (64, 48, 10.0)
    assert (told["video_name"], told["source"]) == ("dock door.mp4", url)
    assert told["video_start_timestamp_utc_ms"] == 1744484745000
    answer = browser.get(now["url"])
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, data, "video/mp4")


def test_an_indexed_url_ends_indexed(cinema_client, sources):
    """In both spellings, with the name that was given."""
    url = sources.publish(trailer(), name="a.mp4")
    known = [
        fetch(cinema_client, url, path=spelling + UPLOAD, index="True", video_name="vid16") for spelling in SPELLINGS
    ]
    for video_id in known:
        now = indexed(cinema_client, video_id)
        assert (now["metadata"]["video_name"], now["indexing_type"]) == ("vid16", "qa_and_search")
    assert listed(cinema_client) == known[::-1]


def test_while_it_is_downloaded_a_video_can_be_read(cinema_client, browser, sources):
    """`pending`, a URL that is a string and leads to nothing yet, and nothing known; it cannot be indexed anew before."""
    gate = threading.Event()
    try:
        url = sources.publish(demo(), hold=gate)
        video_id = fetch(cinema_client, url, index=True, enable_thumbnails=True)
        wait_for(lambda: sources.asked(url), "the URL was not asked for")
        now = video(cinema_client, video_id)
        assert (now["status"], now["indexing_type"], now["error"]) == ("pending", "qa_and_search", None)
        assert all(now["metadata"][name] is None for name in WHEN_KNOWN)
        assert now["metadata"]["source"] == url
        expect_error(browser.get(now["url"]), 404)
        expect_error(cinema_client.post(REPROCESS, json={"video_ids": [video_id]}), 409, "video_not_ready")
        assert cinema_client.post("/search", json={"query": "red"}).json()["results"] == []
    finally:
        gate.set()
    now = indexed(cinema_client, video_id)
    assert browser.get(now["url"]).content == demo()


def test_a_download_can_be_deleted(cinema_client, browser, sources):
    """What is deleted while it comes in does not come back when it is there."""
    gate = threading.Event()
    try:
        url = sources.publish(demo(), hold=gate)
        video_id = fetch(cinema_client, url, index=True)
        wait_for(lambda: sources.asked(url), "the URL was not asked for")
        link = video(cinema_client, video_id)["url"]
        body = {"video_ids": [video_id]}
        assert deletion(cinema_client.request("DELETE", DELETE, json=body)) == ([video_id], [])
        assert listed(cinema_client) == []
    finally:
        gate.set()
    # One that comes after it has gone through the same queue.
    indexed(cinema_client, after := fetch(cinema_client, sources.publish(demo()), index=True))
    assert listed(cinema_client) == [after]
    expect_error(browser.get(link), 404)


def test_five_redirects_are_followed(cinema_client, sources):
    """And not a sixth; relative ones too."""
    url = sources.publish(demo())
    for _ in range(5):
        url = sources.moved(url.removeprefix(sources.base))
    good, bad = fetch(cinema_client, url), fetch(cinema_client, sources.moved(url))
    assert here(cinema_client, good)["status"] == "pending"
    assert failed(cinema_client, bad)


def test_nothing_of_the_caller_is_forwarded(cinema_client, sources):
    """No key, cookie or header of the request reaches the source."""
    url = sources.publish(demo())
    secret = {"Cookie": "session=secret", "X-Custom": "secret", "Referer": "http://secret/", "X-Request-ID": "secret-1"}
    answer = cinema_client.post(UPLOAD, json={"index": False, "video_url": url}, headers=secret)
    here(cinema_client, uploaded(answer, "download_initiated"))
    for headers in sources.asked(url):
        assert "secret" not in json.dumps(headers)
        assert not headers.keys() & {"cookie", "authorization", "x-api-key", "referer", "x-custom", "x-request-id"}


# ------------------------------------------------------------------------------ what is refused at once


@pytest.mark.parametrize("url", LITERAL)
def test_what_can_be_seen_in_a_url_is_refused_at_once(idle_client, url):
    """Addresses that are not public in every form, other schemes, credentials, no host: 400, nothing is kept."""
    answer = idle_client.post(UPLOAD, json={"index": True, "video_url": url})
    expect_error(answer, 400, "url_not_allowed", "video_url")
    assert listed(idle_client) == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_bad_url_is_refused_in_every_encoding(anyone, encoding):
    """With the same words."""
    body = {"index": "true", "video_url": "http://169.254.169.254/latest/meta-data", "group_id": "default"}
    for spelling in SPELLINGS:
        expect_error(call(anyone, spelling + UPLOAD, body, encoding), 400, "url_not_allowed", "video_url")


def test_a_url_that_is_no_text_is_refused(anyone):
    """400 that names the field."""
    for value in (5, True, {"url": "x"}, ["http://93.184.216.34/", 5]):
        expect_error(anyone.post(UPLOAD, json={"index": True, "video_url": value}), 400, param="video_url")


def test_what_is_allowed_is_no_more_than_that(cinema_client):
    """A server that may fetch from 127.0.0.1 may still not fetch from its neighbours."""
    for url in ("http://127.0.0.2/a.mp4", "http://[::1]/a.mp4", "http://10.0.0.1/a.mp4"):
        answer = cinema_client.post(UPLOAD, json={"index": True, "video_url": url})
        expect_error(answer, 400, "url_not_allowed", "video_url")


def test_an_unknown_group_is_not_found(anyone):
    """404 before anything is fetched."""
    body = {"index": True, "video_url": "http://93.184.216.34/a.mp4", "group_id": unknown()}
    expect_error(anyone.post(UPLOAD, json=body), 404, "group_not_found", "group_id")


# ------------------------------------------------------------------------------ what fails later


def test_a_name_that_leads_inside_fails_the_video(client, sources):
    """The text of a URL does not tell where a name leads; what is found out later ends in `failed`, and nobody is asked."""
    port = sources.base.rpartition(":")[2]
    url = sources.publish(demo())
    for host in ("localhost", "LOCALHOST."):
        reason = failed(client, fetch(client, url.replace("127.0.0.1", host)))
        assert "127.0.0.1" not in reason, port
    assert sources.asked(url) == []


def test_a_page_needs_the_optional_extra(cinema_client, sources):
    """A page of no known site ends `failed`, and the reason speaks of pages."""
    url = sources.publish(b"<!doctype html><html><body>a film</body></html>", name="watch", Content_Type="text/html")
    assert "page" in failed(cinema_client, fetch(cinema_client, url, index=True)).lower()


def test_the_last_segment_is_the_name(cinema_client, sources):
    """Decoded, without anything of a path in it; what names nothing gets some name all the same."""
    for name, shown in (("a.mp4", "a.mp4"), ("a%2Fb.mp4", "b.mp4"), ("caf%C3%A9.mp4?x=1", "café.mp4"), ("", None)):
        url = sources.publish(demo(), name=name.partition("?")[0]) + ("?x=1" if "?" in name else "")
        told = video(cinema_client, fetch(cinema_client, url))["metadata"]
        assert told["video_name"] == shown if shown else told["video_name"].strip()


def test_faults_of_downloads_fail_the_video(doomed, browser):
    """Asked for indexing or not, each ends `failed` with a reason in words, stays readable, and can be deleted."""
    client, known = doomed
    for video_id, url in known.items():
        now = settled(client, video_id)
        assert now["status"] == "failed", url
        reason = now["error"].replace(url, "")
        assert "127.0.0.1" not in reason, "no resolved address is told"
        assert "10.0.0.1" not in reason
        assert not re.search(r"Traceback|/tmp/|/src/|Error\(", reason), reason
        assert (now["metadata"]["source"], now["metadata"]["width"]) == (url, None)
        expect_error(browser.get(now["url"]), 404)
        expect_error(client.post(REPROCESS, json={"video_ids": [video_id]}), 409, "video_not_ready")
    assert sorted(listed(client)) == sorted(known)
    body = {"video_ids": list(known)}
    assert deletion(client.post(DELETE, json=body)) == (list(known), [])
    assert listed(client) == []
