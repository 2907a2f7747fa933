"""Batches: what a device sends is collected until a batch is full, old, or closed by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contracts.conftest import FLEET_BATCH
from tests.contracts.device_shapes import BATCH, IMAGE, UPLOADED, expect, expect_error, page_of
from tests.contracts.devices import BATCHES, FILES, asset, batch, enrol, image, images
from tests.contracts.vision import SOME_ID
from tests.running import wait_for


def listed(operator, **query):
    """A page of batches."""
    return expect(operator.get(BATCHES, params=query), page_of(BATCH))


def ids(page):
    """The ids on a page."""
    return [each["id"] for each in page["items"]]


def close(operator, batch_id):
    """Close a batch."""
    return expect(operator.post(f"{BATCHES}/{batch_id}/close"), BATCH)


def test_thirty_two_uploads_at_once_share_one_batch(camera):
    """No two of them open one each, and all are counted."""
    with ThreadPoolExecutor(32) as pool:
        sent = [expect(answer, UPLOADED) for answer in pool.map(lambda _: camera.post(), range(32))]
    (batch_id,) = {each["batch_id"] for each in sent}
    assert len({each["image_id"] for each in sent}) == 32
    assert len({each["storage_key"] for each in sent}) == 32
    assert batch(camera.operator, batch_id)["image_count"] == 32 == camera.now()["image_count"]
    assert ids(listed(camera.operator)) == [batch_id]
    assert {each["image_id"] for each in images(camera.operator, batch_id, limit=100)} == {
        each["image_id"] for each in sent
    }


def test_a_full_batch_closes_and_the_next_upload_opens_another(fleet_camera):
    """The image that fills it is in it; the next one is not."""
    sent = [fleet_camera.upload() for _ in range(FLEET_BATCH)]
    (batch_id,) = {each["batch_id"] for each in sent}
    full = batch(fleet_camera.operator, batch_id)
    assert (full["status"], full["image_count"]) == ("closed", FLEET_BATCH)
    assert full["closed_at"] is not None
    assert fleet_camera.now()["open_batch_id"] is None
    following = fleet_camera.upload()
    assert following["batch_id"] != batch_id
    assert fleet_camera.now()["open_batch_id"] == following["batch_id"]
    assert batch(fleet_camera.operator, batch_id) == full


def test_batches_are_filled_exactly_by_uploads_at_once(fleet_camera):
    """Twenty uploads at once make six full batches of three and one of two; none is lost and none too large."""
    with ThreadPoolExecutor(20) as pool:
        sent = [expect(answer, UPLOADED) for answer in pool.map(lambda _: fleet_camera.post(), range(20))]
    counted = sorted(each["image_count"] for each in listed(fleet_camera.operator)["items"])
    assert counted == [2] + [FLEET_BATCH] * 6
    assert len({each["batch_id"] for each in sent}) == 7
    assert len(listed(fleet_camera.operator, status="collecting")["items"]) == 1
    assert fleet_camera.now()["image_count"] == 20


def test_an_old_batch_closes_by_itself(hurried):
    """After its age it is closed, with its image in it, and the next upload opens another."""
    with hurried.client(hurried.new_key()) as operator:
        camera = enrol(hurried, operator)
        sent = camera.upload()

        def closed():
            found = batch(operator, sent["batch_id"])
            return found if found["status"] == "closed" else None

        found = wait_for(closed, "the batch was never closed")
        assert (found["image_count"], found["closed_at"] > found["created_at"]) == (1, True)
        assert camera.now()["open_batch_id"] is None
        assert ids(listed(operator, status="closed")) == [sent["batch_id"]]
        assert camera.upload()["batch_id"] != sent["batch_id"]


def test_a_batch_is_closed_by_hand_and_takes_nothing_more(fleet_camera):
    """Closing again is the same answer; what comes then is in another batch."""
    operator = fleet_camera.operator
    first = fleet_camera.upload()
    assert batch(operator, first["batch_id"])["closed_at"] is None
    closed = close(operator, first["batch_id"])
    assert (closed["status"], closed["image_count"]) == ("closed", 1)
    assert close(operator, first["batch_id"]) == closed == batch(operator, first["batch_id"])
    second = fleet_camera.upload()
    assert second["batch_id"] != first["batch_id"]
    assert batch(operator, first["batch_id"]) == closed
    assert [each["image_id"] for each in images(operator, first["batch_id"])] == [first["image_id"]]


def test_an_upload_that_insists_on_a_closed_batch_is_refused(fleet_camera):
    """409 `BATCH_CLOSED` for a closed one, 404 for one of nobody's; the open one takes it."""
    first = fleet_camera.upload()
    sent = fleet_camera.upload(fields={"batch_id": first["batch_id"]})
    assert sent["batch_id"] == first["batch_id"]
    close(fleet_camera.operator, first["batch_id"])
    before = fleet_camera.now()["image_count"]
    expect_error(fleet_camera.post(fields={"batch_id": first["batch_id"]}), "BATCH_CLOSED")
    assert fleet_camera.post(fields={"batch_id": f"batch_{SOME_ID}"}).status_code == 404
    assert fleet_camera.now()["image_count"] == before


