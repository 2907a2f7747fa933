"""Rows of upload sessions: computed numbers, final outcomes, and nobody's but one's own."""

from __future__ import annotations

import itertools
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from calotype.db import session_file as file_rows
from calotype.db import upload_session as rows
from calotype.db.upload_status import select_failed_upload, select_sessions_of
from calotype.domain.asset import State
from calotype.domain.upload_session import FileOutcome, NewSession, SessionFile, SessionStatus
from tests.db.rows import NOW, add_one

PENDING, COMPLETED, FAILED, SKIPPED = FileOutcome


def file(index, outcome=PENDING, **values):
    """One file of a session, that ended a second after the one before it."""
    ended_at = None if outcome is PENDING else NOW + timedelta(seconds=index + 1)
    plain = {"asset_id": uuid4(), "filename": f"{index}.jpg", "object_key": "key", "created_at": NOW}
    return SessionFile(**{**plain, "index": index, "outcome": outcome, "ended_at": ended_at, **values})


async def begin(database, scope, *files, received=True):
    """A session with those files; returns its id."""
    session_id = uuid4()
    async with database.write() as connection:
        await rows.insert_upload_session(
            connection, scope, NewSession(session_id, scope.tenant_id, NOW, "verify", "quick")
        )
        assert await file_rows.insert_session_files(connection, scope, session_id, files) == len(files)
        if received:
            await rows.update_received(connection, scope, session_id)
    return session_id


async def summary(database, scope, session_id):
    """A session in numbers."""
    async with database.read() as connection:
        return await rows.select_session_summary(connection, scope, session_id)


def expected_status(outcomes, *, received, closed):
    """The status of a session by the words of 7.3."""
    if closed:
        return closed
    if not received:
        return "uploading"
    if all(outcome is not PENDING for outcome in outcomes):
        return "failed" if all(outcome is FAILED for outcome in outcomes) else "completed"
    return "pending" if all(outcome is PENDING for outcome in outcomes) else "processing"


@pytest.mark.parametrize("closed", [None, SessionStatus.CANCELLED, SessionStatus.EXPIRED])
@pytest.mark.parametrize("received", [False, True])
async def test_status_and_numbers_follow_from_the_rows(database, scope, received, closed):
    """For all kinds of files there can be, closed or not, read to the end or not."""
    for outcomes in itertools.chain.from_iterable(
        itertools.combinations_with_replacement(FileOutcome, length) for length in range(4)
    ):
        files = [file(index, outcome) for index, outcome in enumerate(outcomes)]
        session_id = await begin(database, scope, *files, received=received)
        if closed:
            async with database.write() as connection:
                assert await rows.update_closed(connection, scope, session_id, closed)

        found = await summary(database, scope, session_id)

        assert found.status == expected_status(outcomes, received=received, closed=closed), outcomes
        assert (found.completed_at is not None) == found.status.is_terminal
        assert (found.total, found.pending) == (len(outcomes), outcomes.count(PENDING))
        assert (found.completed, found.failed, found.skipped) == tuple(
            outcomes.count(outcome) for outcome in (COMPLETED, FAILED, SKIPPED)
        )
        assert found.started_at == (NOW if outcomes else None)


async def test_files_are_read_back_as_they_were(database, scope):
    """In the order sent, or the last that ended first, windows and outcomes included; long descriptions are cut."""
    outcomes = [COMPLETED, PENDING, FAILED, SKIPPED, COMPLETED]
    files = [file(index, outcome, error="why", retryable=index == 2) for index, outcome in enumerate(outcomes)]
    files[4] = file(4, COMPLETED, description="ü" * 300)
    session_id = await begin(database, scope, *files)

    async with database.read() as connection:

        async def read(*wanted, **window):
            return await file_rows.select_session_files(
                connection, scope, session_id, set(wanted or FileOutcome), **window
            )

        found = await read()
        assert found[:4] == files[:4]
        assert found[4].description == "ü" * 100
        assert [one.index for one in await read(COMPLETED, FAILED, SKIPPED, newest=True, limit=3)] == [4, 3, 2]
        assert [one.index for one in await read(COMPLETED, SKIPPED, offset=1, limit=1)] == [3]
        assert await file_rows.count_session_files(connection, scope, session_id, {COMPLETED, FAILED}) == 3
        ended = await file_rows.select_ended_indexes(connection, scope, session_id)
        assert list(ended.items()) == [(0, COMPLETED), (2, FAILED), (3, SKIPPED), (4, COMPLETED)]


async def test_a_place_in_a_session_is_taken_once(database, scope):
    """A row that is there already stays as it is, so writing it twice does no harm."""
    session_id = await begin(database, scope, file(0, SKIPPED), received=False)
    async with database.write() as connection:
        assert (
            await file_rows.insert_session_files(connection, scope, session_id, [file(0, FAILED), file(1, FAILED)]) == 1
        )

    found = await summary(database, scope, session_id)
    assert (found.failed, found.skipped) == (1, 1)


