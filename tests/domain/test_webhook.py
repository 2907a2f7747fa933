"""Secrets, signatures and the times of attempts."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput
from calotype.domain.event import EventType
from calotype.domain.webhook import (
    TRIED_FOR,
    clean_events,
    make_secret,
    next_attempt,
    parse_secret,
    signature,
    write_secret,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104, written out."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def test_the_example_of_the_specification_is_signed_as_it_says():
    """Standard Webhooks, "Example signatures" of the symmetric kind, as its reference libraries test it."""
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(
    st.binary(min_size=24, max_size=64),
    st.from_regex(r"evt_[0-9a-f-]{36}", fullmatch=True),
    st.integers(0, 2**40),
    st.binary(),
)
def test_a_signature_is_what_the_specification_says(secret, message_id, timestamp, body):
    """HMAC-SHA256 over id, time and body with dots between, computed here without the library for it."""
    expected = hmac_sha256(secret, f"{message_id}.{timestamp}.".encode() + body)
    version, _, encoded = signature(secret, message_id, timestamp, body).partition(",")
    assert version == "v1"
    assert base64.b64decode(encoded, validate=True) == expected


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_survives_being_written_and_read(secret):
    """All lengths that are allowed."""
    assert parse_secret(write_secret(secret)) == secret


@given(st.binary(max_size=23) | st.binary(min_size=65, max_size=100))
def test_a_secret_of_another_length_is_refused(secret):
    """Shorter ones could be guessed, longer ones mean something else."""
    with pytest.raises(InvalidInput):
        parse_secret(write_secret(secret))


@given(st.text())
def test_whatever_is_no_secret_is_refused_and_nothing_else_happens(text):
    """Where no secret stands the refusal names the field."""
    with pytest.raises(InvalidInput) as refused:
        parse_secret(text)
    assert refused.value.context == {"field": "secret"}


def test_secrets_are_made_at_random():
    """Of 32 bytes each, in the form that is read."""
    made = {make_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {32}
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", write_secret(secret)) for secret in made)


@given(st.lists(st.sampled_from([event_type.value for event_type in EventType]), min_size=1))
def test_names_of_events_count_once_in_the_order_given(names):
    """Repeats are dropped."""
    assert [event_type.value for event_type in clean_events(names)] == list(dict.fromkeys(names))


def schedule(first_pause: timedelta, jitter: float, took: timedelta = timedelta()) -> list[timedelta]:
    """When attempts begin, from the event on, if each fails after so long."""
    times = [timedelta()]
    while True:
        now = START + times[-1] + took
        following = next_attempt(len(times), START, now, first_pause=first_pause, jitter=jitter, asked=timedelta())
        if following is None:
            return times
        times.append(following - START)


@example(0.466796875, 18)
@given(st.floats(0, 1), st.integers(0, 20))
def test_attempts_go_on_for_a_day_with_growing_pauses(jitter, took):
    """From seconds to hours, the last one a day after the event, and not many in all."""
    times = schedule(timedelta(seconds=5), jitter, timedelta(seconds=took))
    pauses = [later - earlier - timedelta(seconds=took) for earlier, later in itertools.pairwise(times)]
    assert timedelta(seconds=5) <= pauses[0] <= timedelta(seconds=6)
    assert all(later >= earlier for earlier, later in itertools.pairwise(pauses[:-1]))
    assert max(pauses) <= timedelta(hours=4.8)
    # One that ends with the day, though it began before, is the last one.
    assert TRIED_FOR - timedelta(seconds=took) <= times[-1] <= TRIED_FOR
    assert times[4] < timedelta(minutes=10)
    assert 10 <= len(times) <= 14


def test_the_pauses_without_jitter():
    """The table of docs/webhooks.md."""
    times = schedule(timedelta(seconds=5), 0)
    pauses = [round((later - earlier).total_seconds()) for earlier, later in itertools.pairwise(times)]
    assert pauses == [5, 20, 80, 320, 1280, 5120, 14400, 14400, 14400, 14400, 14400, 7575]


@given(st.integers(1, 1000), st.floats(0.001, 3600), st.floats(0, 1), st.integers(0, 10**9), st.integers(0, 86_399))
def test_a_receiver_may_ask_for_a_longer_pause_but_never_for_another_day(attempts, first, jitter, asked, passed):
    """The next attempt is in the future, within the day, and four hours ahead at most unless jitter says more."""
    now = START + timedelta(seconds=passed)
    following = next_attempt(
        attempts,
        START,
        now,
        first_pause=timedelta(seconds=first),
        jitter=jitter,
        asked=timedelta(seconds=asked),
    )
    assert following is not None
    assert now < following <= START + TRIED_FOR
    assert following - now <= timedelta(hours=4.8)
    if asked <= 4 * 3600:
        assert following >= min(START + TRIED_FOR, now + timedelta(seconds=asked))


def test_after_a_day_there_is_no_other_attempt():
    """However few there were, as after a long time without any worker."""
    late = START + TRIED_FOR
    assert next_attempt(1, START, late, first_pause=timedelta(seconds=5), jitter=0, asked=timedelta(hours=1)) is None
