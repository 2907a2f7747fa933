"""The numbers of a session and the word for a batch, for all there can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.upload_session import (
    BatchItem,
    BatchResult,
    FileOutcome,
    Rejection,
    SessionFile,
    SessionStatus,
    SessionSummary,
)

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
COUNTS = st.integers(0, 10_000)
OPEN = [SessionStatus.PENDING, SessionStatus.UPLOADING, SessionStatus.PROCESSING]


def summary(completed=0, failed=0, skipped=0, pending=0, status=SessionStatus.PROCESSING, started_at=NOW):
    """A session with those numbers."""
    total = completed + failed + skipped + pending
    return SessionSummary(UUID(int=0), status, NOW, started_at, None, total, completed, failed, skipped)


def batch(outcomes):
    """A batch each of whose files had the outcome, or was rejected where there is none."""
    items = [
        BatchItem(index, uuid4(), "a.jpg", "key", outcome, 1.0, "default")
        for index, outcome in enumerate(outcomes)
        if outcome
    ]
    rejections = [
        Rejection(index, "a.jpg", "why", retryable=False) for index, outcome in enumerate(outcomes) if not outcome
    ]
    return BatchResult(uuid4(), tuple(items), tuple(rejections))


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_numbers_of_a_session_add_up(completed, failed, skipped, pending):
    """Ended and pending are all there is, and the percentage is their share with one decimal."""
    found = summary(completed, failed, skipped, pending)

    assert found.completed + found.failed + found.skipped + found.pending == found.total
    assert found.pending == pending
    assert found.ended == completed + failed + skipped
    exact = Fraction(100 * found.ended, found.total) if found.total else Fraction(100)
    assert abs(Fraction(found.percentage) - exact) <= Fraction(51, 1000)
    assert found.percentage == round(found.percentage, 1)
    assert 0 <= found.percentage <= 100


@pytest.mark.parametrize(
    ("ended", "total", "percentage"),
    [(0, 0, 100.0), (0, 7, 0.0), (6, 8, 75.0), (1, 3, 33.3), (2, 3, 66.7), (8, 8, 100.0), (499, 500, 99.8)],
)
def test_the_percentage_of_a_session(ended, total, percentage):
    """As the specification writes it, 100 for a session without files."""
    assert summary(completed=ended, pending=total - ended).percentage == percentage


@given(st.integers(1, 500), st.integers(1, 500), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_the_rest_is_estimated_from_what_has_ended(ended, pending, passed):
    """It takes as long for each as those before took on the average."""
    estimated = summary(completed=ended, pending=pending).estimated_end(NOW + passed)

    assert estimated >= NOW + passed
    assert abs((estimated - NOW - passed) * ended - passed * pending) <= timedelta(microseconds=2 * ended * pending)


@pytest.mark.parametrize(
    "found",
    [
        summary(pending=3),
        summary(completed=3),
        summary(),
        summary(completed=1, pending=1, started_at=None),
        *(summary(completed=1, pending=1, status=status) for status in SessionStatus if status not in OPEN),
    ],
)
def test_nothing_is_estimated_before_the_first_and_after_the_last_file(found):
    """Nobody can know, or nobody has to."""
    assert found.estimated_end(NOW + timedelta(hours=1)) is None


@pytest.mark.parametrize("status", SessionStatus)
def test_a_session_is_over_in_all_but_three_states(status):
    """Pending, uploading and processing go on; everything else is final."""
    assert status.is_terminal == (status not in OPEN)


@given(st.lists(st.sampled_from(["stored", "failed", "skipped", "rejected"]), min_size=1, max_size=8))
def test_the_status_of_a_batch_is_that_of_the_specification(fates):
    """All rejected: rejected; else all accepted failed: failed; else any failed or rejected: partial; else completed."""
    words = {
        "stored": FileOutcome.COMPLETED,
        "failed": FileOutcome.FAILED,
        "skipped": FileOutcome.SKIPPED,
        "rejected": None,
    }
    found = batch([words[fate] for fate in fates])

    accepted = [fate for fate in fates if fate != "rejected"]
    if not accepted:
        expected = "rejected"
    elif set(accepted) == {"failed"}:
        expected = "failed"
    elif {"failed", "rejected"} & set(fates):
        expected = "partial"
    else:
        expected = "completed"
    assert found.status == expected
    assert found.total == len(fates)


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0.0412, 41.2), (0.04126, 41.3), (0, 0.0), (-5, 0.0), (90, 90_000.0)]
)
def test_a_file_takes_milliseconds_from_its_arrival_to_its_end(seconds, milliseconds):
    """With one decimal, never negative although two machines' clocks may be compared; nothing before its end."""
    file = SessionFile(0, uuid4(), "a.jpg", "key", FileOutcome.COMPLETED, NOW, NOW + timedelta(seconds=seconds))
    assert file.milliseconds == milliseconds
    assert SessionFile(0, uuid4(), "a.jpg", "key", FileOutcome.PENDING, NOW).milliseconds is None
