"""A service that is down is left in peace, and one call at a time finds out whether it is back."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.ai.circuit_breaker import CircuitBreaker
from calotype.domain.errors import Unavailable


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """Not moving by itself."""
    return Clock()


@pytest.fixture
def breaker(clock):
    """Opens after three failures, for ten seconds."""
    return CircuitBreaker("it is away", failures=3, pause=10, clock=clock)


def fail(breaker, error=Unavailable):
    """One call that fails; returns what was raised."""
    with pytest.raises((Unavailable, ValueError)) as raised, breaker.call():
        raise error("down")
    return str(raised.value)


def succeed(breaker):
    """One call that is answered."""
    with breaker.call():
        pass


def test_failures_in_a_row_open_it(breaker, clock):
    """The third one is told as it was; after it nobody is let through until the pause is over."""
    assert [fail(breaker) for _ in range(5)] == ["down", "down", "down", "it is away", "it is away"]
    clock.now = 9.9
    assert fail(breaker) == "it is away"
    clock.now = 10
    succeed(breaker)
    assert fail(breaker) == "down"


def test_an_answer_between_them_starts_the_count_anew(breaker):
    """So does an error that is not the service's being away."""
    for _ in range(3):
        fail(breaker)
        fail(breaker)
        fail(breaker, ValueError)
    succeed(breaker)


def test_a_probe_that_fails_opens_it_again(breaker, clock):
    """For the whole pause, after one call."""
    for _ in range(3):
        fail(breaker)
    clock.now = 10
    assert [fail(breaker), fail(breaker)] == ["down", "it is away"]
    clock.now = 19.9
    assert fail(breaker) == "it is away"
    clock.now = 20
    assert fail(breaker) == "down"


def test_only_one_probe_is_let_through(breaker, clock):
    """While it runs all others are refused, however long it takes; then they are let through again."""
    for _ in range(3):
        fail(breaker)
    clock.now = 1000
    with breaker.call():
        assert [fail(breaker) for _ in range(5)] == ["it is away"] * 5
        clock.now = 2000
        assert fail(breaker) == "it is away"
    succeed(breaker)


async def test_a_cancelled_probe_makes_room_for_another(breaker, clock):
    """It said nothing: the next call is the probe."""
    for _ in range(3):
        fail(breaker)
    clock.now = 10

    async def hang():
        with breaker.call():
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await asyncio.sleep(0)
    assert fail(breaker) == "it is away"
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert [fail(breaker), fail(breaker)] == ["down", "it is away"]


async def test_late_failures_of_calls_begun_before_do_not_prolong_the_pause(breaker, clock):
    """Five calls fail at once, two of them after it was opened; ten seconds after the third a probe is let through."""
    gates = [asyncio.Event() for _ in range(5)]

    async def call(gate):
        with breaker.call():
            await gate.wait()
            raise Unavailable("down")

    calls = [asyncio.create_task(call(gate)) for gate in gates]
    await asyncio.sleep(0)
    for gate in gates[:3]:
        gate.set()
    await asyncio.wait(calls[:3])
    clock.now = 8
    for gate in gates[3:]:
        gate.set()
    await asyncio.wait(calls)
    assert all(isinstance(done.exception(), Unavailable) for done in calls)
    clock.now = 10
    succeed(breaker)


@given(st.lists(st.tuples(st.sampled_from(["fail", "succeed", "odd"]), st.integers(0, 6)), max_size=60))
def test_it_follows_its_model(steps):
    """Any sequence of calls one after the other: it lets through what a plain count would."""
    clock = Clock()
    breaker = CircuitBreaker("it is away", failures=3, pause=10, clock=clock)
    failures, until = 0, None
    for what, passes in steps:
        clock.now += passes
        refused = until is not None and clock.now < until
        if refused:
            assert fail(breaker) == "it is away"
        elif what == "fail":
            assert fail(breaker) == "down"
            failures += 1
            until = clock.now + 10 if failures >= 3 else None
        else:
            assert (succeed(breaker) is None) if what == "succeed" else (fail(breaker, ValueError) == "down")
            failures, until = 0, None
