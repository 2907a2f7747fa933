"""Uploading images: section 3.2, and points 10 to 13 of the checklist."""

from __future__ import annotations

import json
import time

import pytest

from tests.contracts.photos import encoded, photo, plain
from tests.contracts.vision import (
    GET,
    JSON,
    SEARCH,
    UPLOAD,
    entry,
    image,
    indexed,
    listed,
    part,
    send,
    upload,
)
from tests.contracts.vision_shapes import expect_error, found, ids, results
from tests.imaging.pictures import animation, heic, jxl
from tests.running import wait_until_processed

FORMATS = {
    "jpeg": photo,
    "progressive": lambda: photo(progressive=True),
    "grey": lambda: encoded(_noise("L"), "JPEG"),
    "cmyk": lambda: encoded(_noise("CMYK"), "JPEG"),
    "png": lambda: photo(kind="PNG"),
    "palette": lambda: encoded(_noise("RGB").quantize(16), "PNG"),
    "webp": lambda: photo(kind="WEBP"),
    "lossless webp": lambda: photo(kind="WEBP", lossless=True),
    "gif": lambda: encoded(_noise("RGB").quantize(32), "GIF"),
    "animated gif": lambda: animation("GIF"),
    "animated webp": lambda: animation("WEBP"),
    "bmp": lambda: photo(kind="BMP"),
    "tiff": lambda: photo(kind="TIFF"),
    "deflated tiff": lambda: photo(kind="TIFF", compression="tiff_adobe_deflate"),
    "heic": heic,
    "avif": lambda: photo(64, 48, kind="AVIF"),
    "jxl": jxl,
}


def _noise(mode):
    from PIL import Image

    return Image.effect_noise((40, 30), 60).convert(mode)


def test_two_files_give_two_images_in_order(idle_client):
    """The specification's example: five keys each, its own settings and metadata each, and one after the other in the list."""
    begun = time.time()
    custom = {"camera_id": "gate-2", "recorded_timestamp_utc": 1772611200}
    first, second = photo(), photo(kind="PNG")
    metadata = {"requests": [entry(index=True, **custom), entry(index=False)]}
    answer = upload(idle_client, ("gate.jpg", first), ("yard.png", second), metadata=metadata)
    images = results(answer)
    assert [each["indexing_status"] for each in images] == [1, 0]
    assert [each["image_metadata"] for each in images] == [custom, {}]
    assert [idle_client.get(each["image_url"]).content for each in images] == [first, second]
    stamps = [each["upload_timestamp"] for each in images]
    assert begun - 1 < stamps[0] <= stamps[1] < time.time() + 1
    assert listed(idle_client) == [each["image_id"] for each in images[::-1]]


def test_an_upload_can_be_read_at_once(idle_client):
    """What the answer says, reading says too, but for the link."""
    (sent,) = results(upload(idle_client, photo(), metadata={"requests": [entry(note="x")]}))
    read = image(idle_client, sent["image_id"])
    assert {**read, "image_url": ""} == {**sent, "image_url": ""}


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_are_accepted_and_told_by_their_bytes(idle_client, kind):
    """Whatever name and type they come with; the bytes are kept as they are."""
    data = FORMATS[kind]()
    answer = upload(idle_client, ("notes.txt", data, "text/plain"), metadata={"requests": [entry()]})
    (sent,) = results(answer)
    served = idle_client.get(sent["image_url"])
    assert served.content == data
    assert served.headers["content-type"].startswith("image/")


def test_equal_bytes_are_not_merged(idle_client):
    """Every file is an image of its own, within one call and across calls."""
    data = photo()
    known = ids(upload(idle_client, data, data)) + ids(upload(idle_client, data))
    assert len(set(known)) == 3
    assert listed(idle_client) == known[::-1]


@pytest.mark.parametrize(
    "metadata",
    [None, {}, {"requests": None}, {"requests": [{}]}, {"requests": [{"indexing_config": {}}]}, {"requests": [{"metadata": {}}]},
     {"requests": [{"indexing_config": {"index": True}}]}, {"requests": [{"x": 1}], "y": 2}],
)  # fmt: skip
def test_an_image_is_indexed_unless_it_says_no(idle_client, metadata):
    """Without metadata, without requests, without a configuration."""
    (sent,) = results(upload(idle_client, photo(), metadata=metadata))
    assert (sent["indexing_status"], sent["image_metadata"]) == (1, {})


CUSTOM = {
    "camera_id": "gate-2",
    "video_clip_id": None,
    "org_id": "o",
    "site_id": "",
    "event_id": 12,
    "caption": "A red truck at a gate",
    "recorded_timestamp_utc": 1772611200.5,
    "detection_metadata": [
        {"class_name": "truck", "bounding_box": [1, 2, 3, 4], "confidence": 0.75, "is_license_plate": False,
         "license_plate_number": None, "ncic_category": None},
    ],
    "unknown": {"nested": [1, 1.0, -0.5, "1", True, False, None, [], {}, {"": {"a b": "ü"}}]},
    "": "an empty key",
    "z": 1,
    "a": 2,
    "big": 12345678901234567890,
}  # fmt: skip


