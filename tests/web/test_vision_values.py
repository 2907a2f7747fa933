"""Every lenient reader of the Vision API takes all spellings of a value, gives exactly that value, and refuses the rest."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from calotype.web.apis.vision.wire import values
from calotype.web.apis.vision.wire.base import Request
from calotype.web.apis.vision.wire.image import Filters, ListRequest, SearchRequest, Upload
from calotype.web.apis.vision.wire.values import FormValues

WORDS = {True: ["true", "1", "yes", "on"], False: ["false", "0", "no", "off"]}
TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ANYTHING = (
    JSON
    | st.floats()
    | st.integers(300, 4000).map(lambda digits: 10**digits)
    | st.integers(300, 4000).map(lambda digits: -(10**digits))
    | st.lists(TEXT, max_size=3).map(FormValues)
    | st.sampled_from(
        ["nan", "sNaN", "-inf", "1e999999", "1e999", "0" * 401, "1_0", "0x1", "1e", "\ud800", "\x00", "[", "{"]
    )
)
PADDING = st.sampled_from(["", " ", "\t", "\n  "])


def padded(text, left, right):
    """A text with white space around it."""
    return left + text + right


def in_form(value):
    """The value as it is, or as the last of several of one name."""
    return st.sampled_from([value, FormValues([value]), FormValues(["other", value])])


@given(st.data(), st.booleans())
def test_every_spelling_of_a_boolean_is_read(data, meant):
    """JSON booleans, 1 and 0 as any number, and the eight words in any case and with space around them."""
    word = data.draw(st.sampled_from(WORDS[meant]))
    word = "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in word)
    text = padded(word, data.draw(PADDING), data.draw(PADDING))
    sent = data.draw(st.sampled_from([meant, int(meant), float(meant)]) | in_form(text))
    assert values.parse_bool(sent) is meant


@given(ANYTHING)
def test_anything_else_is_no_boolean(value):
    """What is neither is refused, and nothing else than refused."""
    try:
        found = values.parse_bool(value)
    except PydanticCustomError:
        return
    last = values.single(value)
    assert last in (found, float(found)) or last.strip().lower() in WORDS[found]


@given(
    st.data(),
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(300, 4000).map(lambda n: 7**n),
)
def test_every_spelling_of_a_number_is_read_exactly(data, meant):
    """A JSON number or its text; no digit is lost, however long the number is."""
    text = str(meant)
    spelled = padded(text, data.draw(PADDING), data.draw(PADDING)) if len(text) < 300 else meant
    assert values.parse_number(data.draw(st.sampled_from([meant]) | in_form(spelled))) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+5", "5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("-.5e1", "-5"),
        ("1E3", "1000"),
        ("00012", "12"),
        ("0.10", "0.1"),
        ("1e-999", "1e-999"),
    ],
)
def test_numbers_may_be_written_in_many_ways(text, number):
    """Signs, missing digits on one side of the point, exponents."""
    assert values.parse_number(text) == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ".",
        "e5",
        "1e",
        "1e1000",
        "1e-1000",
        "--1",
        "1,5",
        "1 5",
        "1_000",
        "0x10",
        "\u0661",
        "nan",
        "sNaN",
        "inf",
        "-Infinity",
        "1" * 401,
        True,
        False,
        None,
        [],
        [1],
        {},
        math.nan,
        math.inf,
        -math.inf,
        FormValues([""]),
    ],
)
def test_what_is_no_number_is_refused(value):
    """Words, endless numbers, booleans and numbers without an end."""
    with pytest.raises(PydanticCustomError):
        values.parse_number(value)


class Numbers(BaseModel):
    """A whole number from -5 to 1000 and any from 0 to 1."""

    whole: values.Annotated[int, values.int_from(-5, 1000)] = 0
    part: values.Annotated[float, values.float_from(0, 1)] = 0


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.integers(-10, 1010)
    | st.integers().map(lambda n: n * 10**400)
)
def test_whole_numbers_are_whole_and_within_their_bounds(number):
    """20.0 is 20; 20.5 and what lies outside is refused."""
    sent = str(number) if isinstance(number, Decimal) else number
    if number == int(number) and -5 <= number <= 1000:
        assert Numbers(whole=sent).whole == int(number)
    else:
        with pytest.raises(ValidationError):
            Numbers(whole=sent)


@given(st.floats(-0.5, 1.5) | st.sampled_from([10**400, -(10**400), "1e999", "1e-999", -0.0]))
def test_numbers_are_within_their_bounds(number):
    """Both ends belong to it; what is too large for a float is refused like anything too large."""
    if 0 <= Decimal(str(number)) <= 1:
        assert Numbers(part=number).part == float(number)
    else:
        with pytest.raises(ValidationError):
            Numbers(part=number)


@given(st.dictionaries(TEXT, JSON, max_size=4), st.booleans())
def test_an_object_and_its_text_are_the_same(value, escaped):
    """In JSON bodies both are taken, in forms the text; every type and the order of keys stay."""
    text = json.dumps(value, ensure_ascii=escaped)
    for sent in (value, text, FormValues([text]), FormValues(["{}", text])):
        assert json.dumps(values.parse_object(sent)) == json.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":%s}' % ("1" * 5000),
        '{"a":%s}' % ("[" * 100_000),
        "{",
        "",
        "[1]",
        "1",
        "null",
        '"{}"',
    ],
    ids=lambda text: text[:12],
)
def test_texts_of_no_object_are_refused(text):
    """Numbers that nobody could give back, endless nesting, and everything that is no object."""
    with pytest.raises(PydanticCustomError):
        values.parse_object(text)


STRING = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
    lambda text: not text.lstrip().startswith("[")
)


@given(st.lists(STRING, min_size=1, max_size=5))
def test_all_ways_to_write_a_list_of_strings(strings):
    """A JSON array, its text, a repeated field, one field with the array's text; one string is a list of one."""
    text = json.dumps(strings)
    ways = [strings, text, FormValues([text]), FormValues(strings), FormValues(["", *strings])]
    ways += [strings[0], FormValues(strings)] if len(strings) == 1 else []
    assert [values.parse_strings(way) for way in ways] == [strings] * len(ways)