@pytest.mark.parametrize(
    ("variants", "description", "outcome"),
    [
        (State.PENDING, State.PENDING, PENDING),
        (State.PROCESSING, State.SKIPPED, PENDING),
        (State.COMPLETED, State.PENDING, PENDING),
        (State.COMPLETED, State.PROCESSING, PENDING),
        (State.PENDING, State.COMPLETED, PENDING),
        (State.COMPLETED, State.COMPLETED, COMPLETED),
        (State.COMPLETED, State.FAILED, COMPLETED),
        (State.COMPLETED, State.SKIPPED, COMPLETED),
        (None, None, COMPLETED),
        (State.FAILED, State.FAILED, FAILED),
        (State.FAILED, State.COMPLETED, FAILED),
        (State.FAILED, None, FAILED),
    ],
)
async def test_a_file_is_settled_once_all_work_on_it_has_ended(database, scope, variants, description, outcome):
    """By its variants; a second look changes nothing, whatever the states are then."""
    asset_id = await add_one(database, scope, variant_status=variants, description_status=description)
    session_id = await begin(database, scope, file(0, asset_id=asset_id))
    async with database.write() as connection:
        values = {"id": asset_id, "error": "why" if variants is State.FAILED else None}
        await connection.execute(
            text("UPDATE asset SET variant_error = :error, description = 'A pier.' WHERE id = :id"), values
        )

    for _ in range(2):
        async with database.write() as connection:
            await file_rows.settle_session_files(connection, scope, asset_id)
        async with database.read() as connection:
            (found,) = await file_rows.select_session_files(connection, scope, session_id, set(FileOutcome))
        assert found.outcome is outcome
        assert found.error == ("why" if outcome is FAILED else None)
        assert (found.description, found.ended_at is None) == (
            (None, True) if outcome is PENDING else ("A pier.", False)
        )
        if outcome is not PENDING:
            async with database.write() as connection:
                await connection.execute(
                    text("UPDATE asset SET variant_status = 'failed', variant_error = 'later' WHERE id = :id"),
                    {"id": asset_id},
                )


async def test_what_has_ended_is_not_ended_again(database, scope):
    """Only waiting rows take a reason, and only those of the files named."""
    named, other = file(0), file(1)
    ended = file(2, COMPLETED)
    session_id = await begin(database, scope, named, other, ended)
    async with database.write() as connection:
        ids = [named.asset_id, ended.asset_id]
        assert await file_rows.update_pending_files(connection, scope, ids, "Cancelled") == 1
        assert await file_rows.update_pending_files(connection, scope, ids, "Deleted", FAILED) == 0
        assert await file_rows.update_pending_files(connection, scope, [], "Deleted") == 0

    async with database.read() as connection:
        found = await file_rows.select_session_files(connection, scope, session_id, set(FileOutcome))
    assert [(one.outcome, one.error) for one in found] == [(SKIPPED, "Cancelled"), (PENDING, None), (COMPLETED, None)]


async def test_a_session_is_closed_once(database, scope):
    """The second who closes finds nothing to close; the first one's word stays."""
    session_id = await begin(database, scope, file(0))
    async with database.write() as connection:
        assert await rows.update_closed(connection, scope, session_id, SessionStatus.EXPIRED)
        assert not await rows.update_closed(connection, scope, session_id, SessionStatus.CANCELLED)
        assert not await rows.update_closed(connection, scope, uuid4(), SessionStatus.CANCELLED)

    assert (await summary(database, scope, session_id)).status is SessionStatus.EXPIRED


async def test_nothing_of_another_tenant_is_read_or_changed(database, scope, other_scope):
    """Every function takes the tenant's word for nothing: foreign ids are unknown ids."""
    asset_id = await add_one(database, scope, variant_status=State.COMPLETED, description_status=None)
    waiting, failed = file(0, asset_id=asset_id), file(1, FAILED, retryable=True)
    session_id = await begin(database, scope, waiting, failed, received=False)
    before = await summary(database, scope, session_id)

    async with database.write() as connection:
        await file_rows.insert_session_files(connection, other_scope, session_id, [file(2)])
        await rows.update_received(connection, other_scope, session_id)
        await rows.update_reader_seen(connection, other_scope, session_id)
        assert not await rows.update_closed(connection, other_scope, session_id, SessionStatus.CANCELLED)
        await file_rows.settle_session_files(connection, other_scope, asset_id)
        assert await file_rows.update_pending_files(connection, other_scope, [asset_id], "Deleted") == 0
        assert await rows.select_session_summary(connection, other_scope, session_id) is None
        assert await file_rows.select_session_files(connection, other_scope, session_id, set(FileOutcome)) == []
        assert await file_rows.count_session_files(connection, other_scope, session_id, set(FileOutcome)) == 0
        assert await file_rows.select_ended_indexes(connection, other_scope, session_id) == {}
        assert await rows.select_session_summaries(connection, other_scope, None, 0, 10) == ([], 0)
        assert await select_sessions_of(connection, other_scope, [asset_id]) == {}
        assert await select_failed_upload(connection, other_scope, failed.asset_id) is None

    assert await summary(database, scope, session_id) == before
    async with database.read() as connection:
        assert await select_sessions_of(connection, scope, [asset_id]) == {asset_id: session_id}
        assert await select_failed_upload(connection, scope, failed.asset_id) is not None


async def test_sessions_are_counted_by_status_on_every_page(database, scope):
    """Also on a page behind the last one."""
    for outcome in (COMPLETED, PENDING, COMPLETED):
        await begin(database, scope, file(0, outcome))

    async with database.read() as connection:
        for offset, here in ((0, 2), (1, 1), (2, 0)):
            found, total = await rows.select_session_summaries(connection, scope, SessionStatus.COMPLETED, offset, 10)
            assert (len(found), total) == (here, 2)


async def test_ending_a_job_looks_at_waiting_rows_only(database):
    """The statement at the end of every job reads the index of what waits, however many sessions there were."""
    async with database.read() as connection:
        plan = await connection.execute(
            text(f"EXPLAIN {file_rows._SETTLE.text}"), {"tenant_id": uuid4(), "asset_id": uuid4()}
        )
        found = "\n".join(plan.scalars())
    assert "upload_session_file_pending" in found
    assert "Seq Scan" not in found
