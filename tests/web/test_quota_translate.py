"""Quotas and duplicates between domain and wire: the rules of section 7, whatever the numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.quota import UploadOutlook, UploadTerms
from calotype.web.apis.files.translate.duplicate import checksum_from_wire, partition_to_wire
from calotype.web.apis.files.translate.quota import UNLIMITED, outlook_to_wire

NUMBERS = st.integers(0, 2**40)
SUMS = st.integers(0, 15).map(lambda digit: f"{digit:x}" * 64)
SENT = st.tuples(SUMS, st.booleans(), st.booleans()).map(
    lambda made: ("sha256:" if made[1] else "") + (made[0].upper() if made[2] else made[0])
)


@given(st.integers(1, 2**63 - 1), st.none() | NUMBERS, NUMBERS, st.booleans())
def test_a_message_stands_exactly_where_uploads_cannot_proceed(requested, limit, used, is_full):
    """`available` is what is left, at least 0 and at most what stands for no limit; more than that cannot proceed."""
    body = outlook_to_wire(UploadOutlook(requested, limit, used, is_full, UploadTerms(7, 3)))
    assert body.can_proceed == (requested <= body.available and not is_full)
    assert (body.message is None) == body.can_proceed
    assert body.available == (UNLIMITED if limit is None else min(UNLIMITED, max(0, limit - used)))
    assert body.monthly_limit == (UNLIMITED if limit is None else min(UNLIMITED, limit))
    assert (body.requested, body.current_usage, body.prepaid_credits) == (requested, used, 0)
    assert (body.max_batch_size, body.max_concurrent_uploads) == (7, 3)


@given(st.lists(SENT, max_size=30), st.sets(SUMS))
def test_each_sum_is_in_exactly_one_list(sent, known):
    """As it was sent, exact repeats once, in order; together the lists hold everything."""
    body = partition_to_wire(sent, known)
    once = list(dict.fromkeys(sent))
    assert body.duplicates == [value for value in once if checksum_from_wire(value) in known]
    assert sorted([*body.duplicates, *body.unique]) == sorted(once)
    assert body.unique == [value for value in once if value not in body.duplicates]
