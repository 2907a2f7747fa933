"""Annotations: they come back as they were sent, and a malformed one is named and stores nothing."""

from __future__ import annotations

import json

import pytest

from tests.contracts.device_shapes import UPLOADED, expect, expect_error
from tests.contracts.devices import BOX, FILES, asset, files_of, image, objects
from tests.contracts.photos import photo

POINT = {"class_value": "screw", "type": "point", "geometry": [0, 1]}
TRIANGLE = {"class_value": "dent", "type": "polygon", "geometry": [0.1, 0.1, 0.9, 0.1, 0.5, 0.75]}
WHOLE = {"class_value": "scrap", "type": "classification"}
EXACT = 0.1234567890123456


def annotation(kind="bbox", **changed):
    """A good annotation, with some keys changed."""
    good = {"bbox": BOX, "point": POINT, "polygon": TRIANGLE, "classification": WHOLE}[kind]
    return {**good, **changed}


def post(camera, *annotations):
    """Send an image with these annotations."""
    return camera.post(metadata={"annotations": list(annotations)})


GOOD = {
    "all kinds": [BOX, POINT, TRIANGLE, WHOLE],
    "none": [],
    "confidence": [annotation(kind, confidence=0.87) for kind in ("bbox", "point", "polygon", "classification")],
    "confidence of nothing and of everything": [annotation(confidence=0), annotation(confidence=1)],
    "the same twice": [BOX, BOX],
    "every digit": [annotation(geometry=[0.5, 0.5, EXACT, EXACT], confidence=EXACT)],
    "tiny": [annotation("point", geometry=[1e-300, 5e-324])],
    "the whole picture": [annotation(geometry=[0.5, 0.5, 1, 1])],
    "nothing of the picture": [annotation(geometry=[0, 1, 0, 0])],
    "at the edge by rounding": [annotation(geometry=[0.95, 0.05, 0.1000019, 0.1])],
    "many points": [annotation("polygon", geometry=[0.25, 0.75] * 5_000)],
    "classes": [annotation(class_value=word) for word in ("x", "ü" * 255, "写真 🙂", " ", "0", "\ttab\n")],
    "keys of its own": [annotation(track=7, note={"by": ["a", 1.5, None]}), annotation("classification", why="ü\x00")],
    "what UTF-8 cannot carry": [annotation(note="\ud800"), annotation(**{"\udfff": 1})],
}


@pytest.mark.parametrize("annotations", GOOD.values(), ids=GOOD.keys())
def test_annotations_come_back_as_sent(fleet_camera, annotations):
    """In their order, with the keys they had and no others: in the batch, and in the detail of the Files API."""
    sent = expect(post(fleet_camera, *annotations), UPLOADED)
    assert image(fleet_camera.operator, sent)["annotations"] == annotations
    detail = fleet_camera.operator.get(f"{FILES}/{asset(sent['image_id'])}").json()
    assert detail["annotations"] == annotations


