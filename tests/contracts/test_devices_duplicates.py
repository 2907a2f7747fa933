"""The same bytes again: refused, or taken as a new image, as each device is told; never seen across tenants."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.contracts.device_shapes import UPLOADED, expect, expect_error
from tests.contracts.devices import BATCHES, DEVICES, FILES, asset, batch, enrol, files_of, objects
from tests.contracts.photos import photo
from tests.running import upload


def test_the_same_bytes_again_are_refused_naming_the_first(fleet, fleet_camera):
    """409 with the image and the batch of the one held, whatever the second is called; nothing of it is kept."""
    data = photo()
    first = fleet_camera.upload(data, "a.jpg")
    before = objects(fleet)
    details = expect_error(fleet_camera.post(data, "b.jpg", metadata={"model_id": "m"}), "DUPLICATE_IMAGE")
    assert (details["image_id"], details["batch_id"]) == (first["image_id"], first["batch_id"])
    assert objects(fleet) == before
    assert batch(fleet_camera.operator, first["batch_id"])["image_count"] == 1


def test_another_device_of_the_tenant_sends_the_same(fleet, fleet_camera):
    """What is held is held for the tenant; the second device opens no batch for it."""
    data = photo()
    first = fleet_camera.upload(data)
    other = enrol(fleet, fleet_camera.operator, "other")
    details = expect_error(other.post(data), "DUPLICATE_IMAGE")
    assert (details["image_id"], details["batch_id"]) == (first["image_id"], first["batch_id"])
    assert other.now()["open_batch_id"] is None


def test_what_came_through_the_files_api_is_held_as_well(fleet, fleet_camera):
    """It has an image id and no batch."""
    data = photo()
    file_id = upload(fleet_camera.operator, data, auto_describe="false")["image_id"]
    details = expect_error(fleet_camera.post(data), "DUPLICATE_IMAGE")
    assert details["image_id"] == f"img_{file_id}"
    assert details["batch_id"] is None


def test_a_device_that_accepts_makes_a_new_image(fleet, fleet_operator):
    """Another id, another object, in the batch beside the first, and said to be a duplicate."""
    camera = enrol(fleet, fleet_operator, duplicate_policy="accept")
    data = photo()
    first, second = camera.upload(data), camera.upload(data)
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["image_id"] != second["image_id"]
    assert first["storage_key"] != second["storage_key"]
    assert first["batch_id"] == second["batch_id"]
    for sent in (first, second):
        assert (fleet.data_dir / "objects" / sent["storage_key"]).read_bytes() == data
    assert files_of(fleet_operator) == {asset(first["image_id"]), asset(second["image_id"])}
    third = camera.upload(photo())
    assert third["duplicate"] is False


def test_the_policy_can_be_changed(fleet_camera):
    """The next upload follows it."""
    data = photo()
    fleet_camera.upload(data)
    for policy, status in (("accept", 200), ("reject", 409), ("accept", 200)):
        url = f"{DEVICES}/{fleet_camera.id}"
        assert fleet_camera.operator.patch(url, json={"duplicate_policy": policy}).status_code == 200
        assert fleet_camera.post(data).status_code == status


def test_other_tenants_have_no_duplicates_here(fleet, fleet_camera):
    """A stranger's device may send what is held for somebody else, and is told nothing."""
    data = photo()
    first = fleet_camera.upload(data)
    with fleet.client(fleet.new_key()) as stranger:
        sent = enrol(fleet, stranger).upload(data)
        assert sent["duplicate"] is False
        assert sent["image_id"] != first["image_id"]


def test_what_lies_in_the_trash_is_held_no_more(fleet_camera):
    """A deleted image may be sent again."""
    data = photo()
    first = fleet_camera.upload(data)
    assert fleet_camera.operator.delete(f"{FILES}/{asset(first['image_id'])}").status_code == 200
    again = fleet_camera.upload(data)
    assert again["duplicate"] is False
    assert again["image_id"] != first["image_id"]


def test_duplicates_at_the_same_moment_leave_one(fleet, fleet_camera):
    """Of twelve at once, over two devices, one is taken, and all others name it."""
    data = photo()
    cameras = [fleet_camera, enrol(fleet, fleet_camera.operator, "other")] * 6
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda camera: camera.post(data), cameras))
    (taken,) = (expect(answer, UPLOADED) for answer in answers if answer.status_code == 200)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {expect_error(answer, "DUPLICATE_IMAGE")["image_id"] for answer in refused} == {taken["image_id"]}
    assert files_of(fleet_camera.operator) == {asset(taken["image_id"])}


def test_a_duplicate_is_refused_even_when_its_batch_is_closed(fleet_camera):
    """The batch that is named need not be open."""
    data = photo()
    first = fleet_camera.upload(data)
    fleet_camera.operator.post(f"{BATCHES}/{first['batch_id']}/close")
    assert expect_error(fleet_camera.post(data), "DUPLICATE_IMAGE")["batch_id"] == first["batch_id"]
    assert fleet_camera.now()["open_batch_id"] is None


def test_duplicates_at_the_same_moment_that_are_accepted_follow_one(fleet, fleet_operator):
    """Of twelve at once, of twelve devices that accept them, one is the first and all others are duplicates."""
    data = photo()
    cameras = [enrol(fleet, fleet_operator, str(number), duplicate_policy="accept") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        sent = [expect(answer, UPLOADED) for answer in pool.map(lambda camera: camera.post(data), cameras)]
    assert sorted(each["duplicate"] for each in sent) == [False] + [True] * 11
    assert len({each["storage_key"] for each in sent}) == 12
