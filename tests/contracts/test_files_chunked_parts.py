"""Single chunks of videos: putting, confirming, telling how far an upload is, and uploads whose time is over; section 12."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contracts.chunked import CHUNK_BYTES, COMPLETED, CONFIRMED, VIDEOS, Sending
from tests.contracts.planting import alter
from tests.contracts.session_shapes import STUCK_UPLOADS, UPLOAD_STATUS
from tests.contracts.shapes import brief, expect, expect_error
from tests.small_film import small_film

STATUS = "/api/v2/uploads/status"


@pytest.fixture
def client(cutter_client):
    """A client of the server with small chunks."""
    return cutter_client


@pytest.fixture(scope="module")
def film():
    """A film of several chunks."""
    return small_film()


@pytest.fixture
def sending(client, film):
    """An announced upload."""
    return Sending.begin(client, film)


def _status(client, sending):
    return expect(client.get(f"{STATUS}/{sending.id}"), UPLOAD_STATUS)


# --------------------------------------------------------------- PUT


def test_a_chunk_that_is_too_long_is_refused_and_nothing_of_it_is_kept(sending):
    """413 at the first byte too many; the chunk that was there stays."""
    put = sending.put(1)
    expect_error(sending.put(1, sending.part(1) + b"x"), 413, "PAYLOAD_TOO_LARGE")
    expect_error(sending.put(2, sending.part(2) + b"x"), 413, "PAYLOAD_TOO_LARGE")
    expect(sending.confirm(1, put.headers["etag"]), CONFIRMED)
    expect_error(sending.confirm(2, put.headers["etag"]), 409, "CONFLICT")
    assert sending.progress()["bytes_uploaded"] == CHUNK_BYTES


def test_a_chunk_without_an_end_is_refused_early(sending):
    """The answer comes while the sender is still sending, not after gigabytes."""
    url = urlsplit(sending.made["chunks"][0]["upload_url"])
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 1000000000\r\n\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"x" * (2 * CHUNK_BYTES))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")
    assert sending.progress()["bytes_uploaded"] == 0


def test_a_chunk_whose_sender_dies_is_not_there(sending):
    """Half a chunk is none."""
    url = urlsplit(sending.made["chunks"][0]["upload_url"])
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {CHUNK_BYTES}\r\n\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(head.encode() + b"x" * 100)
    expect_error(sending.confirm(1, "x"), 409, "CONFLICT")
    sending.send(1)
    assert sending.progress()["bytes_uploaded"] == CHUNK_BYTES


def test_a_chunk_that_is_too_short_is_found_out_when_it_is_confirmed(sending):
    """409, whatever size is claimed; put again it is good."""
    short = sending.put(1, sending.part(1)[:-1])
    assert short.status_code == 200
    expect_error(sending.confirm(1, short.headers["etag"]), 409, "CONFLICT")
    expect_error(sending.confirm(1, short.headers["etag"], size_bytes=CHUNK_BYTES - 1), 409, "CONFLICT")
    assert sending.progress()["failed_chunks"] == [1]
    sending.send(1)
    assert sending.progress()["failed_chunks"] == []


def test_puts_of_one_chunk_at_once_leave_one_whole_chunk(sending):
    """Whichever came last is the one that can be confirmed, and the only one."""
    contents = [bytes([number]) * CHUNK_BYTES for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        puts = list(pool.map(lambda data: sending.put(1, data), contents))
    assert {put.status_code for put in puts} == {200}
    etags = {put.headers["etag"] for put in puts}
    assert len(etags) == 6
    good = [etag for etag in etags if sending.confirm(1, etag).status_code == 200]
    assert len(good) == 1
    assert sending.progress()["bytes_uploaded"] == CHUNK_BYTES


def test_puts_and_confirms_at_once_never_confirm_what_is_not_there(sending):
    """A chunk counts as confirmed only as long as its bytes are those that were confirmed."""
    first, second = b"a" * CHUNK_BYTES, b"b" * CHUNK_BYTES
    etag = sending.put(1, first).headers["etag"]
    with ThreadPoolExecutor(2) as pool:
        putting = pool.submit(sending.put, 1, second)
        confirming = pool.submit(sending.confirm, 1, etag)
        assert putting.result().status_code == 200
        assert confirming.result().status_code in {200, 409}
    assert sending.progress()["chunks_completed"] == 0
    expect_error(sending.confirm(1, etag), 409, "CONFLICT")
    expect(sending.confirm(1, putting.result().headers["etag"]), CONFIRMED)


def test_the_same_bytes_again_have_the_same_etag_and_stay_confirmed(sending):
    """So a client that never saw the first answer loses nothing."""
    etag = sending.put(1).headers["etag"]
    expect(sending.confirm(1, etag), CONFIRMED)
    assert sending.put(1).headers["etag"] == etag
    assert sending.progress()["chunks_completed"] == 1
    other = sending.put(1, b"x" * CHUNK_BYTES).headers["etag"]
    assert other != etag
    assert sending.progress()["chunks_completed"] == 0


def test_a_target_that_was_altered_leads_nowhere(sending):
    """404 for another signature, tenant, chunk or upload, and for what is none at all."""
    target = sending.made["chunks"][0]["upload_url"]
    path, query = target.split("?")
    altered = [
        target[:-2] + "xx",
        target.replace("exp=", "exp=9"),
        target.replace("?t=", "?t=9"),
        path.removesuffix("/1") + "/2?" + query,
        path.removesuffix("/1") + "/01?" + query,
        path.removesuffix("/1") + "/x?" + query,
        path,
        target.replace(sending.id, Sending.begin(sending.client, sending.data).id),
    ]
    for wrong in altered:
        expect_error(httpx.put(wrong, content=b"x", verify=False), 404, "NOT_FOUND")
    assert httpx.get(target, verify=False).status_code in {404, 405}
    assert sending.progress()["bytes_uploaded"] == 0


# --------------------------------------------------------------- confirm


def test_confirm_takes_an_etag_with_and_without_quotes_and_repeats_itself(sending):
    """The same answer to the same question, also when others were confirmed in between, but for their number."""
    etag = sending.put(1).headers["etag"]
    first = expect(sending.confirm(1, etag), CONFIRMED)
    assert expect(sending.confirm(1, etag.strip('"')), CONFIRMED) == first
    assert expect(sending.confirm(1, etag), CONFIRMED) == first
    assert first["estimated_time_remaining"] is not None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"etag": "0" * 64}, 409),
        ({"etag": ""}, 409),
        ({"etag": '"'}, 409),
        ({"size_bytes": CHUNK_BYTES - 1}, 409),
        ({"size_bytes": 2**62}, 409),
        ({"chunk_number": 2}, 409),
        ({"chunk_number": 9_999}, 422),
        ({"chunk_number": 0}, 422),
        ({"chunk_number": 10_001}, 422),
        ({"chunk_number": "1"}, 422),
        ({"size_bytes": 0}, 422),
        ({"etag": None}, 422),
        ({"size_bytes": None}, 422),
        ({"chunk_number": None}, 422),
        ({"media_id": None}, 422),
        ({"upload_id": None}, 422),
    ],
    ids=brief,
)
def test_confirm_refuses_what_does_not_fit(sending, change, status):
    """409 where the bytes are others or none, 422 for values that cannot be; nothing is confirmed by it."""
    etag = sending.put(1).headers["etag"]
    expect_error(sending.confirm(1, **{"etag": etag, **change}), status)
    assert sending.progress()["chunks_completed"] == 0


# --------------------------------------------------------------- progress


def test_progress_tells_a_client_that_died_how_to_go_on(client, film, cutter):
    """`current_chunk` is the first that is missing, until none is."""
    sending = Sending.begin(client, film)
    fresh = sending.progress()
    assert (fresh["status"], fresh["current_chunk"], fresh["progress_percent"]) == ("uploading", 1, 0)
    assert (fresh["estimated_time_remaining"], fresh["failed_chunks"]) == (None, [])
    sending.send(1, 3)
    sending.put(4)
    now = sending.progress()
    assert (now["chunks_completed"], now["current_chunk"]) == (2, 2)
    assert now["bytes_uploaded"] == sum(len(sending.part(number)) for number in (1, 3, 4))
    assert now["total_bytes"] == len(film)
    assert now["estimated_time_remaining"] is not None
    sent = []
    while (missing := sending.progress()["current_chunk"]) is not None:
        sending.send(missing)
        sent.append(missing)
    assert sent == [number for number in sending.numbers if number not in {1, 3}]
    expect(sending.complete(), COMPLETED)


def test_upload_status_knows_an_upload_before_it_is_complete(client, sending, cutter):
    """Section 7.7: uploading without bytes, confirming with some; stuck when nothing happens; then a file's status."""
    fresh = _status(client, sending)
    assert (fresh["unified_status"], fresh["component_statuses"]["upload_status"]) == ("uploading", "pending")
    assert fresh["component_statuses"]["upload_intent_status"] is None
    assert (fresh["is_stuck"], fresh["is_terminal"]) == (False, False)
    sending.post("chunks/retry", chunk_number=1)
    sending.send()
    sent = _status(client, sending)
    assert (sent["unified_status"], sent["component_statuses"]["upload_status"]) == ("confirming", "completed")
    assert sent["retry_count"] == 1
    alter(cutter, "UPDATE chunked_upload SET updated_at = updated_at - interval '1 hour' WHERE id = %s", sending.id)
    assert _status(client, sending)["is_stuck"] is True
    stuck = expect(client.get("/api/v2/uploads/stuck-uploads"), STUCK_UPLOADS)
    assert [image["image_id"] for image in stuck["images"]] == [sending.id]
    expect(sending.complete(), COMPLETED)
    assert _status(client, sending)["unified_status"] in {"queued", "processing", "completed"}
    assert expect(client.get("/api/v2/uploads/stuck-uploads"), STUCK_UPLOADS)["stuck_count"] == 0


