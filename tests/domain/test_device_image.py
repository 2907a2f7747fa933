"""What devices say of their images is taken as it was meant, and the ids of their images never meet."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from uuid import RFC_4122

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.domain.device_image import CLIENT, device_metadata, image_id_of, number_of
from calotype.domain.errors import InvalidInput

NUMBERS = st.integers(0, 2**32 - 1)


def captured(text):
    """The time of capture that a text says."""
    return device_metadata({"captured_at": text}).captured


@given(st.datetimes(), st.none() | st.integers(-86_399, 86_399), st.sampled_from(["auto", "seconds", "microseconds"]))
@example(datetime(1, 1, 1), None, "auto")  # noqa: DTZ001 - wall time
@example(datetime(9999, 12, 31, 23, 59, 0), -31, "auto")  # noqa: DTZ001 - wall time
@example(datetime(1, 1, 1, 0, 0, 30), 29, "auto")  # noqa: DTZ001 - wall time
def test_a_time_is_the_moment_that_was_meant(wall, offset, precision):
    """Whatever its offset, even of seconds; a time without one is UTC; a moment that UTC has no date for is refused."""
    zone = None if offset is None else timezone(timedelta(seconds=offset))
    text = wall.replace(tzinfo=zone).isoformat(timespec=precision)
    meant = datetime.fromisoformat(text)
    try:
        moment = meant.replace(tzinfo=meant.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        with pytest.raises(InvalidInput):
            captured(text)
        return
    found = captured(f" {text} ")
    assert found.moment == moment
    assert (found.source, found.offset_source) == (CLIENT, CLIENT)
    if offset is None or offset % 60 == 0:
        assert found.wall == meant.replace(tzinfo=None)
        assert found.offset_minutes == (None if offset is None else offset // 60)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-02-29T10:20:30Z", datetime(2024, 2, 29, 10, 20, 30, tzinfo=UTC)),
        ("2024-02-29 10:20", datetime(2024, 2, 29, 10, 20, tzinfo=UTC)),
        ("20240229T102030+0530", datetime(2024, 2, 29, 4, 50, 30, tzinfo=UTC)),
        ("2024-02-29T10:20:30.123456789Z", datetime(2024, 2, 29, 10, 20, 30, 123456, tzinfo=UTC)),
        ("2024-02-29T10:20:30,5-03", datetime(2024, 2, 29, 13, 20, 30, 500_000, tzinfo=UTC)),
        ("2024-W09-4", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_the_forms_of_iso_8601_are_read(text, moment):
    """Extended and basic, by date and by week, with a comma, and with more digits than anybody keeps."""
    assert captured(text).moment == moment


@pytest.mark.parametrize(
    "wrong",
    [
        "", " ", "yesterday", "2024-02-30", "2024-13-01", "0000-01-01", "10000-01-01", "2024-02-29T25:00", "12:00",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-00:01", "2024-02-29T10:20:30+24:00", "2024-02-29\x00",
        1709200000, 1.5, True, [], {},
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(wrong):
    """At its place, whatever its type."""
    with pytest.raises(InvalidInput) as caught:
        captured(wrong)
    assert caught.value.context["field"] == "metadata.captured_at"


# ------------------------------------------------------- all that is said of it


def test_nothing_need_be_said():
    """No metadata, an empty object and nulls say the same."""
    for value in (None, {}, dict.fromkeys(["model_id", "model_version", "annotations", "captured_at"])):
        found = device_metadata(value)
        assert (found.model_id, found.model_version, found.annotations, found.captured) == (None, None, (), None)
        assert found.custom is None


def test_keys_of_ones_own_are_kept_beside_the_known_ones():
    """The four known keys are taken out, all others are the sender's own."""
    said = {"model_id": "m", "model_version": "1", "annotations": [], "captured_at": "2024-01-01", "line": 5, "x": None}
    found = device_metadata(said)
    assert (found.model_id, found.model_version) == ("m", "1")
    assert found.custom.document == '{"line":5,"x":null}'


@given(st.permutations(["model_id", "captured_at", "a", "b"]))
def test_the_order_of_keys_makes_no_other_request(keys):
    """A repetition may be written by another encoder; the text by which it is known stays the same."""
    said = {"model_id": "m", "captured_at": "2024-01-01", "a": {"y": 1, "x": 2}, "b": [1]}
    assert device_metadata({key: said[key] for key in keys}).text == device_metadata(said).text


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ([], "metadata"),
        ("{}", "metadata"),
        (1, "metadata"),
        (True, "metadata"),
        ({"model_id": 5}, "metadata.model_id"),
        ({"model_id": "x" * 256}, "metadata.model_id"),
        ({"model_id": "a\x00"}, "metadata.model_id"),
        ({"model_version": 1.0}, "metadata.model_version"),
        ({"model_version": "x" * 65}, "metadata.model_version"),
        ({"model_version": "\ud800"}, "metadata.model_version"),
        ({"annotations": {}}, "metadata.annotations"),
        ({"annotations": [1]}, "metadata.annotations[0]"),
    ],
)
def test_what_is_wrong_is_named(said, field):
    """The place stands in the context."""
    with pytest.raises(InvalidInput) as caught:
        device_metadata(said)
    assert caught.value.context["field"] == field


def test_names_of_models_may_be_as_long_as_is_said():
    """255 characters, and 64 of the version."""
    found = device_metadata({"model_id": "ä" * 255, "model_version": "ä" * 64})
    assert (len(found.model_id), len(found.model_version)) == (255, 64)


@pytest.mark.parametrize("place", ["line", "annotations"])
def test_what_nobody_could_write_again_is_refused(place):
    """A hundred levels of nesting are read; thousands, which would break every list of the batch, are not."""
    nested = 1
    for _ in range(5_000):
        nested = [nested]
    said = {"annotations": [{"class_value": "a", "type": "classification", "note": nested}]}
    with pytest.raises(InvalidInput) as caught:
        device_metadata(said if place == "annotations" else {"line": nested})
    assert caught.value.context["field"] == "metadata"


# ---------------------------------------------------------------------- ids


@given(NUMBERS)
@example(0)
@example(2**32 - 1)
def test_an_id_leads_back_to_its_number(number):
    """Its first eight digits say the number, so no two numbers share them; and it is a random UUID like any other."""
    identity = image_id_of(number)
    assert number_of(identity.hex[:8]) == number
    assert (identity.version, identity.variant) == (4, RFC_4122)
    assert identity != image_id_of(number)
    assert identity.hex[:8] == image_id_of(number).hex[:8]


@given(NUMBERS)
def test_all_digits_belong_to_one_number(digits):
    """Every eight digits come of one number below 2^32, and of no other."""
    number = number_of(f"{digits:08x}")
    assert 0 <= number < 2**32
    assert image_id_of(number).hex[:8] == f"{digits:08x}"


def test_numbers_in_a_row_make_ids_that_lie_apart():
    """A hundred thousand in a row have as many first digits, and half of their neighbours differ in the very first one."""
    start = random.randrange(2**32 - 100_000)
    digits = [image_id_of(number).hex[:8] for number in range(start, start + 100_000)]
    assert len(set(digits)) == len(digits)
    assert sum(first[0] != second[0] for first, second in pairwise(digits)) > len(digits) / 2
