"""Webhooks: what they are told, signed how, again how often, and by whom they can be seen."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest

from tests.contracts.photos import photo, undecodable
from tests.contracts.shapes import TIMESTAMP
from tests.receivers import Receiver, signature_of
from tests.running import RunningServer, upload, wait_for, wait_until_processed

EVENTS = ["device.image.uploaded", "batch.closed", "asset.processed", "asset.failed", "asset.deleted"]


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a worker that may call webhooks on loopback, and tries again soon."""
    with RunningServer(
        tmp_path_factory.mktemp("hooked"),
        CALOTYPE_FETCH_ALLOW="127.0.0.1",
        CALOTYPE_WEBHOOK_FIRST_PAUSE="0.1",
        CALOTYPE_WEBHOOK_TIMEOUT="5",
        CALOTYPE_OCR_ENABLED="false",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Where webhooks lead to."""
    with Receiver() as running:
        yield running


@pytest.fixture
def operator(hooked: RunningServer) -> Iterator[httpx.Client]:
    """A client with the key of a tenant of its own."""
    with hooked.client(hooked.new_key()) as client:
        yield client


def subscribe(client, url, *events, **more):
    """Make a webhook; returns its data."""
    answer = client.post("/api/webhooks", json={"url": url, "events": list(events), **more})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body.keys() == {"success", "data"}
    assert body["success"] is True
    return body["data"]


def log_of(client, webhook, **window):
    """The log of a webhook."""
    answer = client.get(f"/api/webhooks/{webhook['id']}/deliveries", params=window)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ended(client, webhook, count=1):
    """The log of a webhook, once so many deliveries have ended."""

    def question():
        items = log_of(client, webhook)["items"]
        return items if sum(item["status"] != "pending" for item in items) >= count else None

    return wait_for(question, "the deliveries did not end")


def delete_one(client):
    """Upload a picture and delete it; returns its id."""
    file_id = upload(client, photo(), auto_describe="false")["image_id"]
    wait_until_processed(client, file_id)
    assert client.delete(f"/api/v2/user-files/{file_id}").status_code in {200, 204}
    return file_id


def refused(answer, status, code, field=None):
    """Check a refusal."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body.keys() == {"success", "error", "request_id"}
    assert body["success"] is False
    assert body["error"]["code"] == code
    if field:
        assert body["error"]["details"]["field"] == field


def test_a_webhook_shows_its_secret_once(operator):
    """`POST` makes a secret of the right form; no later answer holds it."""
    made = subscribe(operator, "https://hooks.example.com/calotype?x=%20y", "asset.processed", "asset.deleted")
    assert made.keys() == {"id", "url", "events", "created_at", "secret"}
    prefix, _, uuid = made["id"].partition("_")
    assert (prefix, str(UUID(uuid))) == ("wh", uuid)
    assert made["url"] == "https://hooks.example.com/calotype?x=%20y"
    assert made["events"] == ["asset.processed", "asset.deleted"]
    assert TIMESTAMP.fullmatch(made["created_at"])
    assert made["secret"].startswith("whsec_")
    assert 24 <= len(base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)) <= 64
    shown = operator.get(f"/api/webhooks/{made['id']}")
    assert shown.json() == {
        "success": True,
        "data": {name: value for name, value in made.items() if name != "secret"},
    }
    assert made["secret"] not in operator.get("/api/webhooks").text


def test_the_list_has_a_window_and_is_newest_first(operator):
    """Items, total, limit and offset, as every list of this API."""
    made = [subscribe(operator, f"https://hooks.example.com/{n}", "batch.closed")["id"] for n in range(3)]
    page = operator.get("/api/webhooks").json()["data"]
    assert page.keys() == {"items", "total", "limit", "offset"}
    assert [item["id"] for item in page["items"]] == made[::-1]
    assert (page["total"], page["limit"], page["offset"]) == (3, 20, 0)
    page = operator.get("/api/webhooks", params={"limit": 1, "offset": 1}).json()["data"]
    assert [item["id"] for item in page["items"]] == [made[1]]
    assert (page["total"], page["limit"], page["offset"]) == (3, 1, 1)
    for window in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "x"}):
        refused(operator.get("/api/webhooks", params=window), 422, "VALIDATION_ERROR", next(iter(window)))


