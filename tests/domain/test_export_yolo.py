"""YOLO, read by the rules of Ultralytics, which are written down here a second time."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.export import stem
from calotype.domain.export_yolo import DATA, YoloLabels, yaml_text
from tests.domain.exports import HOSTILE, annotations, box, contents, image, texts

TOLERANCE = 1e-5
SHAPES = (AnnotationType.BBOX, AnnotationType.POLYGON)


def read(text, classes):
    """The boxes (class, x centre, y centre, width, height) of a label file, and whether it has outlines."""
    rows = [[float(field) for field in line.split()] for line in text.strip().splitlines() if line]
    has_outlines = any(len(row) > 6 for row in rows)
    if has_outlines:
        for index, row in enumerate(rows):
            across, down = row[1::2], row[2::2]
            assert len(across) == len(down)
            left, right, top, bottom = min(across), max(across), min(down), max(down)
            rows[index] = [row[0], (left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
    for row in rows:
        assert len(row) == 5
        assert min(row) >= 0
        assert max(row[1:]) <= 1
        assert row[0] < classes
    return rows, has_outlines


def exported(images):
    """The class names, and the boxes of each image with whether its file has outlines."""
    labels = YoloLabels(contents(images))
    names = yaml.safe_load(texts(labels, images)[DATA])["names"]
    return names, [read(labels.beside(one)[1], len(names)) for one in images]


def box_of(told):
    """The box of a box or a polygon."""
    if told.type is AnnotationType.BBOX:
        return told.geometry
    across, down = told.geometry[::2], told.geometry[1::2]
    left, right, top, bottom = min(across), max(across), min(down), max(down)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


@given(st.lists(st.lists(annotations(), max_size=6), min_size=1, max_size=4))
def test_boxes_and_polygons_are_read_as_they_were_sent(seen):
    """Each box and polygon that has an area becomes the box it was, under its class, whatever else is in the batch."""
    images = [image(*told, number=number) for number, told in enumerate(seen, 1)]
    names, files = exported(images)
    for one, (rows, _) in zip(images, files, strict=True):
        sent = [told for told in one.annotations if told.type in SHAPES and min(box_of(told)[2:]) > 1e-8]
        assert [names[int(row[0])] for row in rows] == [told.class_value for told in sent]
        for row, told in zip(rows, sent, strict=True):
            assert row[1:] == pytest.approx(box_of(told), abs=TOLERANCE)


@given(st.lists(st.lists(annotations(("bbox", "polygon")), max_size=4), min_size=1, max_size=4))
def test_a_batch_is_all_boxes_or_all_outlines(seen):
    """With one polygon anywhere, every file that has labels is read as outlines, or else the reader would drop them all."""
    images = [image(*told, number=number) for number, told in enumerate(seen, 1)]
    _, files = exported(images)
    wanted = any(told.type is AnnotationType.POLYGON for one in images for told in one.annotations)
    assert {has_outlines for rows, has_outlines in files if rows} <= {wanted}


def test_the_lines_of_a_file():
    """A box is its class, its centre and its size; beside a polygon it is its four corners."""
    first = image(box(0.52, 0.48, 0.2, 0.1), Annotation("tip", AnnotationType.POINT, (0.1, 0.2)))
    name, text = YoloLabels(contents([first])).beside(first)
    assert name == f"labels/{stem(first.picture.name)}.txt"
    assert text == "0 0.52 0.48 0.2 0.1\n"
    polygon = Annotation("a hole", AnnotationType.POLYGON, (0.25, 0.25, 0.75, 0.25, 0.75, 0.75))
    second = image(polygon)
    labels = YoloLabels(contents([first, second]))
    assert labels.beside(first)[1] == "1 0.42 0.43 0.62 0.43 0.62 0.53 0.42 0.53\n"
    assert labels.beside(second)[1] == "0 0.25 0.25 0.75 0.25 0.75 0.75\n"


def test_a_picture_in_which_nothing_was_seen_has_an_empty_file():
    """Background is told by an empty file, not by a missing one."""
    nothing = image(Annotation("blurred", AnnotationType.CLASSIFICATION))
    assert YoloLabels(contents([nothing])).beside(nothing)[1] == ""


def test_only_classes_with_boxes_or_polygons_are_classes():
    """A trainer is not told of classes that it will never see."""
    one = image(
        box(0.5, 0.5, 1, 1, "b"),
        box(0.5, 0.5, 1, 1, "a"),
        Annotation("tip", AnnotationType.POINT, (0.1, 0.2)),
        Annotation("blurred", AnnotationType.CLASSIFICATION),
    )
    names, _ = exported([one])
    assert names == {0: "a", 1: "b"}


def test_where_the_pictures_are():
    """The reader finds the pictures in the folder of the file, wherever it is started; without classes there are no names."""
    data = yaml.safe_load(texts(YoloLabels(contents([])), [])[DATA])
    assert data == {"path": "", "train": "images", "val": "images", "names": {}}


@given(st.one_of(st.sampled_from(HOSTILE), st.text()))
def test_any_text_is_one_scalar(name):
    """Whatever a class is called, YAML gives back the same text; only printable ASCII is written."""
    text = yaml_text(name)
    assert text.isascii()
    assert text.isprintable()
    if not any("\ud800" <= character <= "\udfff" for character in name):
        assert yaml.safe_load(f"names:\n  0: {text}\n") == {"names": {0: name}}
