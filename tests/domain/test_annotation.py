"""What is seen in a picture comes back as it was sent, and what cannot be is refused at its place."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.domain.annotation import (
    MAX_ANNOTATIONS,
    MAX_CLASS_LENGTH,
    MAX_POLYGON_POINTS,
    ROUNDING,
    AnnotationType,
    annotations_of,
)
from calotype.domain.errors import InvalidInput
from calotype.web.shared.annotation import annotation_to_wire

SHARES = st.floats(0, 1) | st.sampled_from([0, 1, 0.5])
ODD = st.sampled_from(
    [math.nan, math.inf, -math.inf, 10**400, -(10**400), 1e308, -1, 2, True, False, "0.5", None, [], {}]
)
TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | ODD,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
EXTRA = st.dictionaries(TEXT.filter(lambda key: key not in {"class_value", "type", "geometry", "confidence"}), JSON)


def box_within(x, y, width, height):
    """A box that does not leave its picture, whatever the four shares are."""
    return [width / 2 + x * (1 - width), height / 2 + y * (1 - height), width, height]


GEOMETRIES = {
    "bbox": st.builds(box_within, SHARES, SHARES, SHARES, SHARES),
    "polygon": st.integers(3, 8).flatmap(lambda points: st.lists(SHARES, min_size=2 * points, max_size=2 * points)),
    "point": st.lists(SHARES, min_size=2, max_size=2),
}


@st.composite
def sound(draw):
    """An annotation that is as it must be, with whatever may be left out sometimes there and sometimes null."""
    kind = draw(st.sampled_from(list(AnnotationType)))
    seen = {"class_value": draw(st.text(min_size=1, max_size=8).filter(storable)), "type": kind.value}
    if kind in GEOMETRIES:
        seen["geometry"] = draw(GEOMETRIES[kind])
    elif draw(st.booleans()):
        seen["geometry"] = draw(st.sampled_from([None, []]))
    if draw(st.booleans()):
        seen["confidence"] = draw(SHARES | st.none())
    return {**seen, **draw(EXTRA)}


def storable(text):
    """Whether a database takes a text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def given_back(value):
    """The annotations as they are told again, after what they say besides has been text, as it is when stored."""
    return [json.loads(json.dumps(annotation_to_wire(seen))) for seen in annotations_of(value)]


