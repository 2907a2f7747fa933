"""COCO, loaded by pycocotools."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.export_coco import LABELS, CocoLabels
from tests.domain.exports import annotations, box, contents, image, texts


def written(images):
    """The label file of these images as JSON."""
    return json.loads(texts(CocoLabels(contents(images)), images)[LABELS])


def loaded(images):
    """The label file of these images as pycocotools has it."""
    data = COCO()
    data.dataset = written(images)
    data.createIndex()
    return data


@given(
    st.lists(st.lists(annotations(), max_size=6), max_size=3), st.integers(1, 9000), st.integers(1, 9000)
)  # fmt: skip
def test_everything_with_a_place_is_there_and_within_its_picture(seen, width, height):
    """Each box, polygon and point is an annotation of its image and class, and never leaves the picture."""
    images = [image(*told, width=width, height=height, number=n) for n, told in enumerate(seen, 1)]
    data = loaded(images)
    assert data.getImgIds() == [one.picture.number for one in images]
    for one in images:
        placed = [told for told in one.annotations if told.type is not AnnotationType.CLASSIFICATION]
        found = data.loadAnns(data.getAnnIds(imgIds=one.picture.number))
        assert [data.loadCats(ann["category_id"])[0]["name"] for ann in found] == [told.class_value for told in placed]
        for ann, told in zip(found, placed, strict=True):
            x, y, across, down = ann["bbox"]
            assert min(x, y, across, down, ann["area"]) >= 0
            assert x + across <= width
            assert y + down <= height
            assert ann.get("score") == told.confidence
            assert ann.get("attributes", {}) == told.extra
        classes = data.loadImgs(one.picture.number)[0]["classifications"]
        assert len(classes) == len(one.annotations) - len(placed)
    ids = data.getAnnIds()
    assert ids == list(range(1, len(ids) + 1))


@given(annotations(("bbox",)), st.integers(1, 9000), st.integers(1, 9000))
def test_boxes_are_those_that_were_sent(told, width, height):
    """The centre and the size of a box are those sent, within rounding."""
    (ann,) = loaded([image(told, width=width, height=height)]).anns.values()
    x, y, across, down = ann["bbox"]
    sent = told.geometry
    rounding = 2e-6 + 1e-6 * max(width, height)
    assert x + across / 2 == pytest.approx(sent[0] * width, abs=rounding)
    assert y + down / 2 == pytest.approx(sent[1] * height, abs=rounding)
    assert across == pytest.approx(sent[2] * width, abs=rounding)
    assert down == pytest.approx(sent[3] * height, abs=rounding)


def test_a_box_of_the_seed():
    """The seed's box in a picture of 1000 x 500 pixels."""
    (ann,) = loaded([image(box(0.52, 0.48, 0.2, 0.1, confidence=0.9), width=1000, height=500)]).anns.values()
    assert ann == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [420.0, 215.0, 200.0, 50.0],
        "area": 10_000.0,
        "segmentation": [],
        "iscrowd": 0,
        "score": 0.9,
    }


def test_a_polygon_becomes_a_mask():
    """A polygon has its own box and area, and pycocotools draws it."""
    seen = Annotation("hole", AnnotationType.POLYGON, (0.25, 0.25, 0.75, 0.25, 0.75, 0.75))
    data = loaded([image(seen, width=40, height=80)])
    (ann,) = data.anns.values()
    assert ann["bbox"] == [10, 20, 20, 40]
    assert ann["area"] == 400
    assert ann["segmentation"] == [[10, 20, 30, 20, 30, 60]]
    assert int(data.annToMask(ann).sum()) == pytest.approx(400, rel=0.1)


def test_a_point_is_a_keypoint():
    """A point is the one keypoint of its class; other classes have none."""
    seen = Annotation("tip", AnnotationType.POINT, (0.5, 0.25))
    data = loaded([image(seen, box(0.5, 0.5, 1, 1), width=100, height=100)])
    ann = data.anns[1]
    assert (ann["keypoints"], ann["num_keypoints"], ann["bbox"], ann["area"]) == ([50, 25, 2], 1, [50, 25, 0, 0], 0)
    by_name = {category["name"]: category for category in data.cats.values()}
    assert by_name["tip"]["keypoints"] == ["point"]
    assert "keypoints" not in by_name["defect"]


def test_classifications_stand_at_their_image():
    """What is said of a whole picture makes no category and no annotation."""
    seen = Annotation("blurred", AnnotationType.CLASSIFICATION, confidence=0.5, extra={"by": "eye"})
    data = written([image(seen)])
    assert data["categories"] == data["annotations"] == []
    assert data["images"][0]["classifications"] == [
        {"class_value": "blurred", "score": 0.5, "attributes": {"by": "eye"}}
    ]


def test_what_is_said_of_an_image():
    """An image has its file, its size, when it was taken, its id and its model; a copy says that it is one."""
    turned = image(number=7, width=30, height=40, turned=True, model_id="mdl_1", model_version="1.0.0")
    (entry,) = written([turned])["images"]
    assert entry == {
        "id": 7,
        "file_name": turned.picture.name,
        "width": 30,
        "height": 40,
        "date_captured": "2026-03-04 05:06:07",
        "image_id": f"img_{turned.picture.asset_id}",
        "model_id": "mdl_1",
        "model_version": "1.0.0",
        "classifications": [],
        "turned": True,
    }
    assert "turned" not in written([image()])["images"][0]


def test_an_empty_batch_is_a_file_all_the_same():
    """Without images there is still a file that loads."""
    assert loaded([]).getImgIds() == []


def test_halves_of_surrogate_pairs_are_escaped():
    """Keys that a device made up can hold what UTF-8 cannot; the file is ASCII."""
    text = texts(CocoLabels(contents([one := image(box(0.5, 0.5, 1, 1, extra={"note": "\ud800"}))])), [one])[LABELS]
    assert text.isascii()
    assert json.loads(text)["annotations"][0]["attributes"] == {"note": "\ud800"}


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_a_box_that_ends_at_the_edge_does_not_pass_it(width, begin):
    """Start and length, as a reader adds them up, are the edge exactly."""
    seen = Annotation("hole", AnnotationType.POLYGON, (begin, 0, 1, 0, 1, 1))
    (ann,) = loaded([image(seen, width=width, height=10)]).anns.values()
    assert ann["bbox"][0] + ann["bbox"][2] == width
