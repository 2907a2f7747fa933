"""One word for an upload and all its parts, by the table of the specification."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.asset import State
from calotype.domain.upload_status import (
    STUCK_AFTER,
    UploadPhase,
    UploadStatus,
    phase_of_announcement,
    phase_of_parts,
)

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PENDING, PROCESSING, COMPLETED, FAILED, SKIPPED = State
TERMINAL = {UploadPhase.COMPLETED, UploadPhase.PARTIALLY_COMPLETED, UploadPhase.FAILED}


def status(phase=UploadPhase.PROCESSING, **values):
    """An upload of a while ago."""
    plain = {
        "id": uuid4(),
        "tenant_id": uuid4(),
        "phase": phase,
        "stored": COMPLETED,
        "created_at": NOW - timedelta(hours=1),
        "updated_at": NOW - timedelta(minutes=29),
    }
    return UploadStatus(**{**plain, **values})


@pytest.mark.parametrize(
    ("variants", "description", "phase"),
    [
        (PENDING, PENDING, "queued"),
        (PENDING, SKIPPED, "queued"),
        (PENDING, None, "queued"),
        (PROCESSING, PENDING, "processing"),
        (PROCESSING, SKIPPED, "processing"),
        (COMPLETED, PENDING, "processing"),
        (COMPLETED, PROCESSING, "processing"),
        (PENDING, COMPLETED, "processing"),
        (FAILED, PENDING, "processing"),
        (COMPLETED, COMPLETED, "completed"),
        (COMPLETED, SKIPPED, "completed"),
        (COMPLETED, None, "completed"),
        (None, None, "completed"),
        (COMPLETED, FAILED, "partially_completed"),
        (FAILED, COMPLETED, "partially_completed"),
        (FAILED, FAILED, "failed"),
        (FAILED, SKIPPED, "failed"),
        (FAILED, None, "failed"),
    ],
)
def test_the_phase_of_a_stored_upload(variants, description, phase):
    """Queued before anything has begun, processing until all has ended, then by what failed."""
    assert phase_of_parts(variants, description) == phase


@given(st.lists(st.none() | st.sampled_from(State), max_size=5))
def test_the_phase_follows_the_words_of_the_specification(parts):
    """Parts that do not exist count for nothing; order counts for nothing; the words are those of 7.7."""
    real = [part for part in parts if part not in {None, SKIPPED}]
    phase = phase_of_parts(*parts)

    assert phase_of_parts(*reversed(parts)) is phase
    assert (phase is UploadPhase.QUEUED) == (real != [] and set(real) == {PENDING})
    assert phase.is_terminal == all(part in {COMPLETED, FAILED} for part in real)
    if phase.is_terminal:
        assert (phase is UploadPhase.COMPLETED) == (FAILED not in real)
        assert (phase is UploadPhase.FAILED) == (set(real) == {FAILED})


@pytest.mark.parametrize(
    ("has_bytes", "is_expired", "phase"),
    [(False, False, "uploading"), (True, False, "confirming"), (False, True, "failed"), (True, True, "failed")],
)
def test_the_phase_of_an_announced_upload(has_bytes, is_expired, phase):
    """Uploading without bytes, confirming with them, failed once it has expired."""
    assert phase_of_announcement(has_bytes=has_bytes, is_expired=is_expired) == phase


@pytest.mark.parametrize("phase", UploadPhase)
def test_only_what_has_ended_is_terminal_and_has_an_end_and_a_duration(phase):
    """An upload that goes on has neither; one that has ended is never stuck."""
    found = status(phase, updated_at=NOW - timedelta(days=1), ended_at=NOW - timedelta(minutes=59, seconds=58.75))

    assert phase.is_terminal == (phase in TERMINAL)
    assert (found.completed_at, found.seconds) == ((found.ended_at, 1.25) if phase in TERMINAL else (None, None))
    assert found.is_stuck(NOW) == (phase not in TERMINAL)


def test_an_upload_is_stuck_from_the_moment_on_at_which_the_time_is_over():
    """Exactly thirty minutes count, a microsecond less does not; another time may be asked for."""
    last = NOW - STUCK_AFTER
    assert timedelta(minutes=30) == STUCK_AFTER
    assert status(updated_at=last).is_stuck(NOW)
    assert not status(updated_at=last + timedelta(microseconds=1)).is_stuck(NOW)
    assert status(updated_at=NOW - timedelta(minutes=1)).is_stuck(NOW, timedelta(minutes=1))


def test_clocks_that_differ_make_no_negative_duration():
    """The end may be written by another machine than the beginning."""
    assert status(UploadPhase.COMPLETED, ended_at=NOW - timedelta(hours=2)).seconds == 0.0
