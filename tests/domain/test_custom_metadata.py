"""What a client says of an image comes back as it was said, and what can be searched and compared of it is found."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.custom_metadata import custom_metadata, searchable_text
from calotype.domain.errors import InvalidInput

TEXT = st.text(max_size=8) | st.sampled_from(["\x00", "\ud800", "\udfff\ud800", "a\x00b", "😀", "\u2028", '"\\/'])
NUMBERS = (
    st.integers()
    | st.integers(1, 4299).map(lambda digits: 10**digits + 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 0.0, -0.0, 1, 1.0, 1e22, 5e-324, 1.7976931348623157e308, 2**63, -(2**64)])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=6)


@given(OBJECTS)
def test_any_object_comes_back_equal_in_the_same_order(value):
    """Every key, every type, 1 beside 1.0, numbers of thousands of digits, halves of surrogate pairs and NUL."""
    document = custom_metadata(value).document
    assert repr(json.loads(document)) == repr(value)  # unlike ==, this tells 1, 1.0 and true apart, and sees the order
    assert document.isascii()
    assert "\x00" not in document


def test_nothing_said_is_none():
    """An empty object needs no row."""
    assert custom_metadata({}) is None


@given(OBJECTS)
def test_the_size_is_that_of_the_text_in_utf_8(value):
    """Without spaces, and without the escapes that are only needed here."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert custom_metadata(value).size_bytes == len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "make", [lambda inner: [inner], lambda inner: {"a": inner}, lambda inner: [1, {"x": inner}][:2]]
)
def test_a_hundred_levels_are_enough(make):
    """One more is refused, with the field that was named; thousands need no more memory than they have."""

    def nested(levels):
        value = {"leaf": 1}
        while depth(value) < levels - 1:
            value = make(value)
        return {"a": value}

    def depth(value):
        inner = [
            depth(part)
            for part in (value.values() if isinstance(value, dict) else value)
            if isinstance(part, dict | list)
        ]
        return 1 + max(inner, default=0)

    fitting = next(value for value in map(nested, (100, 99)) if depth(value) <= 100)
    assert json.loads(custom_metadata(fitting).document) == fitting
    for levels in (102, 400):
        with pytest.raises(InvalidInput) as refused:
            custom_metadata(nested(levels), "metadata.requests[3].metadata")
        assert refused.value.context["field"] == "metadata.requests[3].metadata"


def test_many_leaves_are_no_depth():
    """Wide is not deep."""
    value = {str(number): [number, {"x": []}] for number in range(5000)}
    assert json.loads(custom_metadata(value).document) == value


@given(NUMBERS)
def test_a_time_of_recording_is_the_number_that_was_sent(number):
    """Without rounding: the decimal that the JSON text shows; beyond 400 digits it is no time."""
    found = custom_metadata({"recorded_timestamp_utc": number}).recorded_timestamp
    expected = Decimal(json.dumps(number))
    assert found == (expected if abs(expected.adjusted()) < 400 else None)
    assert found is None or len(found.as_tuple().digits) <= 400


@pytest.mark.parametrize("value", [True, False, None, "5", "", [5], {"x": 5}, []])
def test_what_is_no_number_is_no_time(value):
    """It is kept as it is and merely counts as missing; so does a time that is not at the top."""
    made = custom_metadata({"recorded_timestamp_utc": value, "x": {"recorded_timestamp_utc": 5}})
    assert made.recorded_timestamp is None
    assert json.loads(made.document)["recorded_timestamp_utc"] == value


def test_a_number_that_is_none_cannot_be_kept():
    """Readers refuse it before; here it must not become a text that is no JSON."""
    with pytest.raises(ValueError, match="JSON"):
        custom_metadata({"x": math.inf})


def strings(value):
    """All strings of a value in their order, keys not counted."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in inner for text in strings(part)]


@given(OBJECTS, st.none() | TEXT | st.integers() | st.lists(TEXT, max_size=2))
def test_the_caption_comes_first_and_then_every_other_string(value, caption):
    """A line each; a caption that is no string has no right to the first place."""
    value = {**value, **({} if caption is None else {"caption": caption})}
    if isinstance(value.get("caption"), str):
        expected = [value["caption"], *strings({key: part for key, part in value.items() if key != "caption"})]
    else:
        expected = strings(value)
    text = custom_metadata(value).text
    assert (
        text
        == "\n".join(part for part in expected if part.strip()).replace("\x00", " ").encode("utf-8", "replace").decode()
    )


@given(st.text(st.characters(), min_size=1))
def test_the_text_can_be_stored_and_read_by_models(text):
    """No NUL, no halves of surrogate pairs."""
    found = custom_metadata({"a": text}).text
    assert "\x00" not in found
    found.encode()


def test_an_endless_text_is_cut():
    """Twenty thousand characters; what is kept stays whole."""
    made = custom_metadata({"a": "x" * 15_000, "b": "y" * 15_000})
    assert made.text == "x" * 15_000 + "\n" + "y" * 4_999
    assert len(searchable_text(made.document)) == 20_000
