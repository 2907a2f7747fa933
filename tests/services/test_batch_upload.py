"""What is stored of a batch and what is said of it, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace

import pytest

from calotype.domain.errors import InvalidInput, Refused, TooLarge, Unavailable
from calotype.domain.upload_session import BatchStatus, FileOutcome, SessionStatus
from calotype.services.batch_upload import BatchLimits, BatchOptions
from tests.services.batches import (
    FAILED,
    PLAIN,
    SKIPPED,
    STORED,
    FailingStore,
    ForgetfulDatabase,
    counts,
    deadlocks,
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


def limit(library, **limits):
    """Give a tenant limits, as an operator does."""
    for column, value in limits.items():
        library.sql(f"UPDATE tenant SET {column} = %s WHERE id = %s", value, library.scope.tenant_id)


def sessions(library):
    """(id, closed as, whether it was read to its end) of a tenant's sessions."""
    return library.sql(
        "SELECT id, closed_as, received_at IS NOT NULL FROM upload_session WHERE tenant_id = %s",
        library.scope.tenant_id,
    )


# ------------------------------------------------------------------------ order


async def test_small_and_large_files_keep_the_order_in_which_they_were_sent(library):
    """A file above a MiB is stored while it arrives and smaller ones beside it, yet rows, answer and session keep the order."""
    sizes = [0, 3, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0]
    files = [(f"{index}.jpg", photo() + bytes(size * MIB)) for index, size in enumerate(sizes)]

    result = await send(library, files)

    assert [item.filename for item in result.items] == [name for name, _ in files]
    assert [row[3] for row in rows(library, result.session_id)] == [item.asset_id for item in result.items]
    assert list(live(library).items()) == [(item.filename, item.asset_id) for item in result.items]
    assert result.status is BatchStatus.COMPLETED


async def test_bytes_of_every_file_are_stored_as_sent(library):
    """Whatever the pieces in which it arrives, a file's checksum is that of what was sent."""
    data = [photo() + bytes(size) for size in (0, MIB - 1, MIB, MIB + 1, 2 * MIB)]

    result = await send(library, [(f"{index}.jpg", chunks(one, 65_537)) for index, one in enumerate(data)])

    for item, one in zip(result.items, data, strict=True):
        assert await library.services.trash._store.get(item.object_key) == one


