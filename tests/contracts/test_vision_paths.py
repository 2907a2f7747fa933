"""Paths of the Vision API: both spellings, trailing slashes, fixed words, ids, and what is not there: section 1.1."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import DELETE, GET, LIST, ROUTES, SEARCH, SOME_ID, SPELLINGS, UPLOAD, plant, unknown, upload
from tests.contracts.vision_shapes import deletion, expect_error, found, ids, one, results

FIXED = (UPLOAD, GET, LIST, DELETE, SEARCH)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_route_exists_in_both_spellings_with_and_without_a_slash(idle_client, spelling, slash):
    """One handler: what one path has written the others read, and no answer is a redirect."""

    def at(path):
        return spelling + path + slash

    image = results(upload(idle_client, photo(), path=at(UPLOAD)))[0]
    image_id = image["image_id"]
    assert ids(idle_client.post(at(GET), json={"image_ids": [image_id]})) == [image_id]
    assert ids(idle_client.post(at(LIST), json={})) == [image_id]
    assert ids(idle_client.get(at("/images"))) == [image_id]
    assert one(idle_client.get(at(f"/images/{image_id}")))["image_id"] == image_id
    assert found(idle_client.post(at(SEARCH), json={"query": "zebra"})) == []
    assert deletion(idle_client.post(at(DELETE), json={"image_ids": [image_id]})) == ([image_id], [])
    (other,) = plant(idle_client)
    assert deletion(idle_client.delete(at(f"/images/{other}"))) == ([other], [])


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_both_spellings_answer_the_same(anyone, method, path):
    """Also what they refuse, they refuse in the same words."""
    plain, versioned = (anyone.request(method, spelling + path, json={}) for spelling in SPELLINGS)
    assert plain.status_code == versioned.status_code
    assert plain.json() == versioned.json()


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("path", FIXED)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_fixed_word_is_never_taken_for_an_id(anyone, method, path, spelling):
    """Each of these words has one method; another is 405, and never the absence of an image of that name."""
    answer = anyone.request(method, spelling + path)
    expect_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"].split(", ") == ["POST"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "methods", "wrong"),
    [
        ("/images", {"GET"}, ["POST", "PUT", "PATCH", "DELETE"]),
        (f"/images/{SOME_ID}", {"GET", "DELETE"}, ["POST", "PUT"]),
    ],
)
def test_a_wrong_method_names_the_right_ones(anyone, path, methods, wrong, slash):
    """405 lists in `Allow` every method that the path has."""
    for method in wrong:
        answer = anyone.request(method, path + slash)
        expect_error(answer, 405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"} == methods


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/v1", "/v1/nowhere", "/v2/nowhere", "/image", "/images/a/b", "/v1/v1/images", "/v2/images", "/v1/v2/videos",
     "/images/upload/more", "/Images", "/v3/images", "/%00"],
)  # fmt: skip
def test_a_path_that_does_not_exist_is_404(anyone, path):
    """Whatever the method."""
    for method in ("GET", "POST", "DELETE"):
        expect_error(anyone.request(method, path), 404)


def test_what_is_no_route_is_named_so(anyone):
    """An unknown path is told apart from an unknown image."""
    expect_error(anyone.get("/nowhere"), 404, "route_not_found", None)
    expect_error(anyone.get(f"/images/{SOME_ID}"), 404, "image_not_found", "image_id")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_id_in_a_path_has_no_case(idle_client, spelling):
    """Reading and deleting take upper case; answers are lower case."""
    (image_id,) = plant(idle_client)
    assert one(idle_client.get(f"{spelling}/images/{image_id.upper()}"))["image_id"] == image_id
    assert deletion(idle_client.delete(f"{spelling}/images/{image_id.upper()}")) == ([image_id], [])


@pytest.mark.parametrize(
    "odd",
    ["x", "0", "-1", "null", "%20", "%00", "%F0%9F%93%B7", "a" * 500, "%FF", "%2e%2e", "'", "{id}", "%22"],
)
def test_an_id_that_is_no_uuid_is_not_found(anyone, odd):
    """404, not 400, for both methods."""
    for method in ("GET", "DELETE"):
        expect_error(anyone.request(method, f"/images/{odd}"), 404)


def test_other_ways_to_write_a_uuid_are_no_ids(idle_client):
    """An id is lower or upper case with dashes; the forms without, in braces and as a URN are not found."""
    (image_id,) = plant(idle_client)
    for odd in (UUID(image_id).hex, f"{{{image_id}}}", f"urn:uuid:{image_id}", image_id[:-1], image_id + "0"):
        expect_error(idle_client.get(f"/images/{odd}"), 404)
        assert ids(idle_client.post(GET, json={"image_ids": [odd]})) == []
    assert ids(idle_client.get("/images")) == [image_id]


def test_an_unknown_id_is_not_found(anyone):
    """GET and DELETE tell which parameter it was."""
    for method in ("GET", "DELETE"):
        expect_error(anyone.request(method, f"/images/{unknown()}"), 404, "image_not_found", "image_id")
