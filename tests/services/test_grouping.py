"""Groups hold what their first file is near to and nothing else, as a comparison of all with all would make them."""

from __future__ import annotations

import random
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.services.grouping import Member, as_rows, group_by_first, group_contents

HASH = st.integers(0, 2**64 - 1)


def model(hashes, max_distance):
    """The rule in its plainest form."""
    first = [-1] * len(hashes)
    for one, phash in enumerate(hashes):
        if first[one] < 0:
            for other in range(one, len(hashes)):
                if first[other] < 0 and (phash ^ hashes[other]).bit_count() <= max_distance:
                    first[other] = one
    return first


def clustered(count, seed, reach=8):
    """Different hashes, most of them around a few centres."""
    chance = random.Random(seed)
    centres = [chance.getrandbits(64) for _ in range(max(1, count // 20))]
    made = {}
    while len(made) < count:
        flips = chance.sample(range(64), chance.randint(0, reach))
        made[chance.choice(centres) ^ sum(1 << bit for bit in flips)] = None
    return list(made)


@pytest.mark.parametrize("max_distance", [0, 1, 2, 4, 6, 7, 10, 16])
@pytest.mark.parametrize("count", [1, 2, 60, 700])
def test_groups_are_those_of_the_rule(count, max_distance):
    """Both ways of comparing, by bands and all with all, agree with the model."""
    hashes = clustered(count, count + max_distance)
    found = group_by_first(np.array(hashes, np.uint64), max_distance)
    assert found.tolist() == model(hashes, max_distance)


@given(st.lists(HASH, max_size=12, unique=True), st.integers(0, 16))
def test_groups_of_any_hashes_are_those_of_the_rule(hashes, max_distance):
    """Extremes included: no hash, one, all bits, none."""
    assert group_by_first(np.array(hashes, np.uint64), max_distance).tolist() == model(hashes, max_distance)


def test_work_in_portions_gives_the_same(monkeypatch):
    """Blocks and portions are for memory's sake only."""
    hashes = clustered(500, 3)
    monkeypatch.setattr("calotype.services.grouping._BLOCK", 7)
    monkeypatch.setattr("calotype.services.grouping._MOST_PAIRS", 5)
    for max_distance in (4, 9):
        found = group_by_first(np.array(hashes, np.uint64), max_distance)
        assert found.tolist() == model(hashes, max_distance)


def test_a_chain_of_small_steps_is_not_one_group():
    """Each of forty hashes is one bit from the one before; the ends, forty bits apart, never meet in a group."""
    chain = [(1 << length) - 1 for length in range(40)]
    first = group_by_first(np.array(chain, np.uint64), 4)
    assert max((chain[one] ^ chain[founder]).bit_count() for one, founder in enumerate(first)) == 4
    assert len(set(first.tolist())) == 8


def content(number, phash=None, checksum=None, pixels=100, size=100, created=0.0):
    """A file as the database tells it; by default different from all others."""
    signed = None if phash is None else phash - (1 << 64) if phash >> 63 else phash
    return (UUID(int=number << 8).bytes, checksum or number.to_bytes(32, "big"), pixels, size, created, signed)


def groups(*contents, distance=4):
    """What is made of some files, by their numbers."""
    found = group_contents([as_rows(contents[:2]), as_rows(contents[2:])], distance)
    return [[(member.id.int >> 8, member.is_identical, member.distance) for member in group] for group in found]


BUSY = 0xF0F0F0F0F0F0F0F1


def test_the_first_has_most_pixels_then_most_bytes_then_is_oldest():
    """Each rule decides where the ones before it do not; ids decide at last."""
    made = [
        content(1, BUSY, pixels=90, size=999),
        content(2, BUSY, size=50),
        content(3, BUSY, created=2.0),
        content(4, BUSY, created=1.0),
        content(5, BUSY, created=1.0),
    ]
    assert [[member[0] for member in group] for group in groups(*made)] == [[4, 5, 3, 2, 1]]


def test_identical_and_alike_are_told_apart():
    """The same bytes as the first is identical; other bytes are alike, with the distance, also when copies of each other."""
    made = [
        content(1, BUSY, checksum=b"a" * 32, pixels=500),
        content(2, BUSY, checksum=b"a" * 32, pixels=500, created=1.0),
        content(3, BUSY ^ 0b111, checksum=b"b" * 32),
        content(4, BUSY ^ 0b111, checksum=b"b" * 32, created=1.0),
        content(5, BUSY ^ 0b11111),
    ]
    assert groups(*made) == [[(1, True, 0), (2, True, 0), (3, False, 3), (4, False, 3)]]


def test_copies_stay_together_while_some_of_them_wait_for_their_hash():
    """A file without a hash goes where its bytes go."""
    made = [
        content(1, BUSY, pixels=500),
        content(2, None, checksum=b"c" * 32, pixels=400),
        content(3, BUSY ^ 1, checksum=b"c" * 32, pixels=0),
    ]
    assert groups(*made) == [[(1, True, 0), (2, False, 1), (3, False, 1)]]


def test_files_without_a_hash_are_grouped_by_their_bytes_alone():
    """So are pictures too plain to be compared: those of different bytes are not alike."""
    made = [
        content(1, 0, checksum=b"d" * 32),
        content(2, 0, checksum=b"d" * 32),
        content(3, 1 << 63),
        content(4, 0),
        content(5, None, checksum=b"e" * 32),
        content(6, None, checksum=b"e" * 32),
        content(7, None),
    ]
    assert groups(*made) == [[(1, True, 0), (2, True, 0)], [(5, True, 0), (6, True, 0)]]


def test_ids_and_sums_that_end_in_zeros_are_whole():
    """Bytes of value zero at the end are bytes like any other."""
    sum_ = b"\x01" + bytes(31)
    found = group_contents([as_rows([content(1, checksum=sum_), content(2, checksum=sum_)])], 4)
    assert found == [[Member(UUID(int=1 << 8), True, 0), Member(UUID(int=2 << 8), True, 0)]]


def test_no_files_make_no_groups():
    """An empty library, and one where everything is different."""
    assert group_contents([], 4) == []
    assert groups(content(1, BUSY), content(2, ~BUSY & (1 << 64) - 1)) == []
