"""Where a picture was taken."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.picture import GpsPosition
from tests.imaging.containers import ASCII, BYTE, place, rational, told


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_position_is_read_with_its_hemispheres(order):
    """Degrees, minutes and seconds with both references give signed degrees, and the altitude its sign."""
    gps = {**place([(41, 1), (13, 1), (1308, 100)], [(96, 1), (4, 1), (1785, 100)]), 3: (ASCII, b"W\0")}
    gps |= {5: (BYTE, [1]), 6: rational((4305, 10))}
    assert told(gps=gps, order=order).gps == GpsPosition(
        pytest.approx(41.2203), pytest.approx(-96.0716, abs=1e-4), -430.5
    )


@pytest.mark.parametrize(
    "gps",
    [
        place([(0, 0)] * 3, [(0, 0)] * 3),
        place([(0, 1)] * 3, [(0, 1)] * 3),
        {**place([(41, 1)] * 3, [(4, 1)] * 3), 1: (ASCII, b"\0")},
        {**place([(41, 1)] * 3, [(4, 1)] * 3), 1: (ASCII, b"E\0")},
        {2: rational((41, 1)), 4: rational((4, 1))},
        place([(91, 1), (0, 1), (0, 1)], [(4, 1), (0, 1), (0, 1)]),
        place([(41, 1), (99, 1), (0, 1)], [(4, 1), (0, 1), (0, 1)]),
        {**place([(41, 1)] * 3, [(4, 1)] * 3), 4: (ASCII, b"4\0")},
    ],
)
def test_a_position_that_cannot_be_is_none(gps):
    """Empty references, zero denominators, 0, 0 and places off the globe are no positions."""
    assert told(gps=gps).gps is None


def test_a_position_may_leave_out_minutes_and_seconds():
    """Decimal degrees, and seconds of 0/0, are read for what they say."""
    gps = place([(4150, 100), (0, 0), (0, 0)], [(4, 1), (30, 1)])
    assert told(gps=gps).gps == GpsPosition(41.5, 4.5)


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_a_position_that_is_written_is_read_back(latitude, longitude):
    """A position as a camera writes it comes back to within a metre."""

    def parts(value):
        value = abs(value)
        minutes = value % 1 * 60
        return [(int(value), 1), (int(minutes), 1), (int(minutes % 1 * 60 * 10_000), 10_000)]

    gps = place(parts(latitude), parts(longitude))
    gps |= {1: (ASCII, b"S\0" if latitude < 0 else b"N\0"), 3: (ASCII, b"W\0" if longitude < 0 else b"E\0")}
    found = told(gps=gps).gps
    if found is None:
        assert math.hypot(latitude, longitude) < 1e-5
    else:
        assert found.latitude == pytest.approx(latitude, abs=1e-5)
        assert found.longitude == pytest.approx(longitude, abs=1e-5)
