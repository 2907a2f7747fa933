"""What all formats of exports share."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.annotation import AnnotationType
from calotype.domain.errors import InvalidInput
from calotype.domain.export import BatchContents, export_format, file_name, span, stem, utc_text
from calotype.domain.values import clean_filename
from tests.domain.exports import BATCH

SAFE = re.compile(r"[0-9a-f]{8}_[A-Za-z0-9._-]+\.(jpg|jpeg|png|JPG|JPEG|PNG)", re.IGNORECASE)
HOSTILE_NAMES = ("../../etc/passwd", "C:\\con", "a\nb.jpg", 'q".jpg', "🧿.png", "x.exe", ".htaccess", "a.jpg\0.php", "")


@given(st.one_of(st.sampled_from(HOSTILE_NAMES), st.text()), st.sampled_from(["jpeg", "png"]))
def test_file_names_are_safe_on_every_system(name, format_):
    """Whatever a device calls its file, its name in an export has no path, no odd character, and an ending that is true."""
    made = file_name(uuid4(), clean_filename(name), format_)
    assert SAFE.fullmatch(made)
    assert "/" not in made
    assert made.lower().endswith({"jpeg": (".jpg", ".jpeg"), "png": (".png",)}[format_])


def test_the_name_is_that_of_the_storage_key():
    """A name that is fine stays as it is, with the beginning of the id before it."""
    made = file_name(UUID("550e8400-e29b-41d4-a716-446655440000"), "image.jpg", "jpeg")
    assert made == "550e8400_image.jpg"


def test_names_do_not_differ_in_their_endings_only():
    """Two files of the same name pair up with different labels."""
    first, second = file_name(UUID(int=1 << 96), "a.jpg", "jpeg"), file_name(UUID(int=2 << 96), "a.png", "png")
    assert stem(first).lower() != stem(second).lower()


@pytest.mark.parametrize("name", ["", "COCO", "pascal", "coco,yolo"])
def test_unknown_formats_are_refused(name):
    """Only three names are formats, and the refusal names its field."""
    with pytest.raises(InvalidInput) as refusal:
        export_format(name)
    assert refusal.value.context["field"] == "format"


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_span_never_leaves_the_picture(center, size):
    """Whatever is rounded, a box begins at 0 or later and ends at 1 or earlier."""
    begin, end = span(center, size)
    assert 0 <= begin <= 1
    assert 0 <= end <= 1


def test_classes_are_sorted_and_told_once():
    """The order of classes depends on nothing but their names."""
    box, point = AnnotationType.BBOX, AnnotationType.POINT
    made = BatchContents(BATCH, (), frozenset({("b", box), ("b", point), ("ä", box), ("B", box), ("c", point)}))
    assert made.classes(box) == ("B", "b", "ä")
    assert made.classes(box, point) == ("B", "b", "c", "ä")


def test_times_are_utc():
    """A moment is told in UTC, wherever it was taken."""
    there = timezone(timedelta(hours=2))
    assert utc_text(datetime(2026, 1, 1, 1, tzinfo=there)) == "2025-12-31T23:00:00.000000Z"
    assert utc_text(datetime(2026, 1, 1, 1, 0, 0, 5, tzinfo=UTC)) == "2026-01-01T01:00:00.000005Z"
