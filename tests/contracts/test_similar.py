"""`GET /user-files/{id}/similar`, an addition of this server: copies of a picture are found, other pictures are not."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from tests.contracts.photos import encoded, undecodable
from tests.contracts.shapes import SIMILAR, expect, expect_error
from tests.imaging import pictures
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"


def scene(seed):
    """A made photograph of 800 by 600 pixels."""
    return Image.fromarray(pictures.photo(800, 600, seed=seed))


def copies(picture):
    """The same picture smaller, in another format, badly encoded, and with a little cut off."""
    width, height = picture.size
    cut = picture.crop((width // 100, height // 100, width - width // 100, height - height // 100))
    return {
        "smaller.jpg": encoded(picture.resize((width // 2, height // 2), Image.Resampling.LANCZOS), quality=88),
        "other.webp": encoded(picture, "WEBP", quality=70),
        "bad.jpg": encoded(picture, quality=20),
        "cut.png": encoded(cut, "PNG"),
    }


def store(client, data, filename="photo.jpg"):
    """Upload one picture and wait until it is processed; returns its id."""
    file_id = upload(client, data, filename, auto_describe="false")["image_id"]
    wait_until_processed(client, file_id)
    return file_id


def similar(client, file_id, **query):
    """The body of the answer."""
    return expect(client.get(f"{FILES}/{file_id}/similar", params=query), SIMILAR)


@pytest.fixture(scope="module")
def album(server):
    """A client, the ids of three different pictures, and those of the copies of the first."""
    with server.client(server.new_key()) as client:
        originals = [store(client, encoded(scene(seed), quality=92)) for seed in (1, 2, 3)]
        found = {name: store(client, data, name) for name, data in copies(scene(1)).items()}
        yield client, originals, found


def test_copies_are_found_and_other_pictures_are_not(album):
    """Whichever of the copies is asked for, all others are there, and nothing else."""
    client, (original, *others), found = album
    body = similar(client, original)
    assert {one["file"]["id"] for one in body["results"]} == set(found.values())
    assert body["total_count"] == len(found)
    assert (body["image_id"], body["max_distance"]) == (original, 10)
    assert similar(client, found["bad.jpg"], max_distance=16)["total_count"] == len(found)
    for other in others:
        assert similar(client, other, max_distance=16)["results"] == []


def test_the_nearest_come_first(album):
    """Distances ascend, ties break on the id, and similarity is the share of equal bits."""
    client, (original, *_), _ = album
    results = similar(client, original)["results"]
    keys = [(one["distance"], one["file"]["id"]) for one in results]
    assert keys == sorted(keys)
    assert all(one["similarity"] == 1 - one["distance"] / 64 for one in results)


def test_the_file_is_the_one_of_the_listing(album):
    """Every key of a listing's item, with the same values, links included."""
    client, (original, *_), _ = album
    for one in similar(client, original)["results"]:
        listed = client.get(FILES, params={"ids": one["file"]["id"]}).json()["files"][0]
        for key in ("thumbnail_url", "medium_url", "full_url"):
            assert httpx.get(one["file"].pop(key)).status_code == 200
            listed.pop(key)
        assert one["file"] == listed


def test_limit_and_distance_bound_the_answer(album):
    """The limit cuts the results but not their number; the distance cuts both, and is inclusive."""
    client, (original, *_), found = album
    everything = similar(client, original)["results"]
    first = similar(client, original, limit=1)
    assert [one["file"]["id"] for one in first["results"]] == [everything[0]["file"]["id"]]
    assert first["total_count"] == len(found)
    for distance in range(11):
        expected = [one["file"]["id"] for one in everything if one["distance"] <= distance]
        answer = similar(client, original, max_distance=distance)
        assert [one["file"]["id"] for one in answer["results"]] == expected
        assert answer["total_count"] == len(expected)
        assert answer["max_distance"] == distance


