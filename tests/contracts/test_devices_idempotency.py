"""A camera that loses its link and sends again makes no second image: the `Idempotency-Key` header."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.contracts.device_shapes import UPLOADED, expect, expect_error
from tests.contracts.devices import BATCHES, DEVICES, FILES, asset, batch, enrol, files_of, images, objects
from tests.contracts.photos import photo


@pytest.fixture
def key():
    """A key that nobody has used."""
    return str(uuid4())


def test_the_first_answer_is_given_again(fleet, fleet_camera, key):
    """The same body, though the policy refuses duplicates; one image, one object, counted once."""
    data, metadata = photo(), {"model_id": "m"}
    first = fleet_camera.upload(data, metadata=metadata, key=key)
    before = objects(fleet)
    for _ in range(3):
        assert fleet_camera.upload(data, metadata=metadata, key=key) == first
    assert objects(fleet) == before
    assert files_of(fleet_camera.operator) == {asset(first["image_id"])}
    assert batch(fleet_camera.operator, first["batch_id"])["image_count"] == 1


def test_the_first_answer_is_given_again_by_a_device_that_accepts(fleet, fleet_operator, key):
    """Without the key each would be another image; and the answer stays `duplicate: false`."""
    camera = enrol(fleet, fleet_operator, duplicate_policy="accept")
    data = photo()
    first = camera.upload(data, key=key)
    assert first["duplicate"] is False
    assert camera.upload(data, key=key) == first
    second = camera.upload(data, key=str(uuid4()))
    assert (second["duplicate"], second["image_id"] == first["image_id"]) == (True, False)


def test_the_same_key_with_other_bytes_is_a_conflict(fleet, fleet_camera, key):
    """Nothing of them is kept, and the first answer is still there."""
    data = photo()
    first = fleet_camera.upload(data, key=key)
    before = objects(fleet)
    expect_error(fleet_camera.post(photo(), key=key), "IDEMPOTENCY_CONFLICT")
    assert objects(fleet) == before
    assert len(files_of(fleet_camera.operator)) == 1
    assert fleet_camera.upload(data, key=key) == first


def test_another_name_is_no_conflict(fleet_camera, key):
    """The key stands for bytes, and the name is none of them."""
    data = photo()
    assert fleet_camera.upload(data, "a.jpg", key=key) == fleet_camera.upload(data, "b.jpg", key=key)


def test_keys_are_a_devices_own(fleet, fleet_camera, key):
    """Another device, of the same tenant or of another, uses the same key for other bytes."""
    first = fleet_camera.upload(key=key)
    other = enrol(fleet, fleet_camera.operator, "other").upload(key=key)
    with fleet.client(fleet.new_key()) as stranger:
        third = enrol(fleet, stranger).upload(key=key)
    assert len({first["image_id"], other["image_id"], third["image_id"]}) == 3


def test_a_refusal_is_not_kept(fleet_camera, key):
    """What was wrong the first time may be right the second."""
    expect_error(fleet_camera.post(b"no image at all", key=key), "UNSUPPORTED_FORMAT")
    data = photo()
    expect_error(fleet_camera.post(data, metadata={"annotations": 5}, key=key), "VALIDATION_ERROR")
    assert fleet_camera.upload(data, key=key) == fleet_camera.upload(data, key=key)


def test_a_duplicate_that_was_refused_is_not_kept(fleet_camera, key):
    """Once the first image is gone, the same key is taken."""
    data = photo()
    first = fleet_camera.upload(data)
    expect_error(fleet_camera.post(data, key=key), "DUPLICATE_IMAGE")
    fleet_camera.operator.delete(f"{FILES}/{asset(first['image_id'])}")
    assert fleet_camera.upload(data, key=key)["image_id"] != first["image_id"]


def test_the_answer_outlives_its_image_and_its_batch(fleet_camera, key):
    """Closed, deleted, or asked with a new key of the device: what was answered is answered again."""
    data = photo()
    first = fleet_camera.upload(data, key=key)
    fleet_camera.operator.post(f"{BATCHES}/{first['batch_id']}/close")
    assert fleet_camera.upload(data, key=key) == first
    fleet_camera.operator.delete(f"{FILES}/{asset(first['image_id'])}")
    rotated = fleet_camera.operator.post(f"{DEVICES}/{fleet_camera.id}/rotate-key").json()["data"]
    fleet_camera.key = rotated["api_key"]
    assert fleet_camera.upload(data, key=key) == first
    assert files_of(fleet_camera.operator) == set()


def test_the_same_upload_at_the_same_moment_is_one_image(fleet, fleet_operator, key):
    """Sixteen at once get one answer, also where duplicates are accepted."""
    camera = enrol(fleet, fleet_operator, duplicate_policy="accept")
    data = photo()
    with ThreadPoolExecutor(16) as pool:
        answers = [expect(answer, UPLOADED) for answer in pool.map(lambda _: camera.post(data, key=key), range(16))]
    assert all(answer == answers[0] for answer in answers)
    assert len(images(fleet_operator, answers[0]["batch_id"])) == 1
    assert len(files_of(fleet_operator)) == 1


def test_other_bytes_at_the_same_moment_are_conflicts(fleet, fleet_camera, key):
    """Of eight different images under one key at once, one is taken and the rest are refused."""
    before = objects(fleet)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fleet_camera.post(photo(), key=key), range(8)))
    (taken,) = (expect(answer, UPLOADED) for answer in answers if answer.status_code == 200)
    for answer in answers:
        if answer.status_code != 200:
            expect_error(answer, "IDEMPOTENCY_CONFLICT")
    assert objects(fleet) - before == {taken["storage_key"]}
    assert len(files_of(fleet_camera.operator)) == 1


def test_keys_may_have_255_characters(fleet, fleet_camera):
    """255 are taken, 256 are refused, and then nothing is stored."""
    data = photo()
    assert fleet_camera.upload(data, key="k" * 255) == fleet_camera.upload(data, key="k" * 255)
    before = objects(fleet)
    expect_error(fleet_camera.post(photo(), key="k" * 256), "VALIDATION_ERROR")
    assert objects(fleet) == before


def test_keys_differ_in_every_character(fleet_camera):
    """Case and length are part of a key."""
    sent = [fleet_camera.upload(key=text) for text in ("abc", "ABC", "abcd", "k" * 254, "k" * 255)]
    assert len({each["image_id"] for each in sent}) == 5
