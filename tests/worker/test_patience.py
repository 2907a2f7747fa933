"""How long the queue has patience with a job."""

from __future__ import annotations

import pytest
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job

from calotype.domain.errors import Unavailable
from calotype.domain.job import MOST_PASSING_FAULTS
from calotype.worker.tasks import Patience


def pauses(patience):
    """The pauses after each attempt of a job that always fails, until it is given up."""
    found = []
    for attempts in range(100):
        job = Job(id=1, queue="texts", lock=None, queueing_lock=None, task_name="describe", attempts=attempts)
        decision = patience.get_retry_decision(exception=Unavailable("away"), job=job)
        if decision is None:
            return found
        found.append((decision.retry_at - decision.retry_at.now(decision.retry_at.tzinfo)).total_seconds())
    raise AssertionError("never given up")


@pytest.mark.parametrize(("patience", "longest", "at_least"), [(Patience(), 60, 900), (Patience(300), 300, 3600)])
def test_pauses_grow_and_end(patience, longest, at_least):
    """Up to a bound, twenty times; a model that is away for an hour is waited for."""
    found = pauses(patience)
    assert len(found) == MOST_PASSING_FAULTS
    assert sum(found) > at_least
    assert max(found) <= longest
    assert found == sorted(found) or max(found[-5:]) - min(found[-5:]) < 1


def test_an_interrupted_job_goes_back_at_once():
    """However often it was begun."""
    job = Job(id=1, queue="texts", lock=None, queueing_lock=None, task_name="describe", attempts=99)
    assert Patience().get_retry_decision(exception=JobAborted(), job=job) is not None
