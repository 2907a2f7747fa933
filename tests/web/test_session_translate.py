"""Batches, sessions and upload statuses on the wire: every key, of the right type, from the right place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.asset import State
from calotype.domain.picture import MediaType
from calotype.domain.upload_session import (
    BatchItem,
    BatchResult,
    FileOutcome,
    Rejection,
    SessionFile,
    SessionPage,
    SessionProgress,
    SessionResults,
    SessionStatus,
    SessionSummary,
)
from calotype.domain.upload_status import IntentStatus, UploadPhase, UploadStatus
from calotype.web.apis.files.translate import session as translate
from calotype.web.apis.files.translate.upload_status import status_to_wire, stuck_to_wire
from tests.contracts.session_shapes import BATCH, SESSION, SESSION_LIST, SESSION_RESULTS, UPLOAD_STATUS
from tests.contracts.shapes import conforms
from tests.web.test_files_translate import ASSETS, MOMENTS, STATES, TEXTS, link, sent

ENDED = [outcome for outcome in FileOutcome if outcome is not FileOutcome.PENDING]
NUMBERS = st.integers(0, 10_000)
ITEMS = st.builds(
    BatchItem,
    index=NUMBERS,
    asset_id=st.uuids(),
    filename=TEXTS,
    object_key=TEXTS,
    outcome=st.sampled_from(ENDED),
    milliseconds=st.floats(0, 1e6),
    storage_target=st.just("default"),
    media=st.none() | st.just(MediaType("image", "image/jpeg", "jpeg")),
    error=st.none() | TEXTS,
)
REJECTIONS = st.builds(Rejection, NUMBERS, TEXTS, TEXTS.filter(bool), st.booleans())
FILES = st.builds(
    SessionFile,
    index=NUMBERS,
    asset_id=st.uuids(),
    filename=TEXTS,
    object_key=TEXTS,
    outcome=st.sampled_from(ENDED),
    created_at=MOMENTS,
    ended_at=st.none() | MOMENTS,
    error=st.none() | TEXTS,
    retryable=st.booleans(),
    description=st.none() | TEXTS,
)


@st.composite
def summaries(draw):
    """Sessions whose numbers add up."""
    completed, failed, skipped, pending = (draw(NUMBERS) for _ in range(4))
    return SessionSummary(
        id=draw(st.uuids()),
        status=draw(st.sampled_from(SessionStatus)),
        created_at=draw(MOMENTS),
        started_at=draw(st.none() | MOMENTS),
        completed_at=draw(st.none() | MOMENTS),
        total=completed + failed + skipped + pending,
        completed=completed,
        failed=failed,
        skipped=skipped,
    )


@given(st.uuids(), st.lists(ITEMS, max_size=5), st.lists(REJECTIONS, max_size=4))
def test_a_batch_answer_says_what_became_of_every_file(session_id, items, rejections):
    """Nine keys, items of twelve; results up to five files sent, rejections only where there are any."""
    body = sent(translate.batch_to_wire(BatchResult(session_id, tuple(items), tuple(rejections))))

    conforms(body, BATCH)
    assert body["total_files"] == body["accepted_files"] + body["rejected_files"] == len(items) + len(rejections)
    assert (body["accepted_files"], body["rejected_files"]) == (len(items), len(rejections))
    assert body["status_url"] == f"/api/v2/uploads/sessions/{session_id}/status"
    assert body["websocket_channel"] == f"batch.{session_id}"
    assert (body["immediate_results"] is None) == (len(items) + len(rejections) > 5)
    assert (body["rejections"] is None) == (not rejections)
    for told, item in zip(body["immediate_results"] or [], items, strict=body["immediate_results"] is not None):
        is_skipped = item.outcome is FileOutcome.SKIPPED
        assert (told["status"], told["skipped"]) == (item.outcome.value, is_skipped)
        assert told["image_id"] == str(item.asset_id)
        assert told["skipped_existing_image_id"] == (str(item.asset_id) if is_skipped else None)
        assert (told["filename"], told["object_key"], told["error"]) == (item.filename, item.object_key, item.error)
        assert told["media_type"] == (item.media.media_type if item.media else None)
    for told, rejection in zip(body["rejections"] or [], rejections, strict=True):
        assert (told["index"], told["reason"], told["retryable"]) == (
            rejection.index,
            rejection.reason,
            rejection.retryable,
        )


@given(summaries(), st.lists(FILES, max_size=3), st.lists(FILES, max_size=3), MOMENTS)
def test_a_session_answer_says_where_it_stands(numbers, recent, errors, now):
    """Sixteen keys whatever the state, counters that add up, and the files in the order given."""
    progress = SessionProgress(numbers, tuple(recent), tuple(errors))
    try:
        body = sent(translate.progress_to_wire(progress, now))
    except OverflowError:
        assert numbers.estimated_end  # the end of time; times as far apart as these are no session's
        return

    conforms(body, SESSION)
    parts = ("completed_files", "failed_files", "skipped_files", "pending_files")
    assert sum(body[part] for part in parts) == body["total_files"] == numbers.total
    assert [body[part] for part in parts[:3]] == [numbers.completed, numbers.failed, numbers.skipped]
    assert (body["status"], body["progress_percentage"]) == (numbers.status.value, numbers.percentage)
    assert body["results_url"] == f"/api/v2/uploads/sessions/{numbers.id}/results"
    assert body["websocket_channel"] == f"batch.{numbers.id}"
    assert [file["image_id"] for file in body["recent_completions"]] == [str(file.asset_id) for file in recent]
    assert [file["error_message"] for file in body["recent_completions"]] == [file.error for file in recent]
    assert [file["index"] for file in body["recent_errors"]] == [file.index for file in errors]
    assert [file["error"] for file in body["recent_errors"]] == [file.error or "" for file in errors]


@given(summaries(), st.lists(st.tuples(FILES, st.none() | ASSETS), max_size=4), NUMBERS, st.integers(0, 3))
def test_a_page_of_results_says_what_is_left_of_each_file(numbers, found, offset, behind):
    """A file whose asset is gone has its row's values, and nothing where only the asset knew."""
    files = tuple(file for file, _ in found)
    assets = {file.asset_id: asset for file, asset in found if asset}
    results = SessionResults(numbers, files, assets, offset + len(files) + behind)
    body = sent(translate.results_to_wire(results, offset, 100, link))

    conforms(body, SESSION_RESULTS)
    assert body["has_more"] == (behind > 0)
    assert (body["total_count"], body["offset"], body["limit"]) == (results.total_count, offset, 100)
    assert body["summary"] == {
        "total_files": numbers.total,
        "completed": numbers.completed,
        "failed": numbers.failed,
        "skipped": numbers.skipped,
    }
    for told, file in zip(body["results"], files, strict=True):
        asset = assets.get(file.asset_id)
        assert (told["image_id"], told["object_key"]) == (str(file.asset_id), file.object_key)
        assert (told["status"], told["error_message"]) == (file.outcome.value, file.error)
        assert told["tags"] == (list(asset.tags) if asset else [])
        assert (told["description"], told["visible_text"]) == (
            (asset.description, asset.visible_text) if asset else (None, None)
        )


