"""When a film was recorded, by the words of its container."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.video.recorded import recorded

NOW = datetime(2026, 1, 1, tzinfo=UTC)
APPLE = "com.apple.quicktime.creationdate"


def moment(**tags):
    """The moment that the tags tell, as text, or None."""
    found = recorded(tags, NOW)
    return found and found.moment.isoformat()


def test_apple_comes_first_and_keeps_its_offset():
    """The wall time with an offset is better than a time in UTC; its offset is kept."""
    found = recorded({"creation_time": "2024-05-01T00:00:00Z", APPLE: "2024-04-30T17:00:00-0700"}, NOW)
    assert (found.wall, found.offset_minutes) == (datetime(2024, 4, 30, 17), -420)  # noqa: DTZ001
    assert found.source == f"quicktime:{APPLE}"


def test_times_in_utc_have_no_wall_time():
    """A time in UTC tells the moment, and leaves the offset open."""
    found = recorded({"CREATION_TIME": "2024-05-01T01:02:03.5Z"}, NOW)
    assert (found.offset_minutes, found.offset_source) == (None, None)
    assert found.moment.isoformat() == "2024-05-01T01:02:03.500000+00:00"
    assert moment(DATE_UTC="2024-05-01 03:02:03+02:00") == "2024-05-01T01:02:03+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1904-01-01T00:00:00Z",
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T05:00:00Z",
        "2026-01-03T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2024-02-30T00:00:00Z",
        "2024-02-03T25:00:00Z",
        "2024",
    ],
)
def test_clocks_that_were_never_set_tell_nothing(text):
    """The zeros of clocks, what lies ahead, and what is no time are none; the next tag may know better."""
    assert moment(creation_time=text) is None
    assert moment(creation_time=text, date="2020-02-03T04:05:06Z") == "2020-02-03T04:05:06+00:00"


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?", fullmatch=True),
    )
)
def test_no_text_is_too_much(text):
    """Whatever the tags hold, there is a time with a moment, or none."""
    for name in (APPLE, "creation_time"):
        found = recorded({name: text}, NOW)
        assert found is None or found.moment.year >= 1887
