"""Filters of the list: section 3.4, and point 19 of the checklist."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.vision import DELETE, JSON, LIST, entry, listed, plant, stored
from tests.contracts.vision_shapes import expect_error, ids, results

BASE = 1772611200
TIMES = [BASE - 1, BASE, BASE + 0.5, BASE + 1, -5, 0]
COMPARE = {
    "eq": lambda t, v: t == v,
    "gt": lambda t, v: t > v,
    "gte": lambda t, v: t >= v,
    "lt": lambda t, v: t < v,
    "lte": lambda t, v: t <= v,
}
RANGE = "range"


@pytest.fixture(scope="module")
def gallery(idle):
    """A client, and the ids of images recorded at TIMES by their time."""
    with idle.client(idle.new_key()) as client:
        images = stored(client, *(entry(recorded_timestamp_utc=time) for time in TIMES))
        yield client, dict(zip(TIMES, (image["image_id"] for image in images), strict=True))


def recorded(operator=None, value=None, **more):
    """A filter by time; without an operator it names none."""
    named = {} if operator is None else {"operator": operator}
    return {"recorded_timestamp_utc": {**named, "value": value, **more}}


def kept(client, operator, value):
    """The ids that a filter keeps."""
    return set(listed(client, filters=recorded(operator, value), limit=1000))


@pytest.mark.parametrize("operator", COMPARE)
def test_operators_hold_at_their_boundaries(gallery, operator):
    """Each against each recorded time, one just before it and one just after."""
    client, by_time = gallery
    for time in TIMES:
        for value in (time, time - 0.25, time + 0.25):
            expected = {known for t, known in by_time.items() if COMPARE[operator](t, value)}
            assert kept(client, operator, value) == expected, value


@pytest.mark.parametrize(
    ("start", "end"),
    [(BASE, BASE), (BASE - 1, BASE), (BASE, None), (None, BASE), (BASE + 0.5, BASE + 0.5), (BASE + 0.1, BASE + 0.4), (-5, 0),
     (-1e300, 1e300), (0, 0)],
)  # fmt: skip
def test_a_range_includes_both_ends(gallery, start, end):
    """A missing, null or empty end is open; without an operator it is a range too."""
    client, by_time = gallery
    value = {name: end_ for name, end_ in (("_from", start), ("_to", end)) if end_ is not None}
    expected = {known for t, known in by_time.items() if (start is None or start <= t) and (end is None or t <= end)}
    assert kept(client, RANGE, value) == expected
    assert kept(client, None, value) == expected
    for nothing in (None, ""):
        assert kept(client, nothing, {"_from": nothing, "_to": nothing, **value}) == expected


def test_the_example_of_the_specification_finds_one(gallery):
    """A range of one second, as the seed writes it."""
    client, by_time = gallery
    filters = recorded(RANGE, {"_from": BASE, "_to": BASE})
    assert listed(client, limit=2, filters=filters) == [by_time[BASE]]


@pytest.mark.parametrize("value", [str(BASE), f"{BASE}.0", float(BASE), "1.7726112e9"])
def test_numbers_of_a_filter_may_be_strings(gallery, value):
    """Numeric text means the number, in every operator."""
    client, by_time = gallery
    assert kept(client, "eq", value) == {by_time[BASE]}
    assert kept(client, RANGE, {"_from": value, "_to": value}) == {by_time[BASE]}


def test_a_filter_keeps_order_and_pages(gallery):
    """Newest upload first, whatever the recorded times are."""
    client, by_time = gallery
    newest = list(by_time.values())[::-1]
    assert listed(client, filters=recorded("gte", -5)) == newest
    assert listed(client, filters=recorded("gte", -5), limit=2, offset=1) == newest[1:3]
    assert listed(client, filters=recorded("gte", 0), image_ids=newest[:2]) == newest[:1]


@pytest.mark.parametrize(
    "filters", [None, {}, "", "{}", {"recorded_timestamp_utc": None}, {"recorded_timestamp_utc": ""}]
)
def test_no_filter_keeps_all(gallery, filters):
    """Absent, null and empty."""
    client, by_time = gallery
    assert len(listed(client, filters=filters)) == len(by_time)


def test_what_was_not_recorded_is_filtered_by_its_upload(idle_client):
    """A missing time, and one that is no number: text, true, null, a list."""
    odd = [
        entry(),
        *(entry(recorded_timestamp_utc=value) for value in (None, "1772611200", True, False, [5], {}, "soon")),
    ]
    images = stored(idle_client, *odd)
    for image in images:
        stamp = image["upload_timestamp"]
        assert kept(idle_client, "eq", stamp) == {image["image_id"]}
        assert kept(idle_client, RANGE, {"_from": stamp, "_to": stamp}) == {image["image_id"]}
    first, last = images[0]["upload_timestamp"], images[-1]["upload_timestamp"]
    assert len(kept(idle_client, "gte", first)) == len(images)
    assert len(kept(idle_client, "gt", first)) == len(images) - 1
    assert kept(idle_client, "lt", first) == set()
    assert kept(idle_client, "gt", last) == set()


def test_times_are_compared_without_rounding(idle_client):
    """Neighbours that a double cannot tell apart are two, and what was recorded is found by what was sent."""
    pairs = [
        ("9007199254740992", "9007199254740993"),
        ("1772611200.0000001", "1772611200.0000002"),
        ("0.1", "0.10000000000000001"),
    ]
    for low, high in pairs:
        low_id, high_id = (_recorded_as(idle_client, text) for text in (low, high))
        assert _kept_as(idle_client, "eq", low) == [low_id]
        assert _kept_as(idle_client, "eq", high) == [high_id]
        assert high_id in _kept_as(idle_client, "gt", low)
        assert low_id not in _kept_as(idle_client, "gt", low)
        idle_client.post(DELETE, json={"image_ids": [low_id, high_id]})


def _recorded_as(client, text):
    """An image whose recorded time is written in exactly these digits."""
    from tests.contracts.photos import photo
    from tests.contracts.vision import upload

    metadata = f'{{"requests":[{{"indexing_config":{{"index":0}},"metadata":{{"recorded_timestamp_utc":{text}}}}}]}}'
    return ids(upload(client, photo(8, 8), metadata=metadata))[0]


def _kept_as(client, operator, text):
    body = f'{{"filters":{{"recorded_timestamp_utc":{{"operator":"{operator}","value":{text}}}}}}}'
    return ids(client.post(LIST, content=body, headers=JSON))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    operator=st.sampled_from([*COMPARE]),
    value=st.floats(-1e12, 1e12) | st.integers(-(10**15), 10**15) | st.sampled_from(TIMES),
)
def test_any_value_is_compared_as_a_number(gallery, operator, value):
    """Against arithmetic without rounding."""
    client, by_time = gallery
    exact = Fraction(json.loads(json.dumps(value)))
    expected = {known for t, known in by_time.items() if COMPARE[operator](Fraction(t), exact)}
    assert kept(client, operator, value) == expected


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    "name", ["camera_id", "caption", "recorded_timestamp", "upload_timestamp", "", "RECORDED_TIMESTAMP_UTC"]
)
def test_another_filter_is_refused(anyone, name):
    """Ignoring it would return wrong rows; also beside a good one."""
    for filters in ({name: {"operator": "eq", "value": 1}}, {name: 1} | recorded("eq", 1), {name: "x"}):
        error = expect_error(anyone.post(LIST, json={"filters": filters}), 400, "invalid_parameter")
        assert error["param"].startswith("filters")


@pytest.mark.parametrize("operator", ["in", "RANGE", "between", "ne", "=", "eq ", 5, True, ["eq"], {}])
def test_an_unknown_operator_is_refused(anyone, operator):
    """400 that names it."""
    for value in (5, {"_from": 1}):
        answer = anyone.post(LIST, json={"filters": recorded(operator, value)})
        expect_error(answer, 400, "invalid_parameter", "filters.recorded_timestamp_utc.operator")


@pytest.mark.parametrize("operator", [*COMPARE, RANGE, None])
def test_a_missing_value_is_refused(anyone, operator):
    """Absent, null and empty."""
    named = {} if operator is None else {"operator": operator}
    for given_ in ({}, {"value": None}, {"value": ""}):
        filters = {"recorded_timestamp_utc": {**named, **given_}}
        expect_error(anyone.post(LIST, json={"filters": filters}), 400, param="filters.recorded_timestamp_utc.value")


@pytest.mark.parametrize("value", [{}, {"_from": None, "_to": None}, {"from": 1, "to": 2}, {"_from": ""}, {"x": 1}])
def test_a_range_without_ends_is_refused(anyone, value):
    """400 that names the value."""
    answer = anyone.post(LIST, json={"filters": recorded(RANGE, value)})
    error = expect_error(answer, 400)
    assert error["param"].startswith("filters.recorded_timestamp_utc.value")


@pytest.mark.parametrize(
    ("start", "end"), [(2, 1), (BASE + 0.5, BASE), ("2", "1"), (0, -1e300), (9007199254740993, 9007199254740992)]
)
def test_a_reversed_range_is_refused(anyone, start, end):
    """By however little."""
    answer = anyone.post(LIST, json={"filters": recorded(RANGE, {"_from": start, "_to": end})})
    error = expect_error(answer, 400, "invalid_parameter")
    assert error["param"].startswith("filters.recorded_timestamp_utc.value")


@pytest.mark.parametrize("operator", COMPARE)
@pytest.mark.parametrize(
    "value", [{"_from": 1, "_to": 2}, {}, [5], "x", True, False, "NaN", "inf", "1_0", "\u0665", "0x1"]
)
def test_what_is_no_number_is_refused(anyone, operator, value):
    """An object above all."""
    answer = anyone.post(LIST, json={"filters": recorded(operator, value)})
    error = expect_error(answer, 400, "invalid_parameter")
    assert error["param"].startswith("filters.recorded_timestamp_utc.value")


@pytest.mark.parametrize(
    "value", [5, "5", True, [1, 2], "x", {"_from": {}}, {"_from": "x"}, {"_to": [1]}, {"_from": True}, {"_to": "NaN"}]
)
def test_what_is_no_range_is_refused(anyone, value):
    """A number where an object belongs, or an end that is no number; with and without the operator's name."""
    for operator in (RANGE, None):
        answer = anyone.post(LIST, json={"filters": recorded(operator, value)})
        error = expect_error(answer, 400, "invalid_parameter")
        assert error["param"].startswith("filters.recorded_timestamp_utc.value")


@pytest.mark.parametrize("value", [5, "x", True, [], [{}]])
def test_a_filter_that_is_no_object_is_refused(anyone, value):
    """400 that names it."""
    answer = anyone.post(LIST, json={"filters": {"recorded_timestamp_utc": value}})
    expect_error(answer, 400, "invalid_parameter", "filters.recorded_timestamp_utc")


def test_what_else_stands_in_a_filter_is_ignored(idle_client):
    """An unknown field is nothing, here as everywhere."""
    (known,) = plant(idle_client)
    assert listed(idle_client, filters=recorded("gt", 0, unit="s", x=None)) == [known]
    assert results(idle_client.post(LIST, json={"filters": recorded(RANGE, {"_from": 0, "x": 1})}))
