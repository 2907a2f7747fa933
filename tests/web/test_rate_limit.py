"""The rate limiter: windows of a fixed length, counted per bucket."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from calotype.web.shared.rate_limit import RateLimiter


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


HITS = st.lists(st.tuples(st.floats(0, 20, allow_nan=False), st.sampled_from("ab")), max_size=60)


@given(st.integers(1, 5), st.integers(1, 10), st.floats(1e9, 2e9), HITS)
def test_no_bucket_gets_more_than_its_limit_in_a_window(limit, window, start, hits):
    """In each window each bucket is allowed exactly its first `limit` requests, and every answer counts them right."""
    clock = Clock(start)
    limiter = RateLimiter(limit, window, clock)
    counts = {}
    for step, bucket in hits:
        clock.now += step
        state = limiter.hit(bucket)
        key = bucket, clock.now // window
        counts[key] = counts.get(key, 0) + 1
        assert state.allowed == (counts[key] <= limit)
        assert state.limit == limit
        assert state.remaining == max(0, limit - counts[key])
        assert 0 < state.resets_at - clock.now <= window + 1
        assert 1 <= state.retry_after <= window + 1
        assert clock.now + state.retry_after >= math.floor(clock.now / window + 1) * window


def test_waiting_as_told_is_enough():
    """Whoever waits `retry_after` seconds is allowed again."""
    clock = Clock(1_000_000_030.5)
    limiter = RateLimiter(1, 60, clock)
    assert limiter.hit("a").allowed
    refused = limiter.hit("a")
    assert not refused.allowed
    clock.now += refused.retry_after
    assert limiter.hit("a").allowed


def test_old_counts_are_forgotten():
    """Memory does not grow with the addresses ever seen: a new window begins with none of them."""
    clock = Clock(1_000_000_000)
    limiter = RateLimiter(1, 60, clock)
    for number in range(1000):
        limiter.hit(f"address {number}")
    clock.now += 60
    limiter.hit("a")
    assert len(limiter._counts) == 1


def test_a_clock_that_is_set_back_locks_nobody_out_for_long():
    """After the system's clock was set back, a bucket is free again at the latest when its window has passed."""
    clock = Clock(1_000_000_000)
    limiter = RateLimiter(1, 60, clock)
    limiter.hit("a")
    clock.now -= 86_400
    refused = limiter.hit("a")
    assert refused.allowed or refused.retry_after <= 60
