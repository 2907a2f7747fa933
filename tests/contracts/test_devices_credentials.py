"""Who may do what: a device's key opens the routes of devices and nothing else, an API key all others."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from tests.contracts.device_shapes import DEVICE, UPLOADED, expect, expect_error, page_of
from tests.contracts.devices import BATCHES, DEVICES, FILES, UPLOAD, batch, enrol, form, objects
from tests.contracts.photos import photo
from tests.contracts.vision import SOME_ID, exchange, head

OPERATOR_ROUTES = [
    ("POST", DEVICES),
    ("GET", DEVICES),
    ("GET", f"{DEVICES}/dev_{SOME_ID}"),
    ("PATCH", f"{DEVICES}/dev_{SOME_ID}"),
    ("DELETE", f"{DEVICES}/dev_{SOME_ID}"),
    ("POST", f"{DEVICES}/dev_{SOME_ID}/rotate-key"),
    ("GET", BATCHES),
    ("GET", f"{BATCHES}/batch_{SOME_ID}"),
    ("GET", f"{BATCHES}/batch_{SOME_ID}/images"),
    ("GET", f"{BATCHES}/batch_{SOME_ID}/export"),
    ("POST", f"{BATCHES}/batch_{SOME_ID}/close"),
    ("GET", "/api/webhooks"),
    ("POST", "/api/webhooks"),
    ("DELETE", f"/api/webhooks/wh_{SOME_ID}"),
    ("GET", f"/api/webhooks/wh_{SOME_ID}/deliveries"),
]


def attempt(server, **headers):
    """Upload with these headers."""
    with server.client() as client:
        return client.post(UPLOAD, files={"image": ("image.jpg", photo())}, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Device-Key": ""},
        {"X-Device-Key": "adk_"},
        {"X-Device-Key": "adk_x9y8z7w6v5u4"},
        {"X-Device-Key": "adk_" + "z" * 43},
        {"X-Device-Key": "adk_" + "z" * 10_000},
        {"X-Device-Key": "nonsense"},
        {"X-Device-Key": b"adk_\xff\xfe"},
    ],
    ids=lambda headers: repr(headers)[:40],
)
def test_a_key_that_nobody_has_is_refused(fleet, headers):
    """Missing, malformed, unknown: the same 401, whatever is sent with it."""
    expect_error(attempt(fleet, **headers), "UNAUTHORIZED")


def test_an_api_key_opens_no_route_of_devices(fleet, fleet_camera):
    """However it is sent, and whatever it is called."""
    key = fleet_camera.operator.headers["authorization"].removeprefix("Bearer ")
    disguised = fleet.new_key(prefix="calo").replace("calo_", "adk_")
    for headers in (
        {"X-Device-Key": key},
        {"X-Device-Key": disguised},
        {"Authorization": f"Bearer {key}"},
        {"X-Api-Key": key},
        {"X-Device-Key": f"Bearer {fleet_camera.key}"},
        {"Authorization": f"Bearer {fleet_camera.key}"},
        {"X-Api-Key": fleet_camera.key},
    ):
        expect_error(attempt(fleet, **headers), "UNAUTHORIZED")
    assert attempt(fleet, **{"X-Device-Key": fleet_camera.key}).status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATOR_ROUTES)
def test_a_device_key_opens_no_route_of_the_operator(fleet, mute, method, path):
    """In whatever header it comes; without a key the answer is the same."""
    with fleet.client() as client:
        for headers in (
            {},
            {"Authorization": f"Bearer {mute.key}"},
            {"X-Api-Key": mute.key},
            {"X-Device-Key": mute.key},
        ):
            expect_error(client.request(method, path, headers=headers), "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "path"), [("GET", FILES), ("GET", "/images"), ("POST", "/images/list")])
def test_a_device_key_opens_no_other_api(fleet, mute, method, path):
    """Neither Files nor Vision know it."""
    with fleet.client() as client:
        for name in ("X-Device-Key", "X-Api-Key"):
            assert client.request(method, path, headers={name: mute.key}).status_code == 401
        headers = {"Authorization": f"Bearer {mute.key}"}
        assert client.request(method, path, headers=headers).status_code == 401


def test_the_operator_may_send_the_key_in_either_header(fleet, fleet_camera):
    """`Authorization: Bearer` and `X-Api-Key` are the same."""
    key = fleet_camera.operator.headers["authorization"].removeprefix("Bearer ")
    with fleet.client() as client:
        for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer {key}"}):
            page = expect(client.get(DEVICES, headers=headers), page_of(DEVICE))
            assert [device["id"] for device in page["items"]] == [fleet_camera.id]


def test_a_revoked_device_may_nothing_more(fleet_camera):
    """Its key is unknown from then on; what it sent stays."""
    sent = fleet_camera.upload()
    revoked = expect(fleet_camera.operator.delete(f"{DEVICES}/{fleet_camera.id}"), DEVICE)
    assert revoked["revoked_at"] is not None
    expect_error(fleet_camera.post(), "UNAUTHORIZED")
    assert fleet_camera.now()["image_count"] == 1
    listed = fleet_camera.operator.get(f"{BATCHES}/{sent['batch_id']}/images").json()["data"]["items"]
    assert [each["image_id"] for each in listed] == [sent["image_id"]]


def test_revoking_one_device_leaves_the_others(fleet, fleet_camera):
    """Keys are a device's own."""
    other = enrol(fleet, fleet_camera.operator, "other")
    assert fleet_camera.operator.delete(f"{DEVICES}/{other.id}").status_code == 200
    expect_error(other.post(), "UNAUTHORIZED")
    fleet_camera.upload()


