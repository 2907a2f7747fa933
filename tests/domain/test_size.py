"""Sizes are read and written as people do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput
from calotype.domain.size import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("750000", 750_000),
        ("12B", 12),
        ("500GB", 500_000_000_000),
        ("500 gb", 500_000_000_000),
        ("1.5TiB", 3 * 2**39),
        (" 0.5KB ", 500),
        ("2kib", 2048),
        ("1pb", 10**15),
        ("1.5", None),
        ("0.0001kB", None),
        ("", None),
        ("GB", None),
        ("-1GB", None),
        ("1 000", None),
        ("1e9", None),
        ("1,5GB", None),
        ("1G", None),
        ("five", None),
        ("\u0663GB", None),
        ("1" * 21, None),
    ],
)
def test_sizes_are_read_exactly_or_not_at_all(text, size):
    """Thousands and powers of 1024 have their own units; what is no whole number of bytes is refused."""
    if size is None:
        with pytest.raises(InvalidInput):
            parse_size(text)
    else:
        assert parse_size(text) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1050, "1.1 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1 MB"),
        (5 * 10**11, "500 GB"),
        (10**15, "1 PB"),
        (10**19, "10000 PB"),
    ],
)
def test_sizes_are_shown_in_their_greatest_unit(size, text):
    """Never 1000 of a unit where the next has a name."""
    assert format_size(size) == text


@given(st.integers(0, 2**63))
def test_what_is_shown_can_be_read(size):
    """And is right to a twentieth."""
    assert abs(parse_size(format_size(size)) - size) <= size / 20