async def test_memory_does_not_grow_with_the_size_of_a_batch(library):
    """Three hundred MiB in small and large files need hardly more memory than ten."""
    head = photo()

    async def content(size):
        yield head
        piece = bytes(64 * 1024)
        for _ in range(size // len(piece)):
            yield piece

    async def peak(large, small):
        files = [(f"l{index}.jpg", content(large_size)) for index, large_size in enumerate([large * MIB] * 4)]
        files += [(f"s{index}.jpg", content(MIB * 3 // 4)) for index in range(small)]
        tracemalloc.start()
        try:
            result = await send(library, files)
            highest = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert result.status is BatchStatus.COMPLETED
        for item in result.items:
            await library.services.trash._store.delete(item.object_key)
        return highest

    few = await peak(2, 4)
    many = await peak(60, 80)

    assert many < few + 6 * MIB
    assert many < 40 * MIB


async def test_what_is_wrong_with_one_file_costs_no_other(library):
    """Empty, foreign, broken and too large files are refused with their place, all others are stored."""
    library.services.ingest._limits, whole = (
        replace(library.services.ingest._limits, max_image_bytes=2 * MIB),
        library.services.ingest._limits,
    )
    files = [
        ("a.jpg", photo()),
        ("empty.jpg", b""),
        ("tool.exe", b"MZ" + bytes(4000)),
        ("b.jpg", photo()),
        ("large.jpg", photo() + bytes(3 * MIB)),
        ("short.png", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("c.jpg", photo()),
    ]
    try:
        result = await send(library, files)
    finally:
        library.services.ingest._limits = whole

    assert outcomes(result) == [STORED, None, None, STORED, None, None, STORED]
    assert not any(rejection.retryable for rejection in result.rejections)
    assert [rejection.filename for rejection in result.rejections] == [
        "empty.jpg",
        "tool.exe",
        "large.jpg",
        "short.png",
    ]
    assert result.status is BatchStatus.PARTIAL
    assert list(live(library)) == ["a.jpg", "b.jpg", "c.jpg"]
    assert (await summary(library, result.session_id)).total == 3
    assert len(library.objects()) == 3


async def test_a_batch_of_refused_files_only_is_a_session_that_failed(library):
    """Nothing was taken, so nothing is waited for."""
    result = await send(library, [("a.txt", b"text"), ("b.txt", b"")])

    assert result.status is BatchStatus.REJECTED
    found = await summary(library, result.session_id)
    assert (found.status, found.total, found.percentage) == (SessionStatus.FAILED, 0, 100.0)
    assert found.completed_at is not None


# ------------------------------------------------------------------- duplicates


async def test_a_repeat_in_the_batch_is_skipped_in_favour_of_the_first_in_order(library):
    """However far apart they are sent, and whatever their sizes, the first is stored and the others name it."""
    one, large = photo(), photo() + bytes(2 * MIB)
    others = photos(20)
    files = [("one.jpg", one), ("large.jpg", large), *others, ("one again.jpg", one), ("large again.jpg", large)]
    files.insert(1, ("one at once.jpg", one))

    result = await send(library, files, options(skip_duplicates=True))

    kept = live(library)
    assert outcomes(result).count(SKIPPED) == 3
    assert set(kept) == {"one.jpg", "large.jpg", *(name for name, _ in others)}
    by_name = {item.filename: item.asset_id for item in result.items}
    assert by_name["one again.jpg"] == by_name["one at once.jpg"] == kept["one.jpg"]
    assert by_name["large again.jpg"] == kept["large.jpg"]
    assert result.status is BatchStatus.COMPLETED
    assert len(library.objects()) == len(kept)


async def test_batches_at_once_of_the_same_contents_in_other_orders_store_each_content_once(library):
    """Whoever comes first stores a content, everybody else is pointed to it, and nobody waits for ever."""
    contents = [photo() for _ in range(24)]
    before = deadlocks(library)
    for turn in range(4):
        orders = [contents, contents[::-1], contents[turn + 5 :] + contents[: turn + 5], contents[::2] + contents[::-2]]
        fresh = [data + turn.to_bytes(4) for data in contents]
        results = await asyncio.gather(
            *(
                send(
                    library,
                    [(f"{turn}.jpg", fresh[contents.index(data)]) for data in order],
                    options(skip_duplicates=True),
                )
                for order in orders
            )
        )

        assert sum(outcomes(result).count(STORED) for result in results) == len(contents)
        assert all(result.status is BatchStatus.COMPLETED for result in results)
        stored = {item.asset_id for result in results for item in result.items if item.outcome is STORED}
        assert {item.asset_id for result in results for item in result.items} == stored
    count, different = library.sql(
        "SELECT count(*), count(DISTINCT checksum) FROM asset WHERE tenant_id = %s", library.scope.tenant_id
    )[0]
    assert count == different == 4 * len(contents)
    assert len(library.objects()) == count
    assert deadlocks(library) == before


async def test_a_duplicate_is_over_when_it_is_stored_and_keeps_the_beginning_of_the_description(library):
    """A session of duplicates has nothing to wait for, and does not change when its originals are described anew or go."""
    data = photo()
    first = await library.finished(data)
    text = "A pier. " * 30
    library.sql("UPDATE asset SET description = %s WHERE id = %s", text, first)

    result = await send(library, [("again.jpg", data)], options(skip_duplicates=True))

    found = await progress(library, result.session_id)
    assert found.summary.status is SessionStatus.COMPLETED
    assert counts(found.summary) == (0, 0, 1, 0)
    assert found.recent[0].description == text[:100]
    library.sql("UPDATE asset SET description = 'other' WHERE id = %s", first)
    await library.services.trash.delete(library.scope, first)
    await library.services.trash.purge_due()
    assert await progress(library, result.session_id) == found


# ----------------------------------------------------------------------- limits


@pytest.mark.parametrize("room", [0, 1, 17, 20])
async def test_of_a_batch_above_the_monthly_limit_exactly_the_first_are_accepted(library, room):
    """The order sent decides who gets the last places, also across the groups in which rows are written."""
    limit(library, monthly_upload_limit=room)

    result = await send(library, photos(20))

    assert outcomes(result) == [STORED] * room + [None] * (20 - room)
    assert all(rejection.retryable for rejection in result.rejections)
    assert len(library.objects()) == room
    assert (await summary(library, result.session_id)).total == room


async def test_of_a_batch_above_the_quota_those_that_fit_are_accepted_in_order(library):
    """A file too large for what is left is refused, and a smaller one behind it may still fit."""
    files = photos(3)
    files.insert(2, ("large.jpg", photo() + bytes(MIB)))
    limit(library, storage_quota_bytes=sum(len(data) for name, data in files if name != "large.jpg"))

    result = await send(library, files)

    assert outcomes(result) == [STORED, STORED, None, STORED]
    assert result.rejections[0].retryable
    assert len(library.objects()) == 3


async def test_duplicates_take_nothing_of_a_limit(library):
    """A repeat needs no place, so a later new file gets it."""
    one = photo()
    limit(library, monthly_upload_limit=2)

    files = [("a.jpg", one), ("b.jpg", one), ("c.jpg", one), ("d.jpg", photo()), ("e.jpg", photo())]
    result = await send(library, files, options(skip_duplicates=True))

    assert outcomes(result) == [STORED, SKIPPED, SKIPPED, STORED, None]


async def test_single_uploads_and_batches_racing_for_one_limit_never_pass_it(library):
    """Every place is taken once, whoever takes it, and nobody waits for ever."""
    limit(library, monthly_upload_limit=30)
    before = deadlocks(library)

    batches = [send(library, photos(20), options(skip_duplicates=turn == 0)) for turn in range(2)]
    singles = [library.take_in() for _ in range(12)]
    found = await asyncio.gather(*batches, *singles, return_exceptions=True)

    taken = sum(outcomes(result).count(STORED) for result in found[:2])
    taken += sum(not isinstance(result, Exception) for result in found[2:])
    assert taken == 30
    assert len(all_ids(library)) == len(library.objects()) == 30
    for result in found[:2]:
        told = outcomes(result)
        assert told == sorted(told, key=lambda outcome: outcome is None), "the first in order are accepted"
    assert deadlocks(library) == before


def all_ids(library):
    """The ids of all the tenant's files."""
    return library.sql("SELECT id FROM asset WHERE tenant_id = %s", library.scope.tenant_id)


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
    service = library.services.batches
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
    service = library.services.batches
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
        async with library.services.batches.reading(library.scope, (FieldRefused,)) as batch:
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

    result = await send(library, [*photos(3), ("a.txt", b"text")])

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
    service = library.services.batches

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

    monkeypatch.setattr(library.services.ingest, "receive", fault)

    with pytest.raises(ZeroDivisionError):
        await send(library, photos(3))

    assert [row[1:] for row in sessions(library)] == [(None, True)]


# ------------------------------------------------------------------ late fields


async def test_tags_behind_the_files_are_set_on_all_of_them_and_can_be_searched(library):
    """The place of a field in the form makes no difference."""
    result = await send(library, photos(3), late=options(tags=("harbour", "tern")))

    for item in result.items:
        assert (await library.asset(item.asset_id)).tags == ("harbour", "tern")
    found = library.sql(
        "SELECT count(*) FROM asset WHERE tenant_id = %s AND search @@ to_tsquery('simple', 'harbour')",
        library.scope.tenant_id,
    )
    assert found == [(3,)]


async def test_tags_between_the_files_are_set_on_those_before_and_after(library):
    """Every file gets what the whole form says."""
    async with library.services.batches.reading(library.scope) as batch:
        await batch.take("a.jpg", chunks(photo()), PLAIN)
        await batch.take("b.jpg", chunks(photo()), options(tags=("one",)))
        result = await batch.finish(options(tags=("one", "two")))

    assert [(await library.asset(item.asset_id)).tags for item in result.items] == [("one", "two")] * 2


async def test_a_file_deleted_before_the_late_fields_come_costs_no_other(library):
    """Who deletes one file of a batch under way does not lose the rest of it."""
    async with library.services.batches.reading(library.scope) as batch:
        for name, data in photos(3):
            await batch.take(name, chunks(data), PLAIN)
        await batch._end_storing()
        gone = live(library)["1.jpg"]
        await library.services.trash.delete(library.scope, gone)
        result = await batch.finish(options(tags=("late",)))

    assert result.status is BatchStatus.COMPLETED
    assert set(live(library)) == {"0.jpg", "2.jpg"}
    assert [(await library.asset(asset_id)).tags for asset_id in live(library).values()] == [("late",)] * 2
    assert rows(library, result.session_id)[1][1:3] == ("skipped", "Deleted")


async def test_auto_describe_false_behind_the_files_drops_descriptions_not_begun(library):
    """What is described already stays so; the others are not described, and the session waits for none of them."""
    described = options(auto_describe=True)
    async with library.services.batches.reading(library.scope) as batch:
        for name, data in photos(3):
            await batch.take(name, chunks(data), described)
        await batch._end_storing()
        ids = live(library)
        await work(library, ids["0.jpg"])
        await library.services.pictures.make_variants(library.scope, ids["1.jpg"], 1)
        result = await batch.finish(options(auto_describe=False))
    assert counts(await summary(library, result.session_id)) == (2, 0, 0, 1)
    for asset_id in ids.values():
        await work(library, asset_id)

    assert [(await library.asset(ids[f"{index}.jpg"])).has_description for index in range(3)] == [True, False, False]
    found = await summary(library, result.session_id)
    assert (found.status, counts(found)) == (SessionStatus.COMPLETED, (3, 0, 0, 0))


async def test_skip_duplicates_behind_the_files_keeps_the_first_of_each_content(library):
    """Copies that were stored are taken back in favour of the oldest, whether it was there before or came in this batch."""
    old, new = photo(), photo()
    first = await library.take_in(old, "old.jpg", auto_describe=False)

    files = [("new.jpg", new), ("copy.jpg", old), ("again.jpg", new), ("other.jpg", photo()), ("third.jpg", new)]
    result = await send(library, files, late=options(skip_duplicates=True))

    assert outcomes(result) == [STORED, SKIPPED, SKIPPED, STORED, SKIPPED]
    kept = live(library)
    assert set(kept) == {"old.jpg", "new.jpg", "other.jpg"}
    assert [item.asset_id for item in result.items] == [
        kept["new.jpg"],
        first,
        kept["new.jpg"],
        kept["other.jpg"],
        kept["new.jpg"],
    ]
    assert counts(await summary(library, result.session_id)) == (0, 0, 3, 2)


async def test_two_batches_at_once_that_skip_duplicates_late_keep_each_content_once(library):
    """Copies taken back by both never leave a content without any live file."""
    for _ in range(4):
        other = await library.neighbour()
        contents = [photo() for _ in range(6)]
        await asyncio.gather(
            *(
                send(other, [(f"{i}.jpg", data) for i, data in enumerate(order)], late=options(skip_duplicates=True))
                for order in (contents, contents[::-1])
            )
        )

        found = other.sql(
            "SELECT count(*), count(DISTINCT checksum) FROM asset WHERE tenant_id = %s AND deleted_at IS NULL",
            other.scope.tenant_id,
        )
        assert found == [(6, 6)]


async def test_late_fields_change_no_session_that_was_cancelled_meanwhile(library):
    """A copy in a session that is over keeps the outcome it was told with."""
    data = photo()
    async with library.services.batches.reading(library.scope) as batch:
        for name in ("a.jpg", "b.jpg"):
            await batch.take(name, chunks(data), PLAIN)
        await batch._end_storing()
        for asset_id in live(library).values():
            await work(library, asset_id)
        session_id = batch.session_id
        told = await library.services.sessions.cancel(library.scope, session_id)
        await batch.finish(options(skip_duplicates=True))

    assert await progress(library, session_id) == told
    assert counts(told.summary) == (2, 0, 0, 0)
    assert set(live(library)) == {"a.jpg", "b.jpg"}


async def test_intent_and_verification_level_are_kept_as_sent(library):
    """Nobody is told of them, but they are there."""
    result = await send(library, photos(1), BatchOptions(PLAIN.upload, "verify", "thorough"))

    found = library.sql("SELECT intent, verification_level FROM upload_session WHERE id = %s", result.session_id)
    assert found == [("verify", "thorough")]
    assert result.items[0].outcome is FileOutcome.COMPLETED
