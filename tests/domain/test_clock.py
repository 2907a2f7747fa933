"""Times within a film as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.clock import clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (-0.4, "0:00"),
        (9.99, "0:09"),
        (42, "0:42"),
        (60, "1:00"),
        (599.5, "9:59"),
        (3600, "1:00:00"),
        (3727, "1:02:07"),
        (360_000, "100:00:00"),
    ],
)
def test_a_time_is_written_as_people_do(seconds, text):
    """Whole seconds, rounded down; hours only where there are any."""
    assert clock(seconds) == text


@given(st.floats(0, 1e7))
def test_a_time_can_be_read_back(seconds):
    """To the second."""
    total = 0
    for part in clock(seconds).split(":"):
        total = total * 60 + int(part)
    assert total == int(seconds)
