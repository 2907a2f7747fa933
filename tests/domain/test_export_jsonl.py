"""JSON lines, which lose nothing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.annotation import annotations_of
from calotype.domain.export_jsonl import LABELS, JsonLines
from tests.domain.exports import BATCH, annotations, contents, image, texts


def lines(images):
    """The lines of these images."""
    text = texts(JsonLines(contents(images)), images)[LABELS]
    assert text.isascii()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


@given(st.lists(st.lists(annotations(), max_size=6), max_size=3))
def test_annotations_come_back_as_they_were_sent(seen):
    """Read and checked again, the annotations of each line are those of its image."""
    images = [image(*told, number=number) for number, told in enumerate(seen, 1)]
    found = lines(images)
    assert [annotations_of(line["annotations"]) for line in found] == [one.annotations for one in images]


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
)
def test_what_a_device_made_up_itself_comes_back(metadata):
    """Line breaks of all kinds within values do not break lines."""
    (line,) = lines([image(metadata=metadata)])
    assert line["metadata"] == metadata


def test_everything_known_of_an_image():
    """Each line tells which file it is of, where that came from, and what it is."""
    one = image(width=30, height=40, filename="ein Bild.jpg", turned=True, model_id="mdl_1", model_version="1.0.0")
    (line,) = lines([one])
    assert line == {
        "file_name": f"images/{one.picture.name}",
        "image_id": f"img_{one.picture.asset_id}",
        "batch_id": f"batch_{BATCH.id}",
        "device_id": f"dev_{BATCH.device_id}",
        "storage_key": f"raw-data/{one.picture.name}",
        "filename": "ein Bild.jpg",
        "content_type": "image/jpeg",
        "size_bytes": 1234,
        "sha256": "ab" * 32,
        "width": 30,
        "height": 40,
        "orientation": 6,
        "captured_at": "2026-03-04T05:06:07.000089Z",
        "created_at": "2026-03-04T05:06:07.000089Z",
        "model_id": "mdl_1",
        "model_version": "1.0.0",
        "annotations": [],
        "metadata": {},
    }
