"""Running a fleet: registering devices, changing them, their keys, and revoking them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.device_shapes import CREATED, DEVICE, ROTATED, expect, expect_error, page_of
from tests.contracts.devices import DEVICES, Camera, enrol
from tests.contracts.vision import SOME_ID

METADATA = {"hall": 3, "lens": {"mm": 12.5}, "ü": ["a", None, True], "": ""}


def rotate(camera):
    """Give a device another key; returns the data of the answer."""
    answer = camera.operator.post(f"{DEVICES}/{camera.id}/rotate-key")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    for name, check in ROTATED.items():
        assert check(data[name]), data
    return data


def with_key(camera, key):
    """The same device, with another key."""
    return Camera(camera.server, camera.operator, camera.id, key)


def patch(camera, body):
    """Change a device."""
    return camera.operator.patch(f"{DEVICES}/{camera.id}", json=body)


def test_a_new_device_is_answered_with_its_key_once(fleet_operator):
    """201 with the device and its key; no other answer shows the key again."""
    before = datetime.now(UTC)
    body = {"name": "gate 2", "duplicate_policy": "accept", "metadata": METADATA}
    made = expect(fleet_operator.post(DEVICES, json=body), CREATED, 201)
    key = made.pop("api_key")
    created = datetime.fromisoformat(made["created_at"])
    assert before - timedelta(seconds=2) <= created <= datetime.now(UTC) + timedelta(seconds=2)
    assert {**made, "id": "", "created_at": ""} == {
        "id": "",
        "name": "gate 2",
        "duplicate_policy": "accept",
        "metadata": METADATA,
        "created_at": "",
        "last_seen_at": None,
        "image_count": 0,
        "open_batch_id": None,
        "revoked_at": None,
    }
    assert expect(fleet_operator.get(f"{DEVICES}/{made['id']}"), DEVICE) == made
    assert expect(fleet_operator.get(DEVICES), page_of(DEVICE))["items"] == [made]
    for answer in (fleet_operator.get(DEVICES), fleet_operator.get(f"{DEVICES}/{made['id']}")):
        assert key not in answer.text


def test_a_device_needs_only_a_name(fleet_operator):
    """It rejects duplicates and has no metadata then; two may have one name."""
    first, second = (expect(fleet_operator.post(DEVICES, json={"name": "x"}), CREATED, 201) for _ in range(2))
    assert (first["duplicate_policy"], first["metadata"]) == ("reject", {})
    assert first["id"] != second["id"]
    assert first["api_key"] != second["api_key"]


BAD = [
    ("name", {}),
    ("name", {"name": None}),
    ("name", {"name": ""}),
    ("name", {"name": "   "}),
    ("name", {"name": 5}),
    ("name", {"name": "n" * 256}),
    ("name", {"name": "a\x00b"}),
    ("name", {"name": "\ud800"}),
    ("duplicate_policy", {"name": "x", "duplicate_policy": "maybe"}),
    ("duplicate_policy", {"name": "x", "duplicate_policy": True}),
    ("metadata", {"name": "x", "metadata": []}),
    ("metadata", {"name": "x", "metadata": "text"}),
    ("metadata", {"name": "x", "metadata": 5}),
]


@pytest.mark.parametrize(("field", "body"), BAD, ids=[json.dumps(body)[:40] for _, body in BAD])
def test_what_is_wrong_with_a_new_device_is_named(fleet_anyone, field, body):
    """422 naming the key, and there is no more devices than before."""
    before = fleet_anyone.get(DEVICES).json()["data"]["total"]
    content = json.dumps(body)
    answer = fleet_anyone.post(DEVICES, content=content, headers={"content-type": "application/json"})
    expect_error(answer, "VALIDATION_ERROR", field)
    assert expect(fleet_anyone.get(DEVICES), page_of(DEVICE))["total"] == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"name": NaN}', b"[" * 9000])
def test_a_body_that_is_no_json_object_is_refused(fleet_anyone, mute, content):
    """Whatever is asked for."""
    for method, path in (("POST", DEVICES), ("PATCH", f"{DEVICES}/{mute.id}")):
        answer = fleet_anyone.request(method, path, content=content, headers={"content-type": "application/json"})
        expect_error(answer, "VALIDATION_ERROR")


def enrol_by(operator, **fields):
    """A new device, with its key."""
    return expect(operator.post(DEVICES, json={"name": "x", **fields}), CREATED, 201)


def test_the_longest_name_is_taken(fleet_operator):
    """255 characters, whatever they are."""
    assert enrol_by(fleet_operator, name="写" * 255)["name"] == "写" * 255


def test_devices_are_listed_newest_first_in_pages(fleet, fleet_operator):
    """Limit and offset, and how many there are in all."""
    made = [enrol(fleet, fleet_operator, f"camera {number}").id for number in range(5)][::-1]
    everything = expect(fleet_operator.get(DEVICES), page_of(DEVICE))
    assert ([each["id"] for each in everything["items"]], everything["total"]) == (made, 5)
    page = expect(fleet_operator.get(DEVICES, params={"limit": 2, "offset": 3}), page_of(DEVICE))
    assert ([each["id"] for each in page["items"]], page["total"]) == (made[3:5], 5)
    assert (page["limit"], page["offset"]) == (2, 3)


@pytest.mark.parametrize(("name", "value"), [("limit", "0"), ("limit", "x"), ("offset", "-1"), ("offset", "")])
def test_a_query_that_is_wrong_is_named(fleet_anyone, name, value):
    """422 naming the parameter."""
    expect_error(fleet_anyone.get(DEVICES, params={name: value}), "VALIDATION_ERROR", name)


def test_a_device_is_changed_key_by_key(fleet, fleet_operator):
    """What is sent is changed, and what is not stays."""
    camera = enrol(fleet, fleet_operator, "old", metadata=METADATA)
    before = camera.now()
    changed = expect(patch(camera, {"name": "new"}), DEVICE)
    assert changed == {**before, "name": "new"} == camera.now()
    changed = expect(patch(camera, {"duplicate_policy": "accept"}), DEVICE)
    assert changed == {**before, "name": "new", "duplicate_policy": "accept"}
    changed = expect(patch(camera, {"metadata": {"a": 1}}), DEVICE)
    assert changed == {**before, "name": "new", "duplicate_policy": "accept", "metadata": {"a": 1}}
    assert expect(patch(camera, {"metadata": {}}), DEVICE)["metadata"] == {}
    assert expect(patch(camera, {}), DEVICE) == camera.now()


@pytest.mark.parametrize(
    ("field", "body"), [(field, body) for field, body in BAD if body and body.get("name", "") is not None]
)
def test_what_is_wrong_with_a_change_is_named(fleet_anyone, mute, field, body):
    """The rules of a new device, and then nothing is changed."""
    before = fleet_anyone.get(f"{DEVICES}/{mute.id}").json()
    url = f"{DEVICES}/{mute.id}"
    answer = fleet_anyone.patch(url, content=json.dumps(body), headers={"content-type": "application/json"})
    expect_error(answer, "VALIDATION_ERROR", field)
    assert fleet_anyone.get(url).json() == before


def test_a_key_is_changed_with_a_grace(camera):
    """Both keys work for about an hour, which the answer says; images go to the same batch."""
    old = camera.key
    first = camera.upload()
    before = datetime.now(UTC)
    rotated = rotate(camera)
    assert rotated["api_key"] != old
    expires = datetime.fromisoformat(rotated["previous_key_expires_at"])
    assert abs(expires - before - timedelta(hours=1)) < timedelta(seconds=30)
    for key in (old, rotated["api_key"]):
        assert with_key(camera, key).upload()["batch_id"] == first["batch_id"]


def test_a_second_change_lengthens_no_grace(camera):
    """Of three keys, the first does not live longer for the third; all that are in their grace work."""
    keys = [camera.key, rotate(camera)["api_key"], rotate(camera)["api_key"]]
    assert len(set(keys)) == 3
    for key in keys:
        with_key(camera, key).upload()


def test_without_a_grace_the_old_key_ends_at_once(fleet_camera):
    """A grace of no seconds is none."""
    rotated = rotate(fleet_camera)
    expect_error(fleet_camera.post(), "UNAUTHORIZED")
    with_key(fleet_camera, rotated["api_key"]).upload()


def test_keys_changed_at_once_leave_one(fleet_camera):
    """However many ask at the same moment, without a grace a single key works afterwards."""
    with ThreadPoolExecutor(6) as pool:
        keys = [each["api_key"] for each in pool.map(lambda _: rotate(fleet_camera), range(6))]
    assert len(set(keys)) == 6
    works = [key for key in keys if with_key(fleet_camera, key).post().status_code == 200]
    assert len(works) == 1
    expect_error(fleet_camera.post(), "UNAUTHORIZED")


def test_revoking_ends_all_keys_and_is_told_alike_twice(camera):
    """Also those in their grace; the device stays in the list and says since when."""
    old = camera.key
    new = rotate(camera)["api_key"]
    revoked = expect(camera.operator.delete(f"{DEVICES}/{camera.id}"), DEVICE)
    assert revoked["revoked_at"] is not None
    for key in (old, new):
        expect_error(with_key(camera, key).post(), "UNAUTHORIZED")
    assert expect(camera.operator.delete(f"{DEVICES}/{camera.id}"), DEVICE) == revoked == camera.now()
    assert expect(camera.operator.get(DEVICES), page_of(DEVICE))["items"] == [revoked]


def test_a_revoked_device_gets_no_other_key(fleet_camera):
    """Nothing brings it back."""
    fleet_camera.operator.delete(f"{DEVICES}/{fleet_camera.id}")
    answer = fleet_camera.operator.post(f"{DEVICES}/{fleet_camera.id}/rotate-key")
    assert 400 <= answer.status_code < 500
    assert answer.json()["success"] is False
    assert "adk_" not in answer.text


@pytest.mark.parametrize("device_id", [f"dev_{SOME_ID}", SOME_ID, "nonsense", f"batch_{SOME_ID}", "dev_", "%00"])
@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/rotate-key", None)],
)
def test_a_device_that_is_not_there_is_not_found(fleet_anyone, device_id, method, suffix, body):
    """Whether its id could be one or not."""
    answer = fleet_anyone.request(method, f"{DEVICES}/{device_id}{suffix}", json=body)
    expect_error(answer, "NOT_FOUND")


def test_a_refused_key_does_not_count_as_seen(fleet_camera):
    """`last_seen_at` is of the device, not of those who pretend to be it."""
    expect_error(with_key(fleet_camera, "adk_" + "z" * 43).post(), "UNAUTHORIZED")
    assert fleet_camera.now()["last_seen_at"] is None