def test_a_device_revoked_while_it_uploads_stores_nothing_more(fleet, fleet_camera):
    """An upload that began with a good key, and ends after it was revoked, is refused like any other."""
    body = form(photo())
    before = objects(fleet)

    def pieces():
        yield body[:200]
        assert fleet_camera.operator.delete(f"{DEVICES}/{fleet_camera.id}").status_code == 200
        yield body[200:]

    headers = {"X-Device-Key": fleet_camera.key, "Content-Type": "multipart/form-data; boundary=one-boundary"}
    with fleet.client() as client:
        expect_error(client.post(UPLOAD, content=pieces(), headers=headers), "UNAUTHORIZED")
    assert objects(fleet) == before
    assert fleet_camera.now()["image_count"] == 0


def test_revoking_while_images_come_leaves_no_batch_open(fleet, fleet_operator):
    """Whatever was taken before is in a closed batch, and nothing is taken after the answer."""
    for number in range(16):
        camera = enrol(fleet, fleet_operator, f"gate {number}")
        pictures = [photo() for _ in range(12)]
        with ThreadPoolExecutor(12) as pool:
            uploads = [pool.submit(camera.post, picture) for picture in pictures]
            # With every third image a batch is opened, so that each time another moment is met.
            list(itertools.islice(as_completed(uploads), number % 8))
            revoked = expect(fleet_operator.delete(f"{DEVICES}/{camera.id}"), DEVICE)
        taken = [each.result() for each in uploads if each.result().status_code == 200]
        now = camera.now()
        assert (now["open_batch_id"], now["image_count"]) == (None, len(taken))
        assert now["revoked_at"] == revoked["revoked_at"]
        for answer in taken:
            assert batch(fleet_operator, answer.json()["data"]["batch_id"])["status"] == "closed"


def test_who_is_unknown_is_told_before_anything_is_read(fleet):
    """Neither the body's length nor its content matter to somebody without a key."""
    for lines in (("Content-Length: 900000000",), ("Transfer-Encoding: chunked",)):
        answer = exchange(fleet, head("POST", UPLOAD, "Host: x", "X-Device-Key: adk_" + "z" * 43, *lines))
        expect_error(answer, "UNAUTHORIZED")


def test_a_slash_at_the_end_changes_nothing(fleet, fleet_camera):
    """Clients that write it get the same route."""
    with fleet.client() as client:
        answer = client.post(
            UPLOAD + "/", files={"image": ("image.jpg", photo())}, headers={"X-Device-Key": fleet_camera.key}
        )
    expect(answer, UPLOADED)