@pytest.mark.parametrize("size", [24, 64])
def test_a_secret_may_be_sent(operator, size):
    """One of the right form is taken over."""
    secret = "whsec_" + base64.b64encode(os.urandom(size)).decode()
    assert subscribe(operator, "https://hooks.example.com/", "batch.closed", secret=secret)["secret"] == secret


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.b64encode(bytes(32)).decode().rstrip("="),
        "whsec_" + "?" * 44,
        "whsec_" + "ä" * 44,
        "whsec_ " + base64.b64encode(bytes(32)).decode(),
        12,
    ],
)
def test_a_secret_of_another_form_is_refused(operator, secret):
    """Nothing is made then."""
    body = {"url": "https://hooks.example.com/", "events": ["batch.closed"], "secret": secret}
    refused(operator.post("/api/webhooks", json=body), 422, "VALIDATION_ERROR", "secret")
    assert operator.get("/api/webhooks").json()["data"]["total"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": ["batch.closed"]}, "url"),
        ({"url": "https://hooks.example.com/"}, "events"),
        ({"url": "https://hooks.example.com/", "events": []}, "events"),
        ({"url": "https://hooks.example.com/", "events": ["batch.closed", "asset.eaten"]}, "events[1]"),
        ({"url": "https://hooks.example.com/", "events": "batch.closed"}, "events"),
        ({"url": "", "events": ["batch.closed"]}, "url"),
        ({"url": "ftp://hooks.example.com/", "events": ["batch.closed"]}, "url"),
        ({"url": "https://user:word@hooks.example.com/", "events": ["batch.closed"]}, "url"),
        ({"url": "http://10.0.0.1/", "events": ["batch.closed"]}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data", "events": ["batch.closed"]}, "url"),
        ({"url": "http://[::1]/", "events": ["batch.closed"]}, "url"),
        ({"url": "https://hooks.example.com/\x00", "events": ["batch.closed"]}, "url"),
        ({"url": "http://127.0.0.2/", "events": ["batch.closed"]}, "url"),
    ],
)
def test_what_cannot_be_called_or_told_is_refused(operator, body, field):
    """The answer names the field."""
    refused(operator.post("/api/webhooks", json=body), 422, "VALIDATION_ERROR", field)


def test_events_named_twice_count_once(operator):
    """The order is kept."""
    made = subscribe(operator, "https://hooks.example.com/", *EVENTS[::-1], *EVENTS)
    assert made["events"] == EVENTS[::-1]


def test_a_tenant_has_at_most_fifty(operator):
    """One more is a conflict; after a deletion there is room again."""
    made = [subscribe(operator, "https://hooks.example.com/", "batch.closed") for _ in range(50)]
    body = {"url": "https://hooks.example.com/", "events": ["batch.closed"]}
    refused(operator.post("/api/webhooks", json=body), 409, "CONFLICT")
    assert operator.delete(f"/api/webhooks/{made[7]['id']}").status_code == 200
    assert operator.post("/api/webhooks", json=body).status_code == 201


def test_a_strangers_webhook_is_not_found(hooked, operator):
    """As little as one that never was, or something that is no id; and it is in nobody else's list."""
    made = subscribe(operator, "https://hooks.example.com/", "batch.closed")
    with hooked.client(hooked.new_key()) as stranger:
        for webhook_id in (
            made["id"],
            f"wh_{uuid4()}",
            made["id"].removeprefix("wh_"),
            "wh_1",
            "dev_" + made["id"][3:],
        ):
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries")):
                refused(stranger.request(method, f"/api/webhooks/{webhook_id}{path}"), 404, "NOT_FOUND")
        assert stranger.get("/api/webhooks").json()["data"]["items"] == []
    assert operator.get(f"/api/webhooks/{made['id']}").status_code == 200


def test_only_an_api_key_opens_them(hooked):
    """No key, and a key in the header of devices, are 401."""
    with hooked.client() as nobody:
        refused(nobody.get("/api/webhooks"), 401, "UNAUTHORIZED")
        nobody.headers["X-Device-Key"] = hooked.new_key()
        refused(nobody.get("/api/webhooks"), 401, "UNAUTHORIZED")