def test_closing_while_images_come_loses_none(fleet_camera):
    """Whatever batch each upload was told, it is in that one."""
    operator = fleet_camera.operator
    with ThreadPoolExecutor(12) as pool:
        uploads = [pool.submit(fleet_camera.post) for _ in range(10)]
        for _ in range(6):
            if (open_batch := fleet_camera.now()["open_batch_id"]) is not None:
                close(operator, open_batch)
        sent = [expect(each.result(), UPLOADED) for each in uploads]
    for batch_id in {each["batch_id"] for each in sent}:
        here = {each["image_id"] for each in sent if each["batch_id"] == batch_id}
        assert {each["image_id"] for each in images(operator, batch_id)} == here
        assert batch(operator, batch_id)["image_count"] == len(here)


def test_a_closed_batch_counts_what_is_deleted(fleet_camera):
    """Its images go and come back like all others, and it stays closed."""
    operator = fleet_camera.operator
    first = fleet_camera.upload()
    fleet_camera.upload()
    close(operator, first["batch_id"])
    operator.delete(f"{FILES}/{asset(first['image_id'])}")
    found = batch(operator, first["batch_id"])
    assert (found["image_count"], found["status"]) == (1, "closed")
    operator.post(f"{FILES}/{asset(first['image_id'])}/restore")
    assert batch(operator, first["batch_id"])["image_count"] == 2


def test_batches_are_listed_newest_first_in_pages(fleet, fleet_camera):
    """Limit and offset, by device, by status, and how many there are in all."""
    operator = fleet_camera.operator
    other = enrol(fleet, operator, "other")
    assert listed(operator) == {"items": [], "total": 0, "limit": listed(operator)["limit"], "offset": 0}
    made = []
    for camera in (fleet_camera, other, fleet_camera, fleet_camera):
        made.append(camera.upload()["batch_id"])
        if camera is fleet_camera:
            close(operator, made[-1])
    newest = made[::-1]
    assert ids(listed(operator)) == newest
    page = listed(operator, limit=2, offset=1)
    assert (ids(page), page["total"], page["limit"], page["offset"]) == (newest[1:3], 4, 2, 1)
    assert ids(listed(operator, limit=1, offset=9)) == []
    assert ids(listed(operator, device_id=other.id)) == [made[1]]
    assert ids(listed(operator, status="collecting")) == [made[1]]
    closed = listed(operator, status="closed", device_id=fleet_camera.id, limit=1)
    assert (ids(closed), closed["total"]) == ([made[3]], 3)
    assert ids(listed(operator, status="closed", device_id=other.id)) == []
    assert ids(listed(operator, device_id=f"dev_{SOME_ID}")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "many"),
        ("limit", "100000000000000000000"),
        ("offset", "-1"),
        ("offset", "x"),
        ("offset", "100000000000000000000"),
        ("status", "open"),
        ("device_id", "nonsense"),
        ("device_id", f"batch_{SOME_ID}"),
    ],
)
def test_a_query_that_is_wrong_is_named(fleet_anyone, name, value):
    """422 naming the parameter."""
    expect_error(fleet_anyone.get(BATCHES, params={name: value}), "VALIDATION_ERROR", name)


def test_the_largest_offset_is_an_empty_page(fleet_camera):
    """Any offset that is a number is answered."""
    sent = fleet_camera.upload()
    for path in (BATCHES, f"{BATCHES}/{sent['batch_id']}/images", "/api/devices"):
        answer = fleet_camera.operator.get(path, params={"offset": 10**12})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["data"]["items"], answer.json()["data"]["total"]) == ([], 1)


def test_images_of_a_batch_are_listed_in_pages(camera):
    """In the order they came."""
    sent = [camera.upload(name=f"{number}.jpg")["image_id"] for number in range(5)]
    batch_id = camera.now()["open_batch_id"]
    url = f"{BATCHES}/{batch_id}/images"
    page = expect(camera.operator.get(url, params={"limit": 2, "offset": 2}), page_of(IMAGE))
    assert [each["image_id"] for each in page["items"]] == sent[2:4]
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 2)
    assert [each["image_id"] for each in images(camera.operator, batch_id)] == sent
    for name, value in (("limit", "0"), ("offset", "-1")):
        expect_error(camera.operator.get(url, params={name: value}), "VALIDATION_ERROR", name)


def test_an_image_in_the_trash_is_in_no_batch(fleet_camera):
    """It is not listed while it lies there."""
    first, second = fleet_camera.upload(), fleet_camera.upload()
    fleet_camera.operator.delete(f"{FILES}/{asset(first['image_id'])}")
    assert [each["image_id"] for each in images(fleet_camera.operator, first["batch_id"])] == [second["image_id"]]


@pytest.mark.parametrize("batch_id", [f"batch_{SOME_ID}", SOME_ID, "nonsense", f"dev_{SOME_ID}", "batch_", "%00"])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("GET", "/images"), ("POST", "/close"), ("GET", "/export")]
)
def test_a_batch_that_is_not_there_is_not_found(fleet_anyone, batch_id, method, suffix):
    """Whether its id could be one or not."""
    parameters = {"format": "coco"} if suffix == "/export" else None
    answer = fleet_anyone.request(method, f"{BATCHES}/{batch_id}{suffix}", params=parameters)
    expect_error(answer, "NOT_FOUND")


def test_what_was_said_of_an_image_is_listed_in_both_places(fleet_camera):
    """What the batch says of an image is what the answer to its upload said."""
    sent = fleet_camera.upload(name="a b.png", metadata={"line": 4})
    found = image(fleet_camera.operator, sent)
    assert (found["storage_key"], found["filename"], found["metadata"]) == (sent["storage_key"], "a b.png", {"line": 4})
