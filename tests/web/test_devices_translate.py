"""Devices, batches and images between the domain and the wire of the Devices API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from calotype.domain import device_ids
from calotype.domain.batch import Batch, BatchImage
from calotype.domain.device import Device, DuplicatePolicy, NewDeviceKey
from calotype.domain.device_image import DeviceImage, device_metadata
from calotype.domain.listing import Window
from calotype.web.apis.devices.answers import success
from calotype.web.apis.devices.translate import batch as batches
from calotype.web.apis.devices.translate import device as devices
from calotype.web.apis.devices.wire import values
from tests.contracts.device_shapes import BATCH, CREATED, DEVICE, IMAGE, UPLOADED
from tests.contracts.shapes import conforms
from tests.domain.test_annotation import same, sound

KINDS = {
    "img_": device_ids.image_id,
    "batch_": device_ids.batch_id,
    "dev_": device_ids.device_id,
    "wh_": device_ids.webhook_id,
    "dlv_": device_ids.delivery_id,
}
PARSERS = {
    "batch_": values.parse_batch_id,
    "dev_": values.parse_device_id,
    "wh_": values.parse_webhook_id,
}
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
JSON = st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=4)


def data(model, status=200):
    """The data of an answer as a client reads it."""
    answer = success(model, status)
    assert answer.status_code == status
    found = json.loads(answer.body)
    assert (list(found), found["success"]) == (["success", "data"], True)
    return found["data"]


@given(st.uuids(), st.sampled_from(sorted(KINDS)))
def test_ids_come_back_with_their_own_prefix_only(identity, prefix):
    """What is the id of one thing is the id of no other."""
    assert KINDS[prefix](identity) == f"{prefix}{identity}"
    for name, parse in PARSERS.items():
        if name == prefix:
            assert parse(f"{prefix}{identity}") == identity
        else:
            with pytest.raises(PydanticCustomError):
                parse(f"{prefix}{identity}")


@given(st.text() | st.integers() | st.none() | st.text().map("dev_".__add__))
def test_nothing_else_is_an_id(text):
    """Whatever it is; a fault of ours it never is."""
    with pytest.raises(PydanticCustomError):
        values.parse_device_id(text)


def device(**given_values):
    """A device."""
    plain = {
        "id": uuid4(),
        "name": "gate 2",
        "duplicate_policy": DuplicatePolicy.REJECT,
        "metadata": {},
        "created_at": MOMENT,
        "last_seen_at": None,
        "revoked_at": None,
    }
    return Device(**plain | given_values)


@given(
    st.text(),
    st.sampled_from(DuplicatePolicy),
    JSON,
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.uuids(),
    st.integers(0, 2**40),
)
def test_a_device_is_told_with_every_key(name, policy, metadata, moment, batch_id, count):
    """Names and metadata as they are, times in UTC, ids with their prefixes, and what is not there as null."""
    made = device(name=name, duplicate_policy=policy, metadata=metadata, last_seen_at=moment, revoked_at=moment)
    made = Device(made.id, name, policy, metadata, MOMENT, moment, moment, count, batch_id)
    found = data(devices.device_to_wire(made))
    conforms(found, DEVICE)
    assert (found["id"], found["name"], found["duplicate_policy"]) == (f"dev_{made.id}", name, policy.value)
    assert (found["metadata"], found["image_count"]) == (metadata, count)
    assert found["open_batch_id"] == (f"batch_{batch_id}" if batch_id else None)
    for key, expected in [("created_at", MOMENT), ("last_seen_at", moment), ("revoked_at", moment)]:
        assert found[key] is None if expected is None else datetime.fromisoformat(found[key]) == expected


def test_a_key_is_told_once():
    """With its device, and with the end of those before it only where there are any."""
    made = device()
    found = data(devices.new_device_to_wire(NewDeviceKey(made, "adk_" + "x" * 43)), 201)
    conforms(found, CREATED)
    assert found == data(devices.device_to_wire(made)) | {"api_key": "adk_" + "x" * 43}
    rotated = data(devices.new_device_to_wire(NewDeviceKey(made, "adk_" + "y" * 43, MOMENT)))
    assert rotated == found | {"api_key": "adk_" + "y" * 43, "previous_key_expires_at": "2026-01-02T03:04:05.000678Z"}


@pytest.mark.parametrize("closed_at", [None, MOMENT])
def test_a_batch_is_told_with_every_key(closed_at):
    """It is closed when it has a time of that."""
    made = Batch(uuid4(), uuid4(), 5, MOMENT, closed_at)
    found = data(batches.batch_to_wire(made))
    conforms(found, BATCH)
    assert (found["id"], found["device_id"]) == (f"batch_{made.id}", f"dev_{made.device_id}")
    assert (found["status"], found["image_count"]) == ("closed" if closed_at else "collecting", 5)


def test_lists_tell_their_window():
    """Items, how many there are in all, and what was asked for."""
    window = Window(7, 3)
    made = Batch(uuid4(), uuid4(), 5, MOMENT, None)
    for page in (
        batches.batches_to_wire([made], 9, window),
        batches.images_to_wire([], 9, window),
        devices.devices_to_wire([device()], 9, window),
    ):
        found = data(page)
        assert list(found) == ["items", "total", "limit", "offset"]
        assert (found["total"], found["limit"], found["offset"]) == (9, 7, 3)
    assert data(batches.batches_to_wire([made], 9, window))["items"] == [data(batches.batch_to_wire(made))]


def test_an_image_taken_is_told_as_in_the_example():
    """The keys of the example first, in its order."""
    image = DeviceImage(UUID(int=1), UUID(int=2), "raw-data/00000000_image.jpg", is_duplicate=True)
    found = data(batches.uploaded_to_wire(image))
    conforms(found, UPLOADED)
    assert list(found.items()) == [
        ("image_id", f"img_{UUID(int=1)}"),
        ("batch_id", f"batch_{UUID(int=2)}"),
        ("storage_key", "raw-data/00000000_image.jpg"),
        ("duplicate", True),
    ]


@given(st.lists(sound(), max_size=3), JSON, st.text(), st.none() | st.text(max_size=5))
def test_images_are_told_with_what_was_said_of_them(annotations, metadata, filename, model_id):
    """Annotations with the keys they were sent with and no others; any name of a file."""
    seen = device_metadata({"annotations": json.loads(json.dumps(annotations))}).annotations
    image = BatchImage(
        uuid4(), "key", filename, 5, "image/png", None, None, MOMENT, MOMENT, model_id, None, seen, metadata
    )
    (found,) = data(batches.images_to_wire([image], 1, Window(1, 0)))["items"]
    assert found.keys() == IMAGE.keys()
    assert same(found["annotations"], annotations)
    assert (found["metadata"], found["filename"], found["model_id"]) == (metadata, filename, model_id)
    assert found["model_version"] is None
    assert found["captured_at"] == found["created_at"] == "2026-01-02T03:04:05.000678Z"