# --------------------------------------------------------------- time and quota


def test_an_upload_whose_time_is_over_answers_410_to_everything(client, sending, cutter):
    """UPLOAD_EXPIRED for chunks, confirmation, retry, complete, abort and progress."""
    etag = sending.put(1).headers["etag"]
    ended = "now() - interval '1 second'"
    alter(cutter, f"UPDATE chunked_upload SET expires_at = {ended} WHERE id = %s", sending.id)
    answers = [
        sending.put(1),
        sending.confirm(1, etag),
        sending.post("chunks/retry", chunk_number=1),
        sending.complete(),
        sending.post("abort"),
        client.get(f"{VIDEOS}/progress/{sending.id}"),
    ]
    for answer in answers:
        expect_error(answer, 410, "UPLOAD_EXPIRED")
    status = _status(client, sending)
    assert (status["unified_status"], status["is_terminal"]) == ("failed", True)


def test_what_is_announced_is_held_against_the_quota(cutter, film):
    """413 STORAGE_QUOTA_EXCEEDED at initiate, for one and for a batch, of which nothing is kept; abort gives it back."""
    tenant = "quota of chunks"
    with cutter.client(cutter.new_key(tenant)) as client:
        alter(cutter, "UPDATE tenant SET storage_quota_bytes = 25000 WHERE name = %s", tenant)
        body = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 9_000}
        expect_error(
            client.post(f"{VIDEOS}/batch/initiate", json={"videos": [body] * 3}), 413, "STORAGE_QUOTA_EXCEEDED"
        )
        sending = Sending.begin(client, film)
        assert len(film) > 25_000 - 2 * 9_000
        answer = client.post(f"{VIDEOS}/batch/initiate", json={"videos": [body, body]})
        expect_error(answer, 413, "STORAGE_QUOTA_EXCEEDED")
        sending.send()
        expect(sending.complete(), COMPLETED)
        other = Sending.begin(client, b"x" * (25_000 - len(film)))
        expect_error(client.post(f"{VIDEOS}/initiate", json=body | {"size_bytes": 1}), 413, "STORAGE_QUOTA_EXCEEDED")
        other.post("abort")
        Sending.begin(client, b"x")


def test_announced_videos_count_towards_the_monthly_limit(cutter, film):
    """402 once this month's uploads are used up; completing one does not count again."""
    tenant = "uploads in chunks"
    with cutter.client(cutter.new_key(tenant)) as client:
        alter(cutter, "UPDATE tenant SET monthly_upload_limit = 1 WHERE name = %s", tenant)
        sending = Sending.begin(client, film)
        body = {"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": 9_000}
        expect_error(client.post(f"{VIDEOS}/initiate", json=body), 402, "USAGE_LIMIT_EXCEEDED")
        sending.send()
        expect(sending.complete(), COMPLETED)
        usage = client.get("/api/v2/uploads/quota-check", params={"file_count": 1}).json()
        assert (usage["current_usage"], usage["available"]) == (1, 0)