def test_an_event_arrives_signed(operator, receiver):
    """Headers and body are those of Standard Webhooks, and the signature is right for the secret shown."""
    url = receiver.path()
    made = subscribe(operator, url, "asset.processed")
    file_id = upload(operator, photo(), "Ä.jpg")["image_id"]
    (call,) = receiver.wait(url)
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("Calotype/")
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 300
    assert call.headers["webhook-signature"] == signature_of(made["secret"], call)
    assert list(call.json) == ["type", "timestamp", "data"]
    assert call.json["type"] == "asset.processed"
    assert TIMESTAMP.fullmatch(call.json["timestamp"])
    assert call.json["data"] == {
        "asset_id": file_id,
        "media_type": "image",
        "filename": "Ä.jpg",
        "content_type": "image/jpeg",
        "size_bytes": call.json["data"]["size_bytes"],
        "width": 40,
        "height": 30,
    }
    (entry,) = ended(operator, made)
    assert entry.keys() == {
        "id",
        "event_id",
        "event_type",
        "status",
        "attempts",
        "created_at",
        "attempted_at",
        "next_attempt_at",
        "response_status",
        "error",
        "delivered_at",
    }
    assert (entry["event_id"], entry["event_type"]) == (call.id, "asset.processed")
    assert (entry["status"], entry["attempts"], entry["response_status"]) == ("delivered", 1, 204)
    assert (entry["error"], entry["next_attempt_at"]) == (None, None)
    assert entry["created_at"] <= entry["attempted_at"] <= entry["delivered_at"]
    detail = operator.get(f"/api/v2/user-files/{file_id}").json()
    assert (detail["variant_status"], detail["description_status"]) == ("completed", "completed")


def test_what_fails_is_sent_again_unchanged(operator, receiver):
    """The same id and the same bytes, with a timestamp and a signature of the attempt, until it is taken."""
    url = receiver.path(500, (302, {"Location": receiver.base}), 429, 200)
    made = subscribe(operator, url, "asset.deleted")
    file_id = delete_one(operator)
    calls = receiver.wait(url, 4)
    assert len({call.id for call in calls}) == 1
    assert len({call.body for call in calls}) == 1
    assert all(call.headers["webhook-signature"] == signature_of(made["secret"], call) for call in calls)
    times = [int(call.headers["webhook-timestamp"]) for call in calls]
    assert times == sorted(times)
    assert calls[0].json["data"].keys() == {"asset_id", "deleted_at"}
    assert calls[0].json["data"]["asset_id"] == file_id
    (entry,) = ended(operator, made)
    assert (entry["status"], entry["attempts"], entry["response_status"]) == ("delivered", 4, 200)
    assert len(receiver.sent(url)) == 4


def test_a_redirect_is_a_failure_and_not_followed(operator, receiver):
    """The log tells it, and that there will be another attempt."""
    target = receiver.path()
    url = receiver.path((307, {"Location": target}))
    made = subscribe(operator, url, "asset.deleted")
    delete_one(operator)
    receiver.wait(url, 2)

    def attempted():
        (entry,) = log_of(operator, made)["items"]
        return entry if entry["attempts"] else None

    entry = wait_for(attempted, "the attempt was not noted")
    assert (entry["status"], entry["response_status"], entry["delivered_at"]) == ("pending", 307, None)
    assert "redirect" in entry["error"]
    assert datetime.fromisoformat(entry["next_attempt_at"]) > datetime.fromisoformat(entry["attempted_at"])
    assert receiver.sent(target) == []


def test_nobody_listening_does_not_hold_up_others(operator, receiver):
    """A webhook whose port is closed and one that never answers fail by themselves."""
    silent, alive = receiver.path("hold"), receiver.path()
    dead = subscribe(operator, "http://127.0.0.1:9/", "asset.deleted")
    subscribe(operator, silent, "asset.deleted")
    subscribe(operator, alive, "asset.deleted")
    ids = {delete_one(operator) for _ in range(3)}
    calls = receiver.wait(alive, 3)
    assert {call.json["data"]["asset_id"] for call in calls} == ids

    def attempted():
        items = log_of(operator, dead)["items"]
        return items if all(item["attempts"] for item in items) else None

    entries = wait_for(attempted, "the attempts were not noted")
    assert all(entry["error"] == "no connection to the server could be made" for entry in entries)
    receiver.held.set()  # or its attempts would take their time while others are waited for


def test_a_deleted_webhook_gets_nothing_more(hooked, operator, receiver):
    """What waited for it is dropped, its log is gone, and later events go to others only."""
    url, other = receiver.path(500), receiver.path()
    made = subscribe(operator, url, "asset.deleted")
    subscribe(operator, other, "asset.deleted")
    delete_one(operator)
    receiver.wait(url, 2)
    answer = operator.delete(f"/api/webhooks/{made['id']}")
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "data": {"id": made["id"], "deleted": True}}
    refused(operator.delete(f"/api/webhooks/{made['id']}"), 404, "NOT_FOUND")
    refused(operator.get(f"/api/webhooks/{made['id']}/deliveries"), 404, "NOT_FOUND")
    wait_for(lambda: hooked_jobs(hooked) == 0, "an attempt was still queued")
    before = len(receiver.sent(url))
    delete_one(operator)
    receiver.wait(other, 2)
    assert len(receiver.sent(url)) == before


