"""Deleting images: section 3.5, and point 20 of the checklist."""

from __future__ import annotations

import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import (
    DELETE,
    ENCODINGS,
    GET,
    SEARCH,
    SPELLINGS,
    call,
    entry,
    indexed,
    listed,
    plant,
    stored,
    unknown,
    upload,
)
from tests.contracts.vision_shapes import DELETED, deletion, expect, expect_error, found, ids, one, results


def test_both_lists_keep_their_order_without_repetition(idle_client):
    """What was there and what was not, malformed ids included."""
    known = plant(idle_client, 3)
    nobody = unknown()
    asked = [known[2], nobody, "x", known[0], known[2], nobody, "x"]
    assert deletion(idle_client.post(DELETE, json={"image_ids": asked})) == ([known[2], known[0]], [nobody, "x"])
    assert listed(idle_client) == [known[1]]


def test_the_body_is_that_of_the_specification(idle_client):
    """Four keys with these words, for one and for several, by both routes."""
    first, second = plant(idle_client, 2)
    body = {"status": "success", "message": "Images deleted successfully", "deleted": [first], "not_found": []}
    assert expect(idle_client.post(DELETE, json={"image_ids": [first]}), DELETED) == body
    assert expect(idle_client.delete(f"/images/{second}"), DELETED) == {**body, "deleted": [second]}


def test_a_deleted_image_is_gone_everywhere(idle_client):
    """From get, list, the bare object and its link; the others stay."""
    gone, stays = stored(idle_client, entry(caption="zebra"), entry(caption="zebra"))
    known = [gone["image_id"], stays["image_id"]]
    deletion(idle_client.post(DELETE, json={"image_ids": known[:1]}))
    assert ids(idle_client.post(GET, json={"image_ids": known})) == known[1:]
    assert listed(idle_client) == listed(idle_client, image_ids=known) == known[1:]
    assert ids(idle_client.get("/images")) == known[1:]
    expect_error(idle_client.get(f"/images/{known[0]}"), 404, "image_not_found", "image_id")
    expect_error(idle_client.get(gone["image_url"]), 404)
    assert idle_client.get(stays["image_url"]).status_code == 200


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_second_delete_finds_nothing(idle_client, spelling):
    """200 with the id in `not_found`; the REST form is 404."""
    (known,) = plant(idle_client)
    assert deletion(idle_client.post(spelling + DELETE, json={"image_ids": [known]})) == ([known], [])
    assert deletion(idle_client.post(spelling + DELETE, json={"image_ids": [known]})) == ([], [known])
    expect_error(idle_client.delete(f"{spelling}/images/{known}"), 404, "image_not_found", "image_id")


def test_nothing_known_is_still_a_success(anyone):
    """200 when every id is unknown."""
    nobody = [unknown(), unknown(), "x"]
    assert deletion(anyone.post(DELETE, json={"image_ids": nobody})) == ([], nobody)


@pytest.mark.parametrize("body", [{}, {"image_ids": []}, {"image_ids": None}, {"image_ids": "[]"}, {"ids": ["x"]}])
def test_no_ids_never_mean_all(idle_client, body):
    """400, and everything is still there."""
    known = plant(idle_client, 2)
    expect_error(idle_client.post(DELETE, json=body), 400, param="image_ids")
    for encoding in ENCODINGS:
        expect_error(call(idle_client, DELETE, body, encoding), 400)
    assert listed(idle_client) == known[::-1]


def test_an_id_in_upper_case_in_a_path_is_answered_in_lower_case(idle_client):
    """The bare object and the deletion name the id as it is."""
    (known,) = plant(idle_client)
    assert one(idle_client.get(f"/images/{known.upper()}"))["image_id"] == known
    assert deletion(idle_client.delete(f"/images/{known.upper()}/"))[0] == [known]


def test_a_thousand_ids_are_deleted_at_once(idle_client):
    """Those that exist and those that do not."""
    known = plant(idle_client, 30)
    nobody = [unknown() for _ in range(970)]
    assert deletion(idle_client.post(DELETE, json={"image_ids": [*nobody, *known]})) == (known, nobody)
    assert listed(idle_client) == []


def test_deleting_while_indexing_is_allowed(client):
    """Images that wait, or are being worked on at this moment, go at once and stay away."""
    known = ids(upload(client, *(photo(300, 200) for _ in range(12))))
    assert deletion(client.post(DELETE, json={"image_ids": known[:11]})) == (known[:11], [])
    indexed(client, known[11])
    assert listed(client) == known[11:]
    assert deletion(client.delete(f"/images/{known[11]}")) == ([known[11]], [])
    assert results(client.get("/images")) == []


def test_a_deleted_image_is_not_found_by_searching(client):
    """At once, though it was found before."""
    metadata = {"requests": [entry(index=True, caption="an axolotl in a tank")]}
    (known,) = ids(upload(client, photo(), metadata=metadata))
    indexed(client, known)
    query = {"query": "axolotl", "search_mode": "joined"}
    assert [each["image_id"] for each in found(client.post(SEARCH, json=query))] == [known]
    deletion(client.post(DELETE, json={"image_ids": [known]}))
    assert found(client.post(SEARCH, json=query)) == []