def same(first, second):
    """Whether two JSON values are equal and have the same keys; NaN, which is no JSON, equals itself here."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    return first == second or (first != first and second != second)  # noqa: PLR0124 - only NaN does not equal itself


@given(st.lists(sound(), max_size=4))
def test_what_is_sent_comes_back(value):
    """Every key that was sent is there, nulls and empty arrays too, with its value, and no other key."""
    assert same(given_back(value), value)


@given(JSON | st.lists(st.dictionaries(st.sampled_from(["class_value", "type", "geometry", "confidence", "x"]), JSON)))
@example([{"class_value": "a", "type": "point", "geometry": [10**400, 0]}])
@example([{"class_value": "a", "type": "point", "geometry": [0, 0], "confidence": 10**400}])
def test_whatever_comes_is_either_taken_as_it_is_or_refused_at_its_place(value):
    """No JSON value is a fault of ours; a refusal names a place within what was sent."""
    taken, refusal = None, None
    try:
        taken = given_back(value)
    except InvalidInput as error:
        refusal = error
    if refusal is None:
        assert same(taken, value or [])
        return
    place = refusal.context["field"]
    assert refusal.message.startswith(place)
    found = re.fullmatch(r"annotations(?:\[(\d+)\](?:\.(?:class_value|type|geometry|confidence))?)?", place)
    assert found
    assert found[1] is None or int(found[1]) < len(value)


@given(st.lists(sound(), min_size=1, max_size=5), st.data())
def test_the_one_that_is_wrong_is_named(value, data):
    """Whichever of several is spoiled, at whichever key, the refusal names that one."""
    index = data.draw(st.integers(0, len(value) - 1))
    key, spoiled = data.draw(
        st.sampled_from([("class_value", ""), ("type", "circle"), ("geometry", ["x"]), ("confidence", 1.5)])
    )
    value[index] = {**value[index], key: spoiled}
    with pytest.raises(InvalidInput) as caught:
        annotations_of(value, "metadata.annotations")
    assert caught.value.context["field"] == f"metadata.annotations[{index}].{key}"


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, -1e-9, 1 + 1e-9, 10**400, True, "0.5", None, [0.5]])
@pytest.mark.parametrize("place", ["confidence", "geometry"])
def test_only_numbers_from_0_to_1_are_shares(wrong, place):
    """True is no number, a text of digits is none, and neither is what is not finite, however it was written."""
    seen = {"class_value": "a", "type": "point", "geometry": [0.5, 0.5]}
    seen |= {"confidence": wrong} if place == "confidence" else {"geometry": [0.5, wrong]}
    if place == "confidence" and wrong is None:
        assert annotations_of([seen])[0].confidence is None
        return
    with pytest.raises(InvalidInput) as caught:
        annotations_of([seen])
    assert caught.value.context["field"] == f"annotations[0].{place}"


@given(st.floats(0, 0.5), st.floats(-3 * ROUNDING, 3 * ROUNDING), st.sampled_from([0, 1]), st.booleans())
def test_a_box_may_leave_its_picture_by_rounding_and_no_more(size, beyond, axis, is_far):
    """At each of the four sides a millionth is forgiven, and what is certainly more is not."""
    center = 1 + beyond - size / 2 if is_far else size / 2 - beyond
    box = [0.5, 0.5, 0.0, 0.0]
    box[axis], box[axis + 2] = center, size
    if not 0 <= center <= 1 or abs(beyond - ROUNDING) < 1e-12:
        return
    if beyond <= ROUNDING:
        assert annotations_of([{"class_value": "a", "type": "bbox", "geometry": box}])[0].geometry == tuple(box)
    else:
        with pytest.raises(InvalidInput, match="leave the picture"):
            annotations_of([{"class_value": "a", "type": "bbox", "geometry": box}])


@pytest.mark.parametrize(
    ("kind", "lengths"),
    [("bbox", {4}), ("point", {2}), ("polygon", set(range(6, 20, 2))), ("classification", {0})],
)
def test_a_geometry_has_the_numbers_its_type_needs(kind, lengths):
    """A box four, a point two, a polygon three points or more, a classification none."""
    for length in range(20):
        value = [
            {"class_value": "a", "type": kind, "geometry": [0.5] * length if length != 4 else [0.5, 0.5, 0.1, 0.1]}
        ]
        if length in lengths:
            assert len(annotations_of(value)[0].geometry) == length
        else:
            with pytest.raises(InvalidInput):
                annotations_of(value)


@pytest.mark.parametrize("kind", ["bbox", "point", "polygon"])
@pytest.mark.parametrize("geometry", ["absent", None, {}, "0.5", 0.5])
def test_what_has_a_place_must_tell_it(kind, geometry):
    """Only a classification is of the whole picture."""
    seen = {"class_value": "a", "type": kind} | ({} if geometry == "absent" else {"geometry": geometry})
    with pytest.raises(InvalidInput) as caught:
        annotations_of([seen])
    assert caught.value.context["field"] == "annotations[0].geometry"


@pytest.mark.parametrize(
    ("most", "make"),
    [
        (MAX_ANNOTATIONS, lambda count: [{"class_value": "a", "type": "classification"}] * count),
        (MAX_CLASS_LENGTH, lambda count: [{"class_value": "ä" * count, "type": "classification"}]),
        (MAX_POLYGON_POINTS, lambda count: [{"class_value": "a", "type": "polygon", "geometry": [0.5, 0] * count}]),
    ],
    ids=["annotations", "characters", "points"],
)
def test_limits_are_met_exactly(most, make):
    """As many as are allowed pass, one more does not."""
    assert annotations_of(make(most))
    with pytest.raises(InvalidInput):
        annotations_of(make(most + 1))


@pytest.mark.parametrize("text", ["\x00", "a\x00", "\ud800", "x\udfff"])
def test_a_class_no_database_could_hold_is_refused_at_its_place(text):
    """NUL and halves of surrogate pairs are refused in the class, and kept in the sender's own keys."""
    with pytest.raises(InvalidInput) as caught:
        annotations_of([{"class_value": text, "type": "classification"}])
    assert caught.value.context["field"] == "annotations[0].class_value"
    value = [{"class_value": "a", "type": "classification", "note": text}]
    assert given_back(value) == value
