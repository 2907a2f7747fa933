"""Values of queries, forms and JSON bodies: what is taken, what is refused, and that nothing else ever happens."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from calotype.web.shared import wire_values as wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _taken(kind, value):
    """What a field of that kind makes of a value; None in a list when it is refused."""
    try:
        return [TypeAdapter(kind).validate_python(value)]
    except ValidationError:
        return None


@given(JSON)
@example("\0")
@example("\ud800")
@example(["\0"])
@example("9" * 5000)
@example(float("nan"))
@example("9999-12-31T23:59:59-23:59")
@example("0001-01-01T00:00:00+23:59")
@pytest.mark.parametrize(
    "kind",
    [
        wire.WireBool,
        wire.WireInt,
        wire.JsonInt,
        wire.JsonBool,
        wire.JsonFloat,
        wire.WireUuid,
        wire.WireTime,
        wire.WireEndTime,
        wire.WireText,
        wire.Title,
        wire.FormTags,
        wire.JsonTags,
        wire.Multi,
        wire.MultiUuid,
    ],
    ids=[
        "bool",
        "int",
        "json int",
        "json bool",
        "json float",
        "uuid",
        "time",
        "end time",
        "text",
        "title",
        "form tags",
        "json tags",
        "multi",
        "uuids",
    ],
)
def test_any_value_is_taken_or_refused(kind, value):
    """Whatever JSON can say is either accepted or a validation error, never a fault; what was accepted is accepted again."""
    if taken := _taken(kind, value):
        again = ",".join(taken[0]) if kind is wire.FormTags else taken[0]
        assert _taken(kind, again) == taken


@given(st.text(max_size=8))
def test_booleans(text):
    """Exactly the eight words are booleans, in any case and with space around them."""
    word = text.strip().lower()
    expected = {True: {"true", "1", "yes", "on"}, False: {"false", "0", "no", "off"}}
    found = _taken(wire.WireBool, text)
    assert found == next(([value] for value, words in expected.items() if word in words), None)


@pytest.mark.parametrize("value", [0, 1, 1.0, None, [], "ja", "t", "y", "tru", "", "truefalse"])
def test_no_other_booleans(value):
    """Numbers and other words are no booleans."""
    assert _taken(wire.WireBool, value) is None


@given(st.integers())
def test_integers(number):
    """A plain decimal of 64 bits is taken as text and as a JSON number; more is refused."""
    expected = [number] if abs(number) <= wire.MAX_INT else None
    assert _taken(wire.WireInt, str(number)) == expected
    assert _taken(wire.JsonInt, number) == expected
    assert _taken(wire.JsonInt, str(number)) is None


@pytest.mark.parametrize(
    "value", ["1.0", "1e3", "0x10", "1_000", "٣", "²", "", " ", "--1", "1 2", True, False, 1.5, None, []]
)
def test_no_other_integers(value):
    """Only decimal digits with an optional sign make an integer; booleans are none."""
    assert _taken(wire.WireInt, value) is None
    assert _taken(wire.JsonInt, value) is None


@given(st.uuids(), st.booleans())
def test_uuids_in_any_case(value, upper):
    """A UUID in its usual form is taken in both cases; every other way to write it is refused."""
    text = str(value).upper() if upper else str(value)
    assert _taken(wire.WireUuid, text) == [value]
    for other in (value.hex, f"{{{text}}}", f"urn:uuid:{text}", text[:-1], text + "0", text[:8]):
        assert _taken(wire.WireUuid, other) is None


@given(st.datetimes().filter(lambda wall: 1 < wall.year < 9999), st.integers(-14 * 60, 14 * 60))
def test_times_keep_their_moment(wall, offset):
    """A time with any offset is the same moment in UTC; without one it is UTC."""
    zone = timezone(timedelta(minutes=offset))
    moment = wall.replace(tzinfo=zone)
    assert _taken(wire.WireTime, moment.isoformat()) == [moment]
    assert _taken(wire.WireEndTime, moment.isoformat()) == [moment]
    assert _taken(wire.WireTime, moment.isoformat())[0].tzinfo is UTC
    assert _taken(wire.WireTime, wall.isoformat()) == [wall.replace(tzinfo=UTC)]
    assert _taken(wire.WireTime, f"{wall.isoformat()}Z") == [wall.replace(tzinfo=UTC)]
    # A plus sign that was not percent-encoded arrives as a space.
    assert _taken(wire.WireTime, moment.isoformat().replace("+", " ")) == [moment]


@given(st.dates())
def test_bare_dates_are_a_whole_day(day):
    """A bare date is its first moment, or its last where a span ends."""
    begin, end = _taken(wire.WireTime, day.isoformat()), _taken(wire.WireEndTime, day.isoformat())
    assert begin == [datetime(day.year, day.month, day.day, tzinfo=UTC)]
    assert end[0] - begin[0] == timedelta(days=1, microseconds=-1)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2200, 1, 1)))
def test_bare_dates_in_other_notations_are_dates_too(day):
    """ISO 8601 writes a date without dashes, and by its week; they span the whole day as well."""
    year, week, weekday = day.isocalendar()
    for text in (day.strftime("%Y%m%d"), f"{year}-W{week:02}-{weekday}"):
        assert _taken(wire.WireEndTime, text) == _taken(wire.WireEndTime, day.isoformat())


@pytest.mark.parametrize(
    "text", ["", "now", "2025", "2025-13-01", "2025-02-30", "12:00", "2025-01-01T25:00", "1736899200"]
)
def test_no_other_times(text):
    """What is no ISO 8601 time is refused."""
    assert _taken(wire.WireTime, text) is None


ITEMS = st.text(st.characters(exclude_characters=",\0", exclude_categories=["Cs"]), max_size=5)


@given(st.lists(st.lists(ITEMS, max_size=4), max_size=4))
def test_repeated_keys_and_comma_lists_are_the_same(groups):
    """However values are spread over keys and commas, the result is each of them once, trimmed, in order."""
    expected = list(dict.fromkeys(item.strip() for group in groups for item in group if item.strip()))
    assert _taken(wire.Multi, [",".join(group) for group in groups]) == [expected]
    assert _taken(wire.Multi, [",".join(item for group in groups for item in group)]) == [expected]


@given(st.lists(st.uuids(), max_size=5))
def test_repeated_ids_count_once(ids):
    """The same id in another case is the same id."""
    texts = [str(value) for value in ids] + [str(value).upper() for value in ids]
    assert _taken(wire.MultiUuid, [",".join(texts)]) == [list(dict.fromkeys(ids))]
    assert all(isinstance(value, UUID) for value in _taken(wire.MultiUuid, texts)[0])


@given(st.lists(ITEMS, max_size=45))
def test_tags_of_a_form_and_of_json_mean_the_same(tags):
    """Trimmed, without empty ones and repeats, at most 40; order and case kept."""
    expected = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    wanted = [expected] if len(expected) <= 40 else None
    assert _taken(wire.JsonTags, tags) == wanted
    assert _taken(wire.FormTags, ",".join(tags)) == wanted


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300))
def test_titles(title):
    """Trimmed, null when nothing is left, at most 255 characters."""
    trimmed = title.strip()
    assert _taken(wire.Title, title) == ([trimmed or None] if len(trimmed) <= 255 else None)


@given(JSON)
@example(True)
@example(10**400)
@example(float("inf"))
def test_json_numbers_and_booleans_are_of_their_own_type(value):
    """A finite number is itself, `true` and `false` are themselves, and nothing passes for either."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1.7976931348623157e308
    assert _taken(wire.JsonFloat, value) == ([float(value)] if is_number else None)
    assert _taken(wire.JsonBool, value) == ([value] if isinstance(value, bool) else None)