def test_custom_metadata_comes_back_unchanged(idle_client):
    """Every key, its order and its JSON type: 1 stays 1 and 1.0 stays 1.0; from all that read."""
    (sent,) = results(upload(idle_client, photo(), metadata={"requests": [entry(**CUSTOM)]}))
    image_id = sent["image_id"]
    expected = json.dumps(CUSTOM)
    readings = [
        sent,
        image(idle_client, image_id),
        results(idle_client.post(GET, json={"image_ids": [image_id]}))[0],
        results(idle_client.get("/images"))[0],
    ]
    for reading in readings:
        assert json.dumps(reading["image_metadata"]) == expected


@pytest.mark.parametrize("name", ["camera_id", "caption", "recorded_timestamp_utc", "detection_metadata"])
@pytest.mark.parametrize("value", [None, "text", 5, -1.5, True, [], {}, [1], {"a": [None]}])
def test_a_known_key_of_an_unexpected_type_is_kept(idle_client, name, value):
    """It is not rejected and not converted."""
    (sent,) = results(upload(idle_client, photo(8, 8), metadata={"requests": [entry(**{name: value})]}))
    assert json.dumps(sent["image_metadata"]) == json.dumps({name: value})


@pytest.mark.parametrize("count", [0, 1, 3, 10])
def test_as_many_entries_as_images(idle_client, count):
    """Fewer, more or none of them are refused, and nothing is kept; without a list all is well."""
    metadata = {"requests": [entry()] * count}
    answer = upload(idle_client, photo(), photo(), metadata=metadata)
    expect_error(answer, 400, "invalid_parameter", "metadata.requests")
    assert listed(idle_client) == []
    assert len(results(upload(idle_client, photo(), photo(), metadata={}))) == 2


@pytest.mark.parametrize(
    ("requests", "place"),
    [
        ("text", "metadata.requests"),
        (5, "metadata.requests"),
        ({"indexing_config": {}}, "metadata.requests"),
        (["x"], "metadata.requests[0]"),
        ([[]], "metadata.requests[0]"),
        ([5], "metadata.requests[0]"),
        ([{"indexing_config": []}], "metadata.requests[0].indexing_config"),
        ([{"indexing_config": "yes"}], "metadata.requests[0].indexing_config"),
        ([{"metadata": [1]}], "metadata.requests[0].metadata"),
        ([{"metadata": 5}], "metadata.requests[0].metadata"),
        ([{"metadata": "text"}], "metadata.requests[0].metadata"),
        ([{"metadata": True}], "metadata.requests[0].metadata"),
    ],
)
def test_metadata_of_the_wrong_shape_is_refused(idle_client, requests, place):
    """400 that says where, and nothing is kept."""
    error = expect_error(upload(idle_client, photo(), metadata={"requests": requests}), 400, "invalid_parameter")
    assert error["param"] in {place, place.replace("[0]", ".0")}
    assert listed(idle_client) == []


def test_neither_files_nor_urls_is_refused(anyone):
    """In every form in which there can be nothing."""
    nothing = [{}, {"images": None}, {"metadata": {}}, {"metadata": {"image_urls": []}}, {"images": ""}]
    nothing += [{"metadata": {"image_urls": None}}, {"metadata": {"image_urls": ""}}]
    for body in nothing:
        expect_error(anyone.post(UPLOAD, json=body), 400, "missing_parameter")
    expect_error(send(anyone, part("metadata", "{}")), 400, "missing_parameter")
    expect_error(anyone.post(UPLOAD, data={"metadata": '{"image_urls": []}'}), 400, "missing_parameter")


def test_several_faults_are_all_named(anyone):
    """The first in the main fields, all in the details."""
    requests = [{"metadata": 5}, {"indexing_config": {"index": "maybe"}}]
    error = expect_error(upload(anyone, photo(), photo(), metadata={"requests": requests}), 400, "invalid_parameter")
    assert len(error["details"]["errors"]) == 2
    assert error["details"]["errors"][0]["param"] == error["param"]


# ------------------------------------------------------------------------------ with a worker


@pytest.fixture(scope="module")
def processed(server):
    """A client and three images after the worker: indexed by default, indexed on request, and not indexed."""
    with server.client(server.new_key()) as client:
        metadata = {"requests": [{}, entry(index=True, caption="a quokka"), entry(index=False, caption="a quokka")]}
        images = results(upload(client, plain(), plain(), plain(), metadata=metadata))
        assert [each["indexing_status"] for each in images] == [1, 1, 0]
        known = [each["image_id"] for each in images]
        for image_id in known[:2]:
            indexed(client, image_id)
        wait_until_processed(client, known[2])
        yield client, known


def test_what_is_indexed_ends_at_two_without_further_calls(processed):
    """Status 1 moves by itself, and what else is said of the image stays."""
    client, known = processed
    states = [each["indexing_status"] for each in results(client.post(GET, json={"image_ids": known}))]
    assert states == [2, 2, 0]


def test_what_is_not_indexed_stays_so_and_is_never_found(processed):
    """Also when its caption is the query; the indexed one with the same caption is."""
    client, known = processed
    for mode in ("vision", "joined"):
        images = found(client.post(SEARCH, json={"query": "quokka", "search_mode": mode, "max_results": 200}))
        assert known[2] not in [each["image_id"] for each in images]
    assert known[1] in [each["image_id"] for each in images]
    assert image(client, known[2])["indexing_status"] == 0


def test_an_upload_as_json_without_files_says_what_is_missing(anyone):
    """The field named is that of the files."""
    expect_error(anyone.post(UPLOAD, content=b"{}", headers=JSON), 400, "missing_parameter", "images")