def hooked_jobs(server):
    """How many attempts run now, or wait for tenants without a webhook."""
    text = server.client().get("/metrics").text
    lines = [line for line in text.splitlines() if 'task="deliver_event"' in line and 'state="doing"' in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def test_each_webhook_gets_what_it_asked_for(operator, receiver):
    """Events of other types, and other tenants', never arrive; one event has one id for all."""
    deleted, both, processed = receiver.path(), receiver.path(), receiver.path()
    subscribe(operator, deleted, "asset.deleted")
    subscribe(operator, both, "asset.deleted", "asset.processed")
    made = subscribe(operator, processed, "asset.processed")
    file_id = delete_one(operator)
    calls = receiver.wait(both, 2)
    assert {call.json["type"] for call in calls} == {"asset.processed", "asset.deleted"}
    assert {call.json["data"]["asset_id"] for call in calls} == {file_id}
    (told,) = receiver.wait(deleted)
    assert told.id in {call.id for call in calls}
    assert told.body in {call.body for call in calls}
    ended(operator, made)
    assert [call.json["type"] for call in receiver.sent(processed)] == ["asset.processed"]


def test_a_picture_that_cannot_be_developed_is_told_of(operator, receiver):
    """`asset.failed` says why, and `asset.processed` does not come."""
    url = receiver.path()
    made = subscribe(operator, url, "asset.failed", "asset.processed")
    file_id = upload(operator, undecodable(), "broken.png")["image_id"]
    (call,) = receiver.wait(url)
    assert call.json["type"] == "asset.failed"
    assert call.json["data"].keys() == {"asset_id", "media_type", "filename", "error"}
    assert call.json["data"]["asset_id"] == file_id
    assert call.json["data"]["error"]
    ended(operator, made)
    assert len(receiver.sent(url)) == 1


def test_a_device_and_its_batch_are_told_of(operator, receiver):
    """`device.image.uploaded` and `batch.closed` carry the ids as the Devices API shows them."""
    url = receiver.path()
    subscribe(operator, url, "device.image.uploaded", "batch.closed")
    device = operator.post("/api/devices", json={"name": "camera 1"}).json()["data"]
    data = photo()
    answer = operator.post(
        "/api/device/images/upload",
        headers={"X-Device-Key": device["api_key"], "Authorization": ""},
        files={"image": ("part 7.jpg", data, "image/jpeg")},
    )
    assert answer.status_code == 200, answer.text
    image = answer.json()["data"]
    (call,) = receiver.wait(url)
    assert call.json["type"] == "device.image.uploaded"
    told = call.json["data"]
    assert told.keys() == {
        "image_id",
        "asset_id",
        "device_id",
        "batch_id",
        "storage_key",
        "filename",
        "size_bytes",
        "checksum",
        "duplicate",
    }
    assert {name: told[name] for name in ("image_id", "batch_id", "storage_key", "duplicate")} == image
    assert told["device_id"] == device["id"]
    assert told["asset_id"] == image["image_id"].removeprefix("img_")
    assert told["size_bytes"] == len(data)
    assert operator.post(f"/api/batches/{image['batch_id']}/close").status_code == 200
    closed = receiver.wait(url, 2)[1].json
    assert closed["type"] == "batch.closed"
    assert closed["data"].keys() == {"batch_id", "device_id", "image_count", "closed_at", "reason"}
    assert (closed["data"]["batch_id"], closed["data"]["device_id"]) == (image["batch_id"], device["id"])
    assert (closed["data"]["image_count"], closed["data"]["reason"]) == (1, "operator")


def test_the_log_is_newest_first_and_has_a_window(operator, receiver):
    """Each event is one entry, however often it was tried."""
    url = receiver.path()
    made = subscribe(operator, url, "asset.deleted")
    deleted = [delete_one(operator) for _ in range(3)]
    ended(operator, made, 3)
    told = {call.id: call.json["data"]["asset_id"] for call in receiver.sent(url)}
    page = log_of(operator, made)
    assert page.keys() == {"items", "total", "limit", "offset"}
    assert [told[item["event_id"]] for item in page["items"]] == deleted[::-1]
    page = log_of(operator, made, limit=1, offset=2)
    assert [told[item["event_id"]] for item in page["items"]] == [deleted[0]]
    assert (page["total"], page["limit"], page["offset"]) == (3, 1, 2)
