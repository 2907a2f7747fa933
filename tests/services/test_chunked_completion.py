"""Putting chunks together: by one at a time, whatever happens meanwhile, and again after whatever went wrong."""

from __future__ import annotations

import asyncio

import pytest

from calotype.domain.chunked_upload import ChunkedStatus
from calotype.domain.errors import Conflict, SandboxFailure, Unavailable
from calotype.services.chunked_completion import CompletionRequest
from tests.services.chunked import Gate, Sender
from tests.small_film import small_film

ANALYZED = CompletionRequest(analyze=True, kind="full_vlm")


@pytest.fixture(scope="module")
def film():
    """A small film."""
    return small_film()


@pytest.fixture
async def sender(library, film, monkeypatch):
    """A film all of whose chunks are there."""
    sender = await Sender.begin(library, film, monkeypatch)
    await sender.send()
    return sender


@pytest.fixture
async def beside(sender, twin):
    """The same upload in another process."""
    return sender.seen_by(twin)


@pytest.fixture
def gate(library, monkeypatch):
    """What stops whoever puts an upload together in the middle."""
    gate = Gate(library.services.chunked_completion._store)
    monkeypatch.setattr(library.services.chunked_completion, "_store", gate)
    return gate


async def begun(sender, gate, request=ANALYZED):
    """Somebody who puts the upload together and has come half the way."""
    task = asyncio.ensure_future(sender.complete(request))
    await asyncio.wait([task, asyncio.ensure_future(gate.reached.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not task.done()
    return task


async def test_while_it_is_put_together_an_upload_takes_nothing(sender, beside, gate):
    """Progress says so, in any process; chunks, confirmations and retries are refused until it is over."""
    task = await begun(sender, gate)
    for seen in (sender, beside):
        progress = await seen.progress()
        assert progress.is_processing
        with pytest.raises(Conflict, match="being completed"):
            await seen.put(1)
        with pytest.raises(Conflict, match="being completed"):
            await seen.confirm(1, "x")
    gate.opened.set()
    await task
    assert not (await sender.progress()).is_processing
    assert sender.library.objects() == {await sender.original()}


async def test_completes_in_two_processes_make_one_file_and_start_one_of_everything(sender, beside, gate):
    """The second waits for the first and gives its answer."""
    task = await begun(sender, gate)
    other = asyncio.ensure_future(beside.complete(ANALYZED))
    third = asyncio.ensure_future(sender.complete(ANALYZED))
    gate.opened.set()
    first = await task
    assert await other == await third == first
    assert sorted(sender.library.jobs(sender.id)) == ["index_video", "make_variants"]
    assert len(sender.library.sql("SELECT id FROM indexing_run WHERE asset_id = %s", sender.id)) == 1


async def test_an_abort_wins_over_a_complete_that_is_under_way(sender, beside, gate):
    """The abort is answered at once; the complete finds out, and leaves nothing behind."""
    task = await begun(sender, gate)
    assert (await beside.abort()).removed == len(sender.numbers)
    gate.opened.set()
    with pytest.raises(Conflict):
        await task
    assert sender.library.objects() == set()
    assert sender.library.sql("SELECT id FROM asset WHERE id = %s", sender.id) == []
    assert (await sender.progress()).upload.status is ChunkedStatus.ABORTED


async def test_an_abort_just_before_the_rows_are_written_leaves_nothing(sender, monkeypatch):
    """The last moment at which an abort can win."""
    receiver = sender.library.services.chunked_completion._receiver
    receive = receiver.receive

    async def receive_and_abort(*arguments, **options):
        received = await receive(*arguments, **options)
        await sender.abort()
        return received

    monkeypatch.setattr(receiver, "receive", receive_and_abort)
    with pytest.raises(Conflict):
        await sender.complete()
    assert sender.library.objects() == set()
    assert sender.library.sql("SELECT id FROM asset WHERE id = %s", sender.id) == []


async def test_a_store_that_fails_leaves_everything_to_the_next_try(sender, monkeypatch):
    """No file, no part of one, all chunks; the repeat succeeds."""
    service = sender.library.services.chunked_completion
    before = sender.library.objects()
    gate = Gate(service._store, Unavailable("the disk is away"))
    gate.opened.set()
    with monkeypatch.context() as patched:
        patched.setattr(service, "_store", gate)
        with pytest.raises(Unavailable):
            await sender.complete()
    assert sender.library.objects() == before
    progress = await sender.progress()
    assert (progress.upload.status, progress.is_processing) == (ChunkedStatus.UPLOADING, False)
    await sender.complete()
    assert sender.library.objects() == {await sender.original()}


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_database_that_is_lost_at_the_commit_leaves_it_to_the_repeat(sender, monkeypatch, is_written):
    """Whether or not the rows were written before the connection was lost, there is one file in the end."""
    service = sender.library.services.chunked_completion
    accept = service._accept

    async def lose(*arguments):
        if is_written:
            await accept(*arguments)
        raise Unavailable("the connection to the database was lost")

    with monkeypatch.context() as patched:
        patched.setattr(service, "_accept", lose)
        with pytest.raises(Unavailable):
            await sender.complete(ANALYZED)
    done = await sender.complete(ANALYZED)
    assert done.run_id is not None
    assert sorted(sender.library.jobs(sender.id)) == ["index_video", "make_variants"]
    await sender.library.services.upkeep.sweep()
    assert sender.library.objects() == {await sender.original()}


async def test_a_complete_cancelled_just_after_its_commit_keeps_the_film(sender, monkeypatch):
    """Who waits for it is gone, but the rows are written, so that the bytes stay; the repeat gives the answer."""
    service = sender.library.services.chunked_completion
    accept = service._accept

    async def accept_and_be_cancelled(*arguments):
        await accept(*arguments)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(service, "_accept", accept_and_be_cancelled)
        with pytest.raises(asyncio.CancelledError):
            await sender.complete()
    await sender.complete()
    await sender.library.services.upkeep.sweep()
    assert sender.library.objects() == {await sender.original()}


async def test_who_was_overtaken_without_noticing_leaves_the_other_its_bytes(sender, beside, monkeypatch):
    """The network has cut the connection that held the turn: the next one is done while this one still reads."""
    service = sender.library.services.chunked_completion
    receive = service._receive

    async def be_overtaken(*arguments):
        received = await receive(*arguments)
        other = beside.library.services.chunked_completion
        await other._complete(sender.library.scope, sender.id, ANALYZED)  # its turn, as far as the database knows
        return received

    monkeypatch.setattr(service, "_receive", be_overtaken)
    with pytest.raises(Conflict):
        await sender.complete()
    await sender.library.services.upkeep.sweep()
    assert sender.library.objects() == {await sender.original()}


@pytest.mark.parametrize("reason", ["crashed", "timeout"])
async def test_a_child_that_dies_over_a_good_film_does_not_end_its_upload(sender, monkeypatch, reason):
    """As when a service manager stops all processes at once, or the machine is out of memory: another child looks again."""
    sandbox = sender.library.services.chunked_completion._receiver._probing._sandbox
    run = sandbox.run
    dead = iter([SandboxFailure("it was killed (SIGTERM)", reason=reason)])

    async def die_once(*arguments, **options):
        if failure := next(dead, None):
            raise failure
        return await run(*arguments, **options)

    monkeypatch.setattr(sandbox, "run", die_once)
    await sender.complete()
    assert next(dead, None) is None
    assert (await sender.progress()).upload.status is ChunkedStatus.COMPLETED


async def test_who_loses_the_lock_stops_working(sender, beside, gate):
    """Its connection is closed in the middle: it gives up, so that two never write one object, and the next can go on."""
    task = await begun(sender, gate)
    killed = sender.library.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
        "AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert killed == [(True,)]
    with pytest.raises(Unavailable):
        await task
    await beside.complete()
    assert sender.library.objects() == {await sender.original()}


async def test_a_complete_that_nobody_waits_for_any_more_leaves_no_lock(sender, beside, gate):
    """Cancelled in the middle it lets go at once, and has stored nothing."""
    before = sender.library.objects()
    task = await begun(sender, gate)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sender.library.objects() == before
    await beside.complete()


async def test_a_chunk_whose_bytes_are_gone_must_be_sent_again(sender):
    """Somebody removed a file: complete says which chunk, and takes it when it comes again."""
    (key,) = sender.library.sql("SELECT object_key FROM upload_chunk WHERE upload_id = %s AND number = 2", sender.id)[0]
    await sender.library.services.chunked_uploads._store.delete(key)
    with pytest.raises(Conflict, match="chunk 2"):
        await sender.complete()
    assert (await sender.progress()).current == 2
    await sender.confirm(2, await sender.put(2))
    await sender.complete()


async def test_an_upload_that_is_being_put_together_is_not_reaped(sender, gate):
    """One that was begun in time may end after it."""
    task = await begun(sender, gate)
    sender.age(30)
    assert await sender.library.services.chunked_uploads.reap() == 0
    gate.opened.set()
    await task
    assert sender.library.objects() == {await sender.original()}


async def test_several_uploads_of_one_process_are_put_together_at_once(library, film, monkeypatch):
    """More than there are places wait for each other and all end well."""
    senders = [await Sender.begin(library, film, monkeypatch) for _ in range(8)]
    for sender in senders:
        await sender.send()
    await asyncio.gather(*(sender.complete() for sender in senders for _ in range(2)))
    assert library.objects() == {await sender.original() for sender in senders}
