"""Requests that are refused as a whole or break off, and tools that fail in the middle."""

from __future__ import annotations

import asyncio

import pytest

from calotype.domain.errors import InvalidInput, Refused, TooLarge, Unavailable
from calotype.domain.upload_session import BatchStatus, SessionStatus
from calotype.services.batch_upload import BatchLimits
from tests.services.batches import (
    FAILED,
    PLAIN,
    SKIPPED,
    STORED,
    FailingStore,
    ForgetfulDatabase,
    all_ids,
    counts,
    live,
    options,
    outcomes,
    photos,
    progress,
    rows,
    send,
    summary,
    until,
    work,
)
from tests.services.library import chunks, photo

MIB = 1024 * 1024


class ConnectionLost(Exception):
    """What a web framework raises when the client is gone."""


class FieldRefused(Exception):
    """What a door raises that does not like a field."""


async def broken_off(data, error):
    """The beginning of a file, and then no more."""
    yield data[: len(data) // 2]
    raise error


def sessions(library):
    """(id, closed as, whether it was read to its end) of a tenant's sessions."""
    return library.sql(
        "SELECT id, closed_as, received_at IS NOT NULL FROM upload_session WHERE tenant_id = %s",
        library.scope.tenant_id,
    )


# ------------------------------------------------------------- whole requests


async def _refused(library, files, error, refusals=(), late=None):
    with pytest.raises(error) as raised:
        await send(library, files, late=late, refusals=refusals)
    return raised.value


def _expect_nothing_taken(library):
    """Nothing is listed or waits, no object stays without a row, and the session is cancelled."""
    assert live(library) == {}
    found = sessions(library)
    assert [closed_as for _, closed_as, _ in found] == ["cancelled"]
    assert all(outcome == "skipped" for _, outcome, _, _ in rows(library, found[0][0]))
    assert all(library.jobs(asset_id) == [] for *_, asset_id in rows(library, found[0][0]))
    assert len(library.objects()) == len(all_ids(library))


async def test_of_a_batch_of_too_many_files_nothing_is_taken(library):
    """One file too many refuses them all, once the request has been read to its end."""
    service = library.services.batch_uploads
    service.limits, whole = BatchLimits(4, service.limits.max_bytes), service.limits
    read = []

    async def noted(name):
        async for chunk in chunks(photo()):
            yield chunk
        read.append(name)

    try:
        error = await _refused(library, [(f"{index}.jpg", noted(index)) for index in range(7)], Refused)
    finally:
        service.limits = whole

    assert error.context["limit"] == 4
    assert read == list(range(7))
    _expect_nothing_taken(library)


async def test_of_a_batch_of_too_many_bytes_nothing_is_taken(library):
    """The limit of the whole request holds over all its files."""
    service = library.services.batch_uploads
    service.limits, whole = BatchLimits(100, 2 * MIB), service.limits
    try:
        await _refused(library, [*photos(3), ("large.jpg", photo() + bytes(3 * MIB))], TooLarge)
    finally:
        service.limits = whole

    _expect_nothing_taken(library)


async def test_of_a_malformed_body_nothing_is_taken(library):
    """A fault of the request itself in the middle of a file, small or large, is no fault of that file."""
    for size in (0, 2 * MIB):
        other = await library.neighbour()
        broken = broken_off(photo() + bytes(size), InvalidInput("the multipart body is malformed", field="body"))

        await _refused(other, [*photos(20), ("broken.jpg", broken)], InvalidInput)

        _expect_nothing_taken(other)


async def test_of_a_request_that_the_door_refuses_nothing_is_taken(library):
    """A bad field behind the files takes back all that was stored, finished files included."""
    ids = []

    async def refused():
        async with library.services.batch_uploads.reading(library.scope, (FieldRefused,)) as batch:
            ids.append(batch.session_id)
            for name, data in photos(3):
                await batch.take(name, chunks(data), PLAIN)
            await until(lambda: len(rows(library, batch.session_id)) == 3)
            await work(library, rows(library, batch.session_id)[0][3])
            raise FieldRefused

    with pytest.raises(FieldRefused):
        await refused()

    assert live(library) == {}
    found = await summary(library, ids[0])
    assert found.status is SessionStatus.CANCELLED
    assert counts(found) == (1, 0, 2, 0)


async def test_a_request_without_files_leaves_no_session(library):
    """There is nothing to ask about later."""
    with pytest.raises(InvalidInput) as raised:
        await send(library, [])

    assert raised.value.context["field"] == "files"
    assert sessions(library) == []


@pytest.mark.parametrize("size", [0, 2 * MIB])
async def test_a_lost_connection_keeps_what_had_arrived_whole_and_ends_the_session(library, size):
    """The half file leaves nothing, the whole ones are worked on, and then the session is completed."""
    broken = broken_off(photo() + bytes(size), ConnectionLost())

    with pytest.raises(ConnectionLost):
        await send(library, [*photos(18), ("broken.jpg", broken)])

    kept = live(library)
    assert list(kept) == [f"{index}.jpg" for index in range(18)]
    assert len(library.objects()) == 18
    ((session_id, closed_as, is_received),) = sessions(library)
    assert (closed_as, is_received) == (None, True)
    assert (await summary(library, session_id)).status is SessionStatus.PENDING
    library.sql("UPDATE asset SET variant_status = 'completed' WHERE tenant_id = %s", library.scope.tenant_id)
    await library.services.sessions.settle_missed()
    assert (await summary(library, session_id)).status is SessionStatus.COMPLETED


async def test_a_cancelled_request_keeps_what_had_arrived_and_ends_the_session(library):
    """A server that stops cancels its requests; what is committed is kept and the session is not left open."""
    arrived = asyncio.Event()

    async def endless():
        yield photo()
        arrived.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(send(library, [*photos(3), ("endless.jpg", endless())]))
    await arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert len(live(library)) == 3
    assert [row[1:] for row in sessions(library)] == [(None, True)]


async def test_a_reader_whose_heart_stops_is_not_left_behind(library):
    """However a request ends, nothing goes on telling that it is being read."""
    before = asyncio.all_tasks()
    await send(library, photos(1))
    with pytest.raises(ConnectionLost):
        await send(library, [*photos(1), ("broken.jpg", broken_off(photo(), ConnectionLost()))])
    with pytest.raises(InvalidInput):
        await send(library, [*photos(1), ("broken.jpg", broken_off(photo(), InvalidInput("malformed")))])

    left = asyncio.all_tasks() - before
    await asyncio.wait(left, timeout=10) if left else None
    assert not {task for task in left if not task.done()}


# ---------------------------------------------------------------- failing tools


async def test_a_file_whose_bytes_cannot_be_stored_fails_by_itself(library, monkeypatch):
    """It has an id of which nothing is listed, is part of the session as failed, and may be sent again."""
    monkeypatch.setattr(
        library.services.ingest, "_store", FailingStore(library.services.ingest._store, "/1.jpg", "/large.jpg")
    )

    result = await send(library, [*photos(4), ("large.jpg", photo() + bytes(2 * MIB)), ("last.jpg", photo())])

    assert outcomes(result) == [STORED, FAILED, STORED, STORED, FAILED, STORED]
    assert result.status is BatchStatus.PARTIAL
    assert list(live(library)) == ["0.jpg", "2.jpg", "3.jpg", "last.jpg"]
    found = await progress(library, result.session_id)
    assert (found.summary.total, counts(found.summary)) == (6, (0, 2, 0, 4))
    assert {(file.index, file.retryable) for file in found.errors} == {(1, True), (4, True)}
    assert {file.asset_id for file in found.errors} == {
        item.asset_id for item in result.items if item.outcome is FAILED
    }
    assert len(library.objects()) == 4
    assert all(item.error for item in result.items if item.outcome is FAILED)


async def test_a_batch_none_of_whose_files_could_be_stored_has_failed(library, monkeypatch):
    """All accepted files failed, so did the batch, and its session with it."""
    monkeypatch.setattr(library.services.ingest, "_store", FailingStore(library.services.ingest._store, ".jpg"))

    result = await send(library, [*photos(3), ("a.bin", b"text")])

    assert result.status is BatchStatus.FAILED
    assert (await summary(library, result.session_id)).status is SessionStatus.FAILED


async def test_a_connection_lost_while_rows_are_written_fails_those_files_only(library, monkeypatch):
    """What was to be written together fails together and leaves no row; what comes before and after is stored."""
    ingest = library.services.ingest
    known, groups = ingest._known, []

    async def kill_second(connection, scope, files, *more):
        groups.append([received.filename for received, _ in files])
        if len(groups) == 2:
            (own,) = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).one()
            library.sql("SELECT pg_terminate_backend(%s, 5000)", own)
        return await known(connection, scope, files, *more)

    monkeypatch.setattr(ingest, "_known", kill_second)

    result = await send(library, photos(40), options(skip_duplicates=True))

    lost = {int(name.partition(".")[0]) for name in groups[1]}
    assert outcomes(result) == [FAILED if index in lost else STORED for index in range(40)]
    assert set(live(library)) == {f"{index}.jpg" for index in range(40) if index not in lost}
    found = await summary(library, result.session_id)
    assert counts(found) == (0, len(lost), 0, 40 - len(lost))
    assert {item.asset_id for item in result.items if item.outcome is FAILED}.isdisjoint(live(library).values())