@pytest.mark.parametrize(
    "query",
    [
        {"max_distance": "-1"},
        {"max_distance": "65"},
        {"max_distance": "x"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "1.5"},
    ],
)
def test_values_out_of_range_are_refused(album, query):
    """The distance is 0 to 16 and the limit 1 to 100; the ends are allowed."""
    client, (original, *_), _ = album
    expect_error(client.get(f"{FILES}/{original}/similar", params=query), 422, "VALIDATION_ERROR")
    similar(client, original, max_distance=0, limit=1)
    similar(client, original, max_distance=16, limit=100)


def test_the_trash_and_other_tenants_are_left_out(client, new_client):
    """A copy in the trash is not found until it is restored, and another tenant's copy never."""
    original, copy = (store(client, encoded(scene(4), quality=quality)) for quality in (90, 60))
    store(new_client(), encoded(scene(4), quality=80))
    assert [one["file"]["id"] for one in similar(client, original)["results"]] == [copy]
    client.delete(f"{FILES}/{copy}")
    assert similar(client, original) == {"image_id": original, "max_distance": 10, "results": [], "total_count": 0}
    expect_error(client.get(f"{FILES}/{copy}/similar"), 404, "NOT_FOUND")
    client.post(f"{FILES}/{copy}/restore")
    assert similar(client, copy)["total_count"] == 1


def test_unknown_files_are_404_and_bad_ids_422(client):
    """This route takes whole ids only."""
    expect_error(client.get(f"{FILES}/6f0c5d0e-2c55-4d0b-9d5e-0f6a3b9f7a11/similar"), 404, "NOT_FOUND")
    expect_error(client.get(f"{FILES}/6f0c5d0e/similar"), 422, "VALIDATION_ERROR")


def test_a_picture_that_waits_is_404_with_a_time_to_ask_again(narrow_client):
    """Before its development there is nothing to compare by."""
    file_id = upload(narrow_client, encoded(scene(5).resize((80, 60))), auto_describe="false")["image_id"]
    answer = narrow_client.get(f"{FILES}/{file_id}/similar")
    expect_error(answer, 404, "NOT_FOUND")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_picture_that_could_not_be_decoded_is_400(client):
    """It will never have anything to compare by, and the reason is told."""
    file_id = store(client, undecodable(), "broken.png")
    expect_error(client.get(f"{FILES}/{file_id}/similar"), 400, "VALIDATION_ERROR")


def gradient(width, height, first, last):
    """An even change of colour from left to right."""
    ramp = Image.linear_gradient("L").rotate(90).resize((width, height))
    return Image.composite(Image.new("RGB", (width, height), last), Image.new("RGB", (width, height), first), ramp)


def test_plain_pictures_are_alike_only_in_the_same_colours(client):
    """To the hash one blank page is like any other, so pictures with hardly anything in them must have the same colour too."""
    plain = {
        color: [store(client, encoded(Image.new("RGB", size, color), kind)) for size, kind in sizes]
        for color, sizes in {
            (200, 30, 40): [((64, 48), "PNG"), ((320, 240), "JPEG")],
            (30, 60, 200): [((64, 48), "PNG"), ((100, 75), "PNG")],
        }.items()
    }
    sky = [store(client, encoded(gradient(*size, (10, 20, 90), (200, 220, 255)))) for size in ((400, 300), (200, 150))]
    store(client, encoded(gradient(400, 300, (120, 20, 20), (255, 230, 200))))
    for first, second in (*plain.values(), sky):
        for one, other in ((first, second), (second, first)):
            body = similar(client, one, max_distance=16)
            assert [found["file"]["id"] for found in body["results"]] == [other]
            assert body["total_count"] == 1


def test_real_photographs(client, corpus):
    """Copies of real photographs are found at the default distance, and no two of them are alike at the greatest."""
    paths = sorted((corpus / "photos" / "albums" / "nature").glob("*.jpg"))[:5]
    expected = {}
    for path in paths:
        picture = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
        original = store(client, path.read_bytes())
        expected[original] = {store(client, data, name) for name, data in copies(picture).items()}
    for original, made in expected.items():
        assert {one["file"]["id"] for one in similar(client, original)["results"]} == made
        assert similar(client, original, max_distance=16)["total_count"] == len(made)