@given(st.lists(st.uuids().map(str) | st.just("no id"), min_size=1, max_size=6))
def test_ids_may_be_separated_by_commas(ids):
    """However they are cut into fields, the same ids come out in the same order."""
    for joined in (ids, ",".join(ids), ", ".join(ids), FormValues(ids), FormValues([",".join(ids)]), json.dumps(ids)):
        assert values.parse_ids(joined) == ids


@pytest.mark.parametrize("sent", [["x"] * 1001, ",".join(["x"] * 1001), "," * 10**6, FormValues(["x,y"] * 501)])
def test_too_many_ids_are_refused_before_they_are_taken_apart(sent):
    """A thousand are taken, one more is not, in whatever form they come."""
    assert len(values.parse_ids(["x"] * 1000)) == 1000
    with pytest.raises(PydanticCustomError):
        values.parse_ids(sent)


@pytest.mark.parametrize("value", [[1], [None], ["a", {}], {"a": 1}, 5, True, None, "[1]", '["a"', "[[]]"])
def test_lists_of_anything_else_are_refused(value):
    """Entries that are no strings, and what is no list."""
    with pytest.raises(PydanticCustomError):
        values.parse_strings(value)


@given(st.sampled_from([Upload, ListRequest, SearchRequest, Filters]), ANYTHING, st.data())
def test_no_value_of_any_field_breaks_a_model(model, value, data):
    """Whatever stands in a field is taken or refused; nothing else can happen, and the refusal can be told."""
    name = data.draw(st.sampled_from(sorted(model.model_fields)))
    nested = {"metadata": ["requests", "image_urls"], "filters": ["recorded_timestamp_utc", "x"]}.get(name, [])
    sent = {data.draw(st.sampled_from(nested)): value} if nested and data.draw(st.booleans()) else value
    try:
        model.model_validate({"query": "x", name: sent} if model is SearchRequest and name != "query" else {name: sent})
    except ValidationError as error:
        json.dumps(error.errors(include_url=False, include_input=False))


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([None, "", FormValues(["", ""]), FormValues(), 0, False, [], {}, " "]),
    )
)
def test_null_and_empty_strings_are_the_same_as_absent(fields):
    """And only these: 0, false, empty lists and objects are values."""
    kept = values.parse_fields(fields)
    assert kept == {
        name: value
        for name, value in fields.items()
        if value in (0, False, [], {}, " ") and not isinstance(value, FormValues)
    }


@pytest.mark.parametrize("sent", [[1] * 1001, [{}] * 1001, [[]] * 200_000])
def test_a_list_that_is_far_too_long_is_one_fault(sent):
    """However many of its entries are wrong, neither the memory nor the answer fills with them."""
    with pytest.raises(ValidationError) as refused:
        Upload.model_validate({"metadata": {"requests": sent}})
    assert [(fault["loc"], fault["type"]) for fault in refused.value.errors()] == [
        (("metadata", "requests"), "too_long")
    ]


def test_an_object_with_far_too_many_fields_is_one_fault():
    """Each unknown filter is a fault of its own, so there must be an end of them."""

    class Anything(Request):
        pass

    Anything.model_validate({str(number): number for number in range(5000)})
    with pytest.raises(ValidationError) as refused:
        ListRequest.model_validate({"filters": {str(number): number for number in range(5001)}})
    assert [(fault["loc"], fault["msg"]) for fault in refused.value.errors()] == [
        (("filters",), "may have at most 5000 fields")
    ]
