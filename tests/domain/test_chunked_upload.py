"""How a video is cut into chunks, and how far it has come by those that were confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.chunked_upload import (
    MAX_CHUNKS,
    ChunkedStatus,
    ChunkedUpload,
    ChunkTally,
    Priority,
    UploadChunk,
    clean_etag,
    failed_chunks,
    matching,
    missing_chunks,
    plan_chunks,
    require_number,
    require_open,
)
from calotype.domain.errors import Conflict, Expired, InvalidInput, NotFound

START = datetime(2026, 6, 12, 9, tzinfo=UTC)


def upload(size_bytes=1000, chunk_bytes=100, **values):
    """An upload of ten chunks, begun at a fixed time."""
    known = {
        "id": uuid4(),
        "tenant_id": uuid4(),
        "upload_id": "x",
        "batch_id": None,
        "object_key": "x",
        "original_filename": "x.mp4",
        "content_type": "video/mp4",
        "size_bytes": size_bytes,
        "chunk_bytes": chunk_bytes,
        "total_chunks": -(-size_bytes // chunk_bytes),
        "title": None,
        "tags": (),
        "custom_metadata": None,
        "priority": Priority.NORMAL,
        "status": ChunkedStatus.UPLOADING,
        "created_at": START,
        "updated_at": START,
        "expires_at": START + timedelta(days=1),
    }
    return ChunkedUpload(**known | values)


@given(st.integers(1, 1 << 50), st.integers(1, 1 << 30))
def test_chunks_cover_a_file_of_any_size_and_are_never_too_many(size, preferred):
    """At most 10,000 of the preferred size or larger; all but the last are equal, and the last is not empty."""
    plan = plan_chunks(size, preferred)
    assert 1 <= plan.total <= MAX_CHUNKS
    assert plan.chunk_bytes >= preferred
    assert (plan.total - 1) * plan.chunk_bytes + plan.size_of(plan.total) == size
    assert 1 <= plan.size_of(plan.total) <= plan.chunk_bytes
    assert plan.total == 1 or plan.size_of(1) == plan.chunk_bytes
    if size <= preferred * MAX_CHUNKS:
        assert plan.chunk_bytes == preferred


@given(st.integers(1, 50), st.sets(st.integers(1, 50)))
def test_the_missing_chunks_are_those_not_confirmed(total, confirmed):
    """In order, whatever has no row, no bytes, or no confirmation."""
    chunks = [UploadChunk(number, 0, "k", 100, "e", START) for number in sorted(confirmed) if number <= total]
    missing = missing_chunks(upload(total * 100), chunks)
    assert missing == [number for number in range(1, total + 1) if number not in confirmed]


def test_failed_are_those_asked_for_again_or_too_short_until_they_are_confirmed():
    """A chunk that is only under way has not failed; the last chunk may be short."""
    chunks = [
        UploadChunk(1, 0, "k", 100, "e", START),
        UploadChunk(2, 0, "k", 99, "e", None),
        UploadChunk(3, 1, None, None, None, None),
        UploadChunk(4, 2, "k", 100, "e", START),
        UploadChunk(5, 0, "k", 100, "e", None),
        UploadChunk(10, 0, "k", 50, "e", None),
    ]
    assert failed_chunks(upload(950), chunks) == (2, 3)


@given(st.integers(0, 10), st.integers(1, 100_000))
def test_percent_and_time_follow_what_was_confirmed(confirmed, seconds):
    """100 and 0 seconds exactly at the end; the time left is that of the rest at the rate so far, unknown before any."""
    tally = ChunkTally(10, 1000, confirmed, confirmed * 100, START + timedelta(seconds=seconds) if confirmed else None)
    percent, left = tally.percent_of(upload()), tally.seconds_left(upload())
    assert percent == confirmed * 10
    if confirmed == 0:
        assert left is None
    elif confirmed == 10:
        assert left == 0
    else:
        assert left == pytest.approx(seconds * (10 - confirmed) / confirmed, abs=1.01)


def test_percent_is_not_rounded_up_to_a_hundred():
    """One of 10,000 chunks missing is not all."""
    assert ChunkTally(confirmed=9_999).percent_of(upload(10_000, 1)) == 99.9


@pytest.mark.parametrize("written", ["abc", '"abc"', ' "abc" ', 'W/"abc"'])
def test_an_etag_is_the_same_however_it_is_written(written):
    """With quotes and without, as clients hand on what the header said."""
    assert clean_etag(written) == "abc"


def test_an_upload_expires_only_while_it_is_open():
    """What has ended in time never expires; what was reaped has, whatever the clock says."""
    late = START + timedelta(days=2)
    assert upload().is_expired(late)
    assert not upload().is_expired(START)
    assert upload(reaped_at=START).is_expired(START)
    assert not upload(status=ChunkedStatus.COMPLETED, reaped_at=START).is_expired(late)
    assert not upload(status=ChunkedStatus.ABORTED, reaped_at=START).is_expired(late)


@pytest.mark.parametrize("other", ["", "x", "0" * 31 + "1", "\ud800", "é" * 32])
def test_an_upload_is_found_by_its_own_word_only(other):
    """Whatever is sent in its place, text that cannot be encoded too, finds nothing."""
    made = upload(upload_id="0" * 32)
    assert matching(made, "0" * 32) is made
    for found, word in ((made, other), (None, "0" * 32)):
        with pytest.raises(NotFound):
            matching(found, word)


def test_only_an_open_upload_takes_chunks_and_only_its_own():
    """One that has ended is a conflict, one whose time is over has expired, at once where a time is given."""
    made = upload()
    late = made.expires_at + timedelta(seconds=1)
    require_open(made)
    require_open(made, made.expires_at)
    require_open(made, None)
    with pytest.raises(Expired):
        require_open(made, late)
    with pytest.raises(Expired):
        require_open(replace(made, reaped_at=late))
    for status in set(ChunkedStatus) - {ChunkedStatus.UPLOADING}:
        with pytest.raises(Conflict):
            require_open(replace(made, status=status), late)
    require_number(made, made.total_chunks)
    with pytest.raises(InvalidInput):
        require_number(made, made.total_chunks + 1)