@given(st.lists(summaries(), max_size=4), NUMBERS, st.integers(0, 3))
def test_a_page_of_sessions_keeps_their_order(sessions, offset, behind):
    """Ten keys each, and whether more follow."""
    page = SessionPage(tuple(sessions), offset + len(sessions) + behind)
    body = sent(translate.page_to_wire(page, offset, 20))

    conforms(body, SESSION_LIST)
    assert [told["session_id"] for told in body["sessions"]] == [str(session.id) for session in sessions]
    assert (body["has_more"], body["total_count"]) == (behind > 0, page.total_count)


@given(
    st.builds(
        UploadStatus,
        id=st.uuids(),
        tenant_id=st.uuids(),
        phase=st.sampled_from(UploadPhase),
        stored=st.sampled_from([State.PENDING, State.COMPLETED, State.FAILED]),
        created_at=MOMENTS,
        updated_at=MOMENTS,
        variants=st.none() | st.sampled_from([State.PENDING, State.PROCESSING, State.COMPLETED, State.FAILED]),
        description=st.none() | STATES,
        intent=st.none() | st.sampled_from(IntentStatus),
        session_id=st.none() | st.uuids(),
        jobs=st.lists(st.uuids(), max_size=3).map(tuple),
        error=st.none() | TEXTS,
        failed_at=st.none() | MOMENTS,
        ended_at=st.none() | MOMENTS,
        retries=NUMBERS,
    ),
    st.booleans(),
)
def test_an_upload_status_has_every_key(status, is_stuck):
    """Fifteen keys, five of them within the parts, whatever the upload is."""
    body = sent(status_to_wire(status, is_stuck=is_stuck))

    conforms(body, UPLOAD_STATUS)
    assert (body["unified_status"], body["is_stuck"]) == (status.phase.value, is_stuck)
    assert body["is_terminal"] == (body["unified_status"] in {"completed", "partially_completed", "failed"})
    assert (body["completed_at"] is None) == (not body["is_terminal"])
    assert body["batch_id"] == (str(status.session_id) if status.session_id else None)
    assert len(body["task_intent_ids"]) == len(status.jobs)
    stuck = sent(stuck_to_wire([status], 7))
    assert (stuck["stuck_count"], [image["is_stuck"] for image in stuck["images"]]) == (7, [True])
    assert stuck.keys() == {"stuck_count", "images"}


@given(st.uuids())
def test_a_channel_names_its_session_in_any_case(session_id):
    """What a channel is made of is read back from it, and told in lower case."""
    channel = translate.channel_of(session_id)

    assert channel == f"batch.{str(session_id).lower()}"
    assert translate.session_of(channel) == session_id
    assert translate.session_of(f"batch.{str(session_id).upper()}") == session_id


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "batch.",
        "batch",
        f"batch.{{{UUID(int=1)}}}",
        f"batch.urn:uuid:{UUID(int=1)}",
        f"batch.{UUID(int=1).hex}",
        f"Batch.{UUID(int=1)}",
        f"files.{UUID(int=1)}",
        f"batch.{UUID(int=1)}{'0' * 100_000}",
        "batch.\0",
        str(UUID(int=1)),
    ],
)
def test_what_is_no_channel_is_refused(channel):
    """Only the one spelling counts, and nothing of another kind brings the reader down."""
    with pytest.raises(ValueError):
        translate.session_of(channel)


@given(st.text(max_size=60))
def test_any_text_is_a_channel_or_refused(channel):
    """A stranger's text is a session or a ValueError, and nothing else."""
    try:
        session_id = translate.session_of(channel)
    except ValueError:
        return
    assert str(session_id) in channel.lower()


def test_a_file_that_has_not_ended_has_no_word_on_the_wire():
    """Pending files are never told among those that ended; should one be, it is a fault and no answer."""
    file = SessionFile(0, uuid4(), "a", "k", FileOutcome.PENDING, datetime(2026, 1, 1, tzinfo=UTC))
    numbers = SessionSummary(uuid4(), SessionStatus.PENDING, file.created_at, None, None, 1, 0, 0, 0)
    with pytest.raises(ValueError, match="not ended"):
        translate.progress_to_wire(SessionProgress(numbers, (file,), ()), file.created_at)
    assert json.loads(translate.progress_to_wire(SessionProgress(numbers, (), ()), file.created_at).model_dump_json())
