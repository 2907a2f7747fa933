"""The `Range` header against its definition (RFC 9110, section 14)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.web.delivery.byte_range import ByteRange, UnsatisfiableRange, parse_range

SIZES = st.integers(0, 10**13)
NUMBERS = st.one_of(st.integers(0, 50), st.integers(0, 10**30))


@given(st.binary(max_size=60), st.integers(0, 70) | st.integers(0, 10**19), st.integers(0, 70) | st.integers(0, 10**19))
def test_first_and_last(data, first, last):
    """`bytes=first-last` names what a slice names, and is unsatisfiable when it begins behind the end."""
    header = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(header, len(data)) is None
    elif first >= len(data):
        with pytest.raises(UnsatisfiableRange):
            parse_range(header, len(data))
    else:
        found = parse_range(header, len(data))
        assert data[found.start : found.end] == data[first : last + 1]


@given(st.binary(max_size=60), NUMBERS)
def test_open_and_suffix(data, number):
    """`bytes=n-` is the rest from n, `bytes=-n` the last n bytes."""
    if number < len(data):
        found = parse_range(f"bytes={number}-", len(data))
        assert data[found.start : found.end] == data[number:]
    else:
        with pytest.raises(UnsatisfiableRange):
            parse_range(f"bytes={number}-", len(data))
    if number and data:
        found = parse_range(f"bytes=-{number}", len(data))
        assert data[found.start : found.end] == data[-number:]
    else:
        with pytest.raises(UnsatisfiableRange):
            parse_range(f"bytes=-{number}", len(data))


@given(st.one_of(st.text(), st.from_regex(r"bytes=[0-9, -]{0,40}", fullmatch=True)), SIZES)
@example("bytes=" + "9" * 10_000 + "-", 5)
@example("bytes=-" + "0" * 10_000, 5)
def test_any_header_is_harmless(header, size):
    """Whatever is sent, the answer is None, unsatisfiable, or a part that is not empty and lies within the object."""
    try:
        found = parse_range(header, size)
    except UnsatisfiableRange:
        return
    assert found is None or 0 <= found.start < found.end <= size


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=-1-2", "bytes=1--"],
)
def test_what_is_not_one_range_means_the_whole(header):
    """No header, several ranges, another unit and nonsense are ignored."""
    assert parse_range(header, 100) is None


def test_spaces_do_not_matter():
    """Some clients write spaces where none belong."""
    assert parse_range("bytes = 0 - 4", 100) == ByteRange(0, 5)
