"""Reading images: get, list, the query and the bare object: section 3.3, points 17 and 18 of the checklist."""

from __future__ import annotations

import pytest

from tests.contracts.vision import DELETE, GET, LIST, SPELLINGS, entry, listed, plant, stored, unknown
from tests.contracts.vision_shapes import expect_error, ids, one, results

COUNT = 25


@pytest.fixture(scope="module")
def gallery(idle):
    """A client and the ids of 25 images of three calls, oldest first."""
    with idle.client(idle.new_key()) as client:
        yield client, [*plant(client, 12), *plant(client), *plant(client, 12)]


# ------------------------------------------------------------------------------ get


def test_get_keeps_the_order_of_the_request(gallery):
    """Unknown, malformed and other people's ids are left out, and what is named twice appears once."""
    client, known = gallery
    asked = [known[3], unknown(), known[1], "x", known[3], "", known[20], "0", known[1].upper()[:-1]]
    assert ids(client.post(GET, json={"image_ids": asked})) == [known[3], known[1], known[20]]
    assert ids(client.get("/images", params=[("ids", each) for each in asked])) == [known[3], known[1], known[20]]


@pytest.mark.parametrize("asked", [[], [unknown()], ["x", "y"], [unknown() for _ in range(20)]])
def test_get_of_nothing_is_nothing(gallery, asked):
    """200 with an empty list."""
    client, _ = gallery
    assert results(client.post(GET, json={"image_ids": asked})) == []


@pytest.mark.parametrize("body", [{}, {"image_ids": None}, {"ids": ["x"]}, {"image_id": "x"}])
def test_get_without_ids_is_refused(anyone, body):
    """400 that names the field."""
    expect_error(anyone.post(GET, json=body), 400, "missing_parameter", "image_ids")


def test_get_is_not_limited_by_a_page(gallery):
    """All that were asked for come back, more than a page of the list has."""
    client, known = gallery
    assert ids(client.post(GET, json={"image_ids": known, "limit": 1, "offset": 5})) == known
    assert ids(client.get("/images", params=[("ids", each) for each in known])) == known


def test_one_image_is_bare(gallery):
    """Without `results` around it; an unknown one is 404."""
    client, known = gallery
    assert one(client.get(f"/images/{known[0]}"))["image_id"] == known[0]
    expect_error(client.get(f"/images/{unknown()}"), 404, "image_not_found", "image_id")


def test_links_are_made_afresh(gallery):
    """Each read has one that works."""
    client, known = gallery
    for _ in range(2):
        assert client.get(one(client.get(f"/images/{known[0]}"))["image_url"]).status_code == 200


# ------------------------------------------------------------------------------ list


def test_a_page_has_twenty_images_newest_first(gallery):
    """By default; within one call the last one sent is the newest."""
    client, known = gallery
    newest = known[::-1]
    assert listed(client) == newest[:20]
    assert ids(client.get("/images")) == newest[:20]
    stamps = [each["upload_timestamp"] for each in results(client.post(LIST, json={"limit": 1000}))]
    assert stamps == sorted(stamps, reverse=True)


@pytest.mark.parametrize("limit", [1, 7, 20, 24, 25, 1000])
def test_pages_neither_overlap_nor_leave_gaps(gallery, limit):
    """Together they are all images, in both spellings and by both routes."""
    client, known = gallery
    for spelling in SPELLINGS:
        posted, queried = [], []
        for offset in range(0, COUNT, limit):
            posted += ids(client.post(spelling + LIST, json={"limit": limit, "offset": offset}))
            queried += ids(client.get(f"{spelling}/images", params={"limit": limit, "offset": offset}))
        assert posted == queried == known[::-1]


def test_pages_are_stable_while_images_arrive(idle_client):
    """Equal times or not, the same page is the same; what is new stands before it."""
    known = plant(idle_client, 6)
    assert listed(idle_client, limit=2, offset=2) == listed(idle_client, limit=2, offset=2) == known[3:1:-1]
    plant(idle_client, 2)
    assert listed(idle_client, limit=2, offset=4) == known[3:1:-1]


@pytest.mark.parametrize("offset", [COUNT, COUNT + 1, 10**6])
def test_past_the_end_is_nothing(gallery, offset):
    """200 with an empty list."""
    client, _ = gallery
    assert listed(client, offset=offset) == []
    assert ids(client.get("/images", params={"offset": offset})) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", 0),
        ("limit", 1001),
        ("limit", -1),
        ("limit", "x"),
        ("limit", 1.5),
        ("limit", True),
        ("offset", -1),
        ("offset", "x"),
    ],
)
def test_a_page_out_of_range_is_refused(anyone, name, value):
    """400 that names the parameter, in a body and in a query."""
    expect_error(anyone.post(LIST, json={name: value}), 400, "invalid_parameter", name)
    expect_error(anyone.get("/images", params={name: str(value)}), 400, "invalid_parameter", name)


def test_a_thousand_is_the_largest_page(gallery):
    """And zero the smallest offset."""
    client, known = gallery
    assert listed(client, limit=1000, offset=0) == known[::-1]


def test_a_list_can_be_restricted_to_ids(gallery):
    """In the order of the list, with its pages; absent and empty mean no restriction, unknown ones nothing."""
    client, known = gallery
    some = [known[2], unknown(), known[20], "x", known[7], known[2]]
    assert listed(client, image_ids=some) == [known[20], known[7], known[2]]
    assert listed(client, image_ids=some, limit=1, offset=1) == [known[7]]
    assert listed(client, image_ids=[], limit=3) == known[:-4:-1]
    assert listed(client, image_ids=[unknown(), "x"]) == []


def test_an_empty_account_lists_nothing(idle_client):
    """200 with an empty list, by every route."""
    assert listed(idle_client) == []
    assert ids(idle_client.get("/images")) == []


def test_reading_changes_nothing(idle_client):
    """An image reads the same before and after everything that only reads."""
    (image,) = stored(idle_client, entry(note="x"))
    before = one(idle_client.get(f"/images/{image['image_id']}"))
    listed(idle_client)
    expect_error(idle_client.post(DELETE, json={"image_ids": []}), 400)
    after = one(idle_client.get(f"/images/{image['image_id']}"))
    assert {**before, "image_url": ""} == {**after, "image_url": ""}