async def test_a_commit_whose_answer_was_lost_has_stored_its_files(library, monkeypatch):
    """What is in the database is said to be stored, and nothing is counted twice."""
    ingest = library.services.ingest
    monkeypatch.setattr(ingest, "_database", ForgetfulDatabase(ingest._database))

    result = await send(library, photos(3))

    assert outcomes(result) == [STORED, STORED, STORED]
    assert all(item.error is None for item in result.items)
    assert live(library) == {item.filename: item.asset_id for item in result.items}
    assert counts(await summary(library, result.session_id)) == (0, 0, 0, 3)


async def test_what_was_stored_without_anybody_knowing_is_taken_back_with_a_refused_request(library, monkeypatch):
    """A refused request leaves nothing listed, also of files whose commit was done and its answer lost."""
    ingest = library.services.ingest
    monkeypatch.setattr(ingest, "_database", ForgetfulDatabase(ingest._database))

    await _refused(library, [*photos(2), ("broken.jpg", broken_off(photo(), InvalidInput("malformed")))], InvalidInput)

    assert live(library) == {}


async def test_a_duplicate_is_skipped_although_its_bytes_cannot_be_removed(library, monkeypatch):
    """What a failing disk leaves behind is swept later; nobody's upload fails for it."""
    one = photo()
    first = await library.take_in(one)
    ingest = library.services.ingest
    monkeypatch.setattr(ingest, "_store", FailingStore(ingest._store, "never", deleting=True))

    result = await send(library, [("a.jpg", photo()), ("copy.jpg", one)], options(skip_duplicates=True))

    assert outcomes(result) == [STORED, SKIPPED]
    assert result.items[1].asset_id == first
    assert len(library.objects()) == 3
    await library.services.upkeep.sweep()
    assert len(library.objects()) == 2


async def test_a_database_that_fails_at_the_end_refuses_the_request_and_takes_everything_back(library, monkeypatch):
    """The client sends everything again, so what it sent before must not be there twice."""
    service = library.services.batch_uploads

    async def unlucky():
        async with service.reading(library.scope) as batch:
            for name, data in photos(2):
                await batch.take(name, chunks(data), PLAIN)
            monkeypatch.setattr(service, "database", ForgetfulDatabase(service.database))
            await batch.finish(PLAIN)

    with pytest.raises(Unavailable):
        await unlucky()

    assert live(library) == {}


async def test_a_fault_of_our_own_ends_the_request_and_is_no_fault_of_a_file(library, monkeypatch):
    """What nobody expects is not written down as a bad file; the session ends all the same."""

    async def fault(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(library.services.ingest, "receive_many", fault)

    with pytest.raises(ZeroDivisionError):
        await send(library, photos(3))

    assert [row[1:] for row in sessions(library)] == [(None, True)]
