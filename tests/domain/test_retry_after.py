"""Whatever stands in a `Retry-After` header, it is a pause or none, and never a fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.retry_after import pause_asked_for

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = st.integers(0, 10**22)


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00",
        "Mon, 01 Jan 2026 99999999999999999999:00:00 GMT",
        "Thu, 01 Jan 2026 00:01:00 +99999999999999999999",
    ],
)
def test_a_date_whose_numbers_are_too_large_asks_for_no_pause(text):
    """It is no date, as one in the 99th day of a month is none."""
    assert pause_asked_for(text, NOW) == timedelta()


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["GMT", "-0000", ""]) | NUMBERS.map("+{}".format))
def test_any_date_is_a_pause_or_none(day, year, hour, zone):
    """With whatever numbers there are in it."""
    assert pause_asked_for(f"Mon, {day} Jan {year} {hour}:00:00 {zone}", NOW) >= timedelta()