BAD = [
    ("class_value", {"class_value": ""}),
    ("class_value", {"class_value": "x" * 256}),
    ("class_value", {"class_value": None}),
    ("class_value", {"class_value": 5}),
    ("class_value", {"class_value": "a\x00"}),
    ("class_value", {"class_value": "\udfff"}),
    ("type", {"type": "circle"}),
    ("type", {"type": "BBOX"}),
    ("type", {"type": ""}),
    ("type", {"type": None}),
    ("type", {"type": ["bbox"]}),
    ("type", {"type": {}}),
    ("geometry", {"geometry": None}),
    ("geometry", {"geometry": []}),
    ("geometry", {"geometry": "0.5,0.5,0.1,0.1"}),
    ("geometry", {"geometry": {"x": 0.5}}),
    ("geometry", {"geometry": [0.5, 0.5, 0.1]}),
    ("geometry", {"geometry": [0.5, 0.5, 0.1, 0.1, 0.1]}),
    ("geometry", {"geometry": [0.5, 0.5, 0.1, "0.1"]}),
    ("geometry", {"geometry": [0.5, 0.5, 0.1, None]}),
    ("geometry", {"geometry": [0.5, 0.5, 0.1, True]}),
    ("geometry", {"geometry": [[0.5, 0.5, 0.1, 0.1]]}),
    ("geometry", {"geometry": [0.5, 0.5, -0.1, 0.1]}),
    ("geometry", {"geometry": [0.5, 0.5, 0.1, 1.0001]}),
    ("geometry", {"geometry": [52, 48, 20, 10]}),
    ("geometry", {"geometry": [10**400, 0.5, 0.1, 0.1]}),
    ("geometry", {"geometry": [0.95, 0.5, 0.2, 0.1]}),
    ("geometry", {"geometry": [0.05, 0.5, 0.2, 0.1]}),
    ("geometry", {"geometry": [0.5, 0.95, 0.1, 0.2]}),
    ("geometry", {"geometry": [0.5, 0.05, 0.1, 0.2]}),
    ("geometry", {"geometry": [0.95, 0.5, 0.100004, 0.1]}),
    ("geometry", {"type": "polygon"}),
    ("geometry", {"type": "polygon", "geometry": [0.1, 0.1, 0.9, 0.9]}),
    ("geometry", {"type": "polygon", "geometry": [0.1, 0.1, 0.9, 0.1, 0.5]}),
    ("geometry", {"type": "polygon", "geometry": [0.1, 0.1, 0.9, 0.1, 0.5, 0.9, 0.3]}),
    ("geometry", {"type": "polygon", "geometry": [0.1, 0.1, 0.9, 0.1, 0.5, 1.01]}),
    ("geometry", {"type": "point", "geometry": [0.5]}),
    ("geometry", {"type": "point", "geometry": [0.5, 0.5, 0.5]}),
    ("geometry", {"type": "point", "geometry": [0.5, -1e-9]}),
    ("geometry", {"type": "classification", "geometry": [0.5, 0.5]}),
    ("geometry", {"type": "classification", "geometry": {"x": 1}}),
    ("confidence", {"confidence": 1.01}),
    ("confidence", {"confidence": -0.01}),
    ("confidence", {"confidence": "0.9"}),
    ("confidence", {"confidence": True}),
    ("confidence", {"confidence": [0.9]}),
]


@pytest.mark.parametrize(("key", "changed"), BAD, ids=[json.dumps(changed)[:40] for _, changed in BAD])
def test_a_malformed_annotation_is_named(fleet, mute, key, changed):
    """The third of three is refused by its place and key, and with it the whole upload: no row, no object, no batch."""
    before = objects(fleet)
    answer = post(mute, POINT, TRIANGLE, annotation(**changed))
    expect_error(answer, "VALIDATION_ERROR", f"metadata.annotations[2].{key}")
    assert objects(fleet) == before
    assert files_of(mute.operator) == set()
    assert mute.now()["open_batch_id"] is None


@pytest.mark.parametrize("missing", ["class_value", "type", "geometry"])
def test_a_missing_key_is_named(mute, missing):
    """What must be there is asked for by name."""
    without = {key: value for key, value in BOX.items() if key != missing}
    expect_error(post(mute, without), "VALIDATION_ERROR", f"metadata.annotations[0].{missing}")


@pytest.mark.parametrize("entry", [None, 5, "bbox", [0.5, 0.5, 0.1, 0.1], []])
def test_an_entry_that_is_no_object_is_named(mute, entry):
    """By its place alone."""
    expect_error(post(mute, BOX, entry), "VALIDATION_ERROR", "metadata.annotations[1]")


def test_not_a_number_is_no_json(mute):
    """NaN in a geometry makes the metadata no JSON at all."""
    text = json.dumps({"annotations": [annotation(geometry=[float("nan"), 0.5, 0.1, 0.1])]})
    details = expect_error(mute.post(metadata=text), "VALIDATION_ERROR")
    assert details["field"] in {"metadata", "metadata.annotations[0].geometry"}


def test_a_thousand_annotations_are_taken_and_no_more(fleet_camera):
    """A thousand come back in order; a thousand and one are refused by `metadata.annotations`."""
    thousand = [annotation("point", class_value=str(number), geometry=[number / 1000, 0.5]) for number in range(1000)]
    sent = expect(post(fleet_camera, *thousand), UPLOADED)
    assert image(fleet_camera.operator, sent)["annotations"] == thousand
    expect_error(post(fleet_camera, *thousand, BOX), "VALIDATION_ERROR", "metadata.annotations")


def test_annotations_belong_to_their_image(fleet_camera):
    """Two images of one batch keep their own."""
    first, second = (fleet_camera.upload(photo(), metadata={"annotations": [each]}) for each in (BOX, TRIANGLE))
    assert image(fleet_camera.operator, first)["annotations"] == [BOX]
    assert image(fleet_camera.operator, second)["annotations"] == [TRIANGLE]
