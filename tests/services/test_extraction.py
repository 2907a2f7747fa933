"""Extracting the text of documents: what is kept, how a run ends, and what happens to the document meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest

from calotype.domain.asset import State
from calotype.domain.document import Block, BlockKind, ReadDocument
from calotype.domain.errors import Conflict, SandboxFailure, Unavailable, UndecodableDocument
from calotype.domain.upload import UploadOptions
from calotype.domain.upload_session import SessionStatus
from calotype.services.attempts import MOST_BEGINNINGS
from calotype.services.batch_upload import BatchOptions
from calotype.services.document_reading import DocumentLimits
from tests.running import wait_for
from tests.services.batches import counts, options, progress, send, summary, work
from tests.services.films import CRASH, NO_START
from tests.services.hooks import subscribe, told
from tests.services.library import photo
from tests.services.texts import page_of, read_of, seat


async def state(archive, asset_id):
    """(status, error) of a document's text."""
    asset = await archive.library.asset(asset_id)
    return asset.text_status, asset.text_error


async def begun(archive, step="read_document", **given):
    """A document whose extraction waits in a step, and the task of it."""
    asset_id = await archive.take_in(**given)
    archive.forget_jobs(asset_id)
    archive.children.hold(step)
    running = asyncio.create_task(archive.extract(asset_id))
    await archive.children.begun[step].wait()
    return asset_id, running


def let_go(archive):
    """Let what waits go on, and nothing else wait."""
    for event in archive.children.held.values():
        event.set()
    archive.children.held.clear()


async def test_what_is_read_is_kept_with_the_document(archive):
    """Text, chunks, vectors, pages, properties, what could not be read, and the picture of the first page."""
    archive.children.document = read_of(
        "The harbour lies in fog.",
        "Nobody rows.",
        page_count=3,
        properties={"title": "Of fog", "author": "N. N."},
        notes=("Page 2 could not be read", "Page 3 neither"),
        encoding="utf-8",
    )
    asset_id = await archive.take_in(title="North pier", tags=("a",), filename="report.md")
    assert archive.library.jobs(asset_id) == ["extract_text"]
    assert await state(archive, asset_id) == (State.PENDING, None)
    assert archive.steps(asset_id) == [("pending", None)]
    await archive.extract(asset_id)
    found = await archive.services.documents.text(archive.scope, asset_id)
    assert found.text == "The harbour lies in fog.\n\nNobody rows."
    document, asset = found.document.document, found.document.asset
    assert (document.page_count, document.chunk_count) == (3, 1)
    assert document.properties == {"title": "Of fog", "author": "N. N.", "encoding": "utf-8"}
    assert document.note == "Page 2 could not be read. Page 3 neither"
    assert (asset.title, asset.width, asset.variant_status, asset.description_status) == (
        "North pier",
        None,
        None,
        None,
    )
    assert asset.variants
    await archive.expect_whole(asset_id)
    assert await archive.found("fog north report") == {asset_id}


async def test_scanned_pages_stand_in_their_place(archive, monkeypatch):
    """Their text is read from what is drawn; one that cannot be costs no other, and those beyond the limit are named."""
    reader = archive.services.extraction._reader
    monkeypatch.setattr(reader, "_limits", DocumentLimits(1000, 10, 3, 10.0, 10.0))
    blocks = (Block(BlockKind.PARAGRAPH, "one", page=1), Block(BlockKind.PARAGRAPH, "three", page=3))
    archive.children.document = ReadDocument(blocks, page_count=6, pages_to_read=(2, 3, 4, 5))
    archive.children.fail("draw_page", UndecodableDocument("broken"))
    asset_id = await archive.take_in()
    await archive.extract(asset_id)
    found = await archive.services.documents.text(archive.scope, asset_id)
    assert found.text == "one\n\nthree\n\nseen on 3\n\nseen on 4"
    assert "2" in found.document.document.note
    assert "1 scanned pages" in found.document.document.note
    assert sorted(archive.children.seen) == [3, 4]
    (chunk,) = (await archive.services.documents.chunks(archive.scope, asset_id)).chunks
    assert chunk.chunk.page_numbers == (1, 3, 4)


async def test_a_document_that_cannot_be_read_fails_with_the_reason(archive):
    """It is a protected one, its original is gone, or no child survives it; webhooks are told."""
    await subscribe(archive.library)
    archive.children.fail("read_document", UndecodableDocument("The PDF is protected by a password"))
    protected, gone, deadly = [await archive.take_in() for _ in range(3)]
    await archive.extract(protected)
    key = (await archive.library.asset(gone)).object_key
    (archive.library._data_dir / "objects" / key).unlink()
    await archive.extract(gone)
    archive.children.fail("read_document", CRASH, CRASH, CRASH)
    await archive.extract(deadly)
    for asset_id, reason in ((protected, "protected"), (gone, "missing"), (deadly, "3 attempts")):
        status, error = await state(archive, asset_id)
        assert status is State.FAILED
        assert reason in error
        assert archive.steps(asset_id) == [("failed", error)]
        with pytest.raises(Conflict, match=reason):
            await archive.services.documents.text(archive.scope, asset_id)
        await archive.expect_whole(asset_id)
    assert [(name, data["error"]) for name, data in told(archive.library)] == [
        ("asset.failed", (await state(archive, asset_id))[1]) for asset_id in (protected, gone, deadly)
    ]


async def test_a_child_that_does_not_start_or_a_store_that_is_away_costs_nothing(archive, monkeypatch):
    """Neither tells anything of the document: it is read when they are back."""
    asset_id = await archive.take_in()
    archive.children.fail("read_document", NO_START)
    with pytest.raises(SandboxFailure):
        await archive.extract(asset_id)
    assert await state(archive, asset_id) == (State.PROCESSING, None)

    async def away(_):
        raise Unavailable("the object store cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(archive.services.extraction._previews._store, "put_many", away)
        with pytest.raises(Unavailable):
            await archive.extract(asset_id)
    await archive.extract(asset_id)
    await archive.expect_whole(asset_id)
    assert (await archive.library.asset(asset_id)).variants


async def test_a_first_page_that_cannot_be_shown_costs_the_document_nothing(archive):
    """It has no picture then, as one whose first page cannot be drawn."""
    archive.children.fail("develop", CRASH, CRASH, CRASH)
    shown_not = await archive.read("Some words")
    archive.children.document = read_of("Some words", picture=None)
    undrawn = await archive.take_in()
    await archive.extract(undrawn)
    for asset_id in (shown_not, undrawn):
        assert await state(archive, asset_id) == (State.COMPLETED, None)
        assert not (await archive.library.asset(asset_id)).variants


@pytest.mark.parametrize("texts", [(), ("   ",), ("x" * 300_000,), ("\u6771" * 50_000,)])
async def test_whatever_the_text_the_document_is_whole(archive, texts):
    """None at all, one word as long as a book, or one run of Chinese."""
    asset_id = await archive.read(*texts, title="Still here")
    assert await state(archive, asset_id) == (State.COMPLETED, None)
    await archive.expect_whole(asset_id)
    assert await archive.found("still here") == {asset_id}


async def test_a_text_of_many_different_words_leaves_those_of_the_row_alone(archive):
    """PostgreSQL keeps a megabyte of words for an asset; a change of the title is no matter then, and finds it."""
    asset_id = await archive.read(" ".join(f"{number:064x}" for number in range(8_000)))
    await archive.services.assets.update(archive.scope, asset_id, {"title": "Checksums", "tags": ["a" * 50] * 3})
    assert await archive.found(f"checksums notes {0:064x}") == {asset_id}


async def test_a_document_that_keeps_costing_its_worker_is_given_up(archive):
    """What was begun too often fails, so that the lane does not die of it for ever."""
    asset_id = await archive.take_in()
    await archive.extract(asset_id, MOST_BEGINNINGS + 1)
    status, error = await state(archive, asset_id)
    assert status is State.FAILED
    assert "interrupted" in error


async def test_an_interrupted_extraction_is_taken_up_again(archive):
    """Its worker was stopped or killed: the row says that it is being read until somebody else has done it."""
    asset_id, running = await begun(archive)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert archive.steps(asset_id) == [("processing", None)]
    let_go(archive)
    await archive.extract(asset_id, 2)
    await archive.expect_whole(asset_id)


async def test_reading_it_again_replaces_everything(archive):
    """Chunks, vectors, words and picture of the shorter text are all there is then; nothing is left of the longer one."""
    asset_id = await archive.read(*(f"Zeppelin number {number}. " + "Words. " * 300 for number in range(4)))
    assert (await archive.services.documents.get(archive.scope, asset_id)).document.chunk_count > 1
    await archive.services.documents.extract_again(archive.scope, asset_id)
    await archive.services.documents.extract_again(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == ["extract_text"]
    assert [status for status, _ in archive.steps(asset_id)] == ["completed", "pending"]
    archive.children.document = read_of("A buoy.", picture=None)
    await archive.extract(asset_id)
    await archive.expect_whole(asset_id)
    assert not (await archive.library.asset(asset_id)).variants
    assert await archive.found("buoy") == {asset_id}
    assert await archive.found("zeppelin") == set()


async def test_a_reading_that_is_under_way_is_not_begun_beside_itself(archive):
    """Asked for once more while its job runs, nothing is queued; once that job is lost, it is."""
    asset_id, running = await begun(archive)
    await archive.services.documents.extract_again(archive.scope, asset_id)
    archive.library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(asset_id))
    for _ in range(2):
        await archive.services.documents.extract_again(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == []
    archive.forget_jobs(asset_id)
    await archive.services.documents.extract_again(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == ["extract_text"]
    let_go(archive)
    await running
    await archive.expect_whole(asset_id)


async def test_reading_it_again_in_vain_keeps_the_old_chunks_and_says_why(archive):
    """It has failed then, and is read after all the next time."""
    asset_id = await archive.read("Zeppelin")
    await archive.services.documents.extract_again(archive.scope, asset_id)
    archive.children.fail("read_document", UndecodableDocument("no"))
    await archive.extract(asset_id)
    assert await state(archive, asset_id) == (State.FAILED, "no")
    await archive.services.documents.extract_again(archive.scope, asset_id)
    assert await state(archive, asset_id) == (State.PENDING, None)
    await archive.extract(asset_id)
    await archive.expect_whole(asset_id)


# --------------------------------------------------------------------- deletion


async def test_a_document_deleted_before_it_is_read_is_read_once_it_is_back(archive):
    """Its job is dropped with it, and queued again with it."""
    asset_id = await archive.take_in()
    await archive.services.trash.delete(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == []
    await archive.extract(asset_id)
    assert archive.children.calls == []
    await archive.services.trash.restore(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == ["extract_text"]
    await archive.extract(asset_id)
    await archive.expect_whole(asset_id)


@pytest.mark.parametrize("step", ["read_document", "draw_page", "read_text"])
async def test_a_document_deleted_while_it_is_read_is_read_once_it_is_back(archive, step, monkeypatch):
    """Its reading is broken off in whatever step, and begun anew when the document is restored."""
    monkeypatch.setattr(archive.services.extraction._reader, "_limits", DocumentLimits(1000, 10, 3, 10.0, 10.0))
    archive.children.document = read_of("A harbour.", pages_to_read=(2,))
    asset_id, running = await begun(archive, step)
    await archive.services.trash.delete(archive.scope, asset_id)
    await running
    let_go(archive)
    assert archive.library.sql("SELECT 1 FROM document_chunk WHERE asset_id = %s", asset_id) == []
    await archive.services.trash.restore(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == ["extract_text"]
    await archive.extract(asset_id)
    await archive.expect_whole(asset_id)
    assert await archive.found("harbour") == {asset_id}


async def test_a_document_deleted_at_the_very_end_keeps_what_was_read(archive, monkeypatch):
    """Nobody looks any more when it is deleted; it comes back read, and is in no search before."""
    service = archive.services.extraction
    asset_id = await archive.take_in()
    finish = service._finish

    async def deleted_before(run, made):
        await archive.services.trash.delete(archive.scope, asset_id)
        await finish(run, made)

    monkeypatch.setattr(type(service), "_finish", lambda self, run, made: deleted_before(run, made))
    await subscribe(archive.library)
    await archive.extract(asset_id)
    assert [name for name, _ in told(archive.library)] == ["asset.deleted"]
    assert await archive.found("harbour") == set()
    await archive.services.trash.restore(archive.scope, asset_id)
    assert archive.library.jobs(asset_id) == []
    await archive.expect_whole(asset_id)
    assert await archive.found("harbour") == {asset_id}


async def test_nothing_is_left_of_a_document_that_is_purged_while_it_is_read(archive, monkeypatch):
    """Neither rows nor objects, however late it is purged; the run ends without a fault."""
    service = archive.services.extraction
    beside = await archive.read("A neighbour")
    objects = archive.library.objects()
    asset_id = await archive.take_in()
    finish = service._finish

    async def purged_before(run, made):
        await archive.services.trash.delete(archive.scope, asset_id)
        await archive.services.trash.purge_due()
        await finish(run, made)

    monkeypatch.setattr(type(service), "_finish", lambda self, run, made: purged_before(run, made))
    await archive.extract(asset_id)
    assert archive.library.objects() == objects
    for table in ("document", "document_chunk", "asset_text", "embedding", "operation"):
        assert archive.library.sql(f"SELECT 1 FROM {table} WHERE asset_id = %s", asset_id) == []
    await archive.expect_whole(beside)


# --------------------------------------------------------------------- at once


async def test_two_workers_on_one_document_end_it_once(archive, twin, monkeypatch):
    """Whoever comes second changes nothing: one step, one event, and everything belongs together."""
    await subscribe(archive.library)
    seat(twin, archive.children, archive.services.crawls._visitor._fetcher, monkeypatch)
    asset_id = await archive.take_in()
    archive.children.hold("read_document")
    both = asyncio.gather(archive.extract(asset_id), archive.seen_by(twin).extract(asset_id))
    calls = archive.children.calls
    await asyncio.to_thread(wait_for, lambda: calls.count("read_document") == 2, "they do not work side by side")
    let_go(archive)
    await both
    assert archive.steps(asset_id) == [("completed", None)]
    assert [name for name, _ in told(archive.library)] == ["asset.processed"]
    await archive.expect_whole(asset_id)


async def test_a_run_that_was_overtaken_writes_nothing(archive, twin, monkeypatch):
    """Its worker was taken for dead and another one did the work; the next reading is not ended by its end."""
    seat(twin, archive.children, archive.services.crawls._visitor._fetcher, monkeypatch)
    asset_id, old = await begun(archive)
    event = archive.children.held.pop("read_document")
    archive.children.document = read_of("New tide.")
    await archive.seen_by(twin).extract(asset_id)
    await archive.services.documents.extract_again(archive.scope, asset_id)
    archive.children.document = read_of("Old tide.")
    event.set()
    await old
    assert await state(archive, asset_id) == (State.PENDING, None)
    assert [status for status, _ in archive.steps(asset_id)] == ["completed", "pending"]
    assert await archive.found("new tide") == {asset_id}
    assert await archive.found("old") == set()


async def test_a_change_beside_a_reading_loses_no_words(archive):
    """Title and tags are changed by some while another writes what was read, over and over: all is found."""
    documents = [await archive.take_in() for _ in range(6)]
    for asset_id in documents:
        await asyncio.gather(
            archive.extract(asset_id),
            *(
                archive.services.documents.update(archive.scope, asset_id, {"title": f"pier {number}", "tags": ["b"]})
                for number in range(4)
            ),
        )
        await archive.expect_whole(asset_id)
    assert await archive.found("pier b harbour fog notes") == set(documents)


async def test_an_extraction_whose_job_was_lost_is_queued_again_once(archive):
    """Also one that was being done; what has ended, or is in the trash, is left alone."""
    pending, processing, trashed = [await archive.take_in() for _ in range(3)]
    done = await archive.read("Words")
    archive.library.sql("UPDATE asset SET text_status = 'processing' WHERE id = %s", processing)
    await archive.services.trash.delete(archive.scope, trashed)
    everything = (pending, processing, trashed, done)
    for asset_id in everything:
        archive.library.lose_jobs(asset_id)
    await archive.services.upkeep.requeue_missing()
    await archive.services.upkeep.requeue_missing()
    assert [archive.library.jobs(asset_id) for asset_id in everything] == [["extract_text"], ["extract_text"], [], []]


# --------------------------------------------------------------------- sessions


async def sent(archive, *names):
    """A batch of texts; its id and those of its files."""
    result = await send(archive.library, [(name, f"The text of {name}, {id(name)}".encode()) for name in names])
    return result.session_id, [item.asset_id for item in result.items]


async def test_a_batch_is_over_once_its_documents_are_read(archive):
    """A failed extraction fails its file, with the reason; a picture beside them is waited for as ever."""
    result = await send(archive.library, [("a.txt", b"One text"), ("b.md", b"Another"), ("c.jpg", photo())])
    first, second, picture = (item.asset_id for item in result.items)
    assert [item.text_status for item in result.items] == [State.PENDING, State.PENDING, None]
    assert (await summary(archive.library, result.session_id)).status is not SessionStatus.COMPLETED
    await work(archive.library, picture)
    await archive.extract(first)
    assert counts(await summary(archive.library, result.session_id)) == (2, 0, 0, 1)
    archive.children.fail("read_document", UndecodableDocument("The text is damaged"))
    await archive.extract(second)
    found = await progress(archive.library, result.session_id)
    assert counts(found.summary) == (2, 1, 0, 0)
    assert found.summary.status is SessionStatus.COMPLETED
    assert [file.error for file in found.errors] == ["The text is damaged"]
    one = await archive.services.upload_status.get(archive.scope, second)
    assert (one.phase.value, one.error) == ("failed", "The text is damaged")
    assert (await archive.services.upload_status.get(archive.scope, first)).phase.value == "completed"


async def test_cancelling_drops_what_is_not_read_yet(archive):
    """Those documents failed with that reason; one being read goes on, and changes its session no more."""
    await subscribe(archive.library)
    session_id, (waiting, running, done) = await sent(archive, "a.txt", "b.txt", "c.txt")
    await archive.extract(done)
    for asset_id in (running, done):
        archive.forget_jobs(asset_id)
    archive.children.hold("read_document")
    working = asyncio.create_task(archive.extract(running))
    await archive.children.begun["read_document"].wait()
    await archive.services.sessions.cancel(archive.scope, session_id)
    assert counts(await summary(archive.library, session_id)) == (1, 0, 2, 0)
    assert await state(archive, waiting) == (State.FAILED, "Cancelled")
    assert archive.steps(waiting) == [("failed", "Cancelled")]
    assert archive.library.jobs(waiting) == []
    let_go(archive)
    await working
    await archive.extract(waiting)
    assert await state(archive, waiting) == (State.FAILED, "Cancelled")
    assert await state(archive, running) == (State.COMPLETED, None)
    assert counts(await summary(archive.library, session_id)) == (1, 0, 2, 0)
    await archive.services.documents.extract_again(archive.scope, waiting)
    await archive.extract(waiting)
    await archive.expect_whole(waiting)


async def test_a_cancelled_document_that_a_worker_was_just_beginning_stays_cancelled_or_is_read(archive):
    """Over and over: whichever comes first, state and history agree, and nothing is left waiting."""
    for number in range(8):
        session_id, (asset_id,) = await sent(archive, f"{number}.txt")
        await asyncio.gather(
            archive.extract(asset_id),
            archive.services.sessions.cancel(archive.scope, session_id),
            return_exceptions=True,
        )
        status, _ = await state(archive, asset_id)
        assert status in {State.COMPLETED, State.FAILED}
        await archive.expect_whole(asset_id)
        assert (await summary(archive.library, session_id)).status in {
            SessionStatus.CANCELLED,
            SessionStatus.COMPLETED,
        }


async def test_a_session_that_waits_for_a_document_for_a_day_expires(archive):
    """Its reading may still come, and the session does not change any more; a missed end is found before that."""
    session_id, (asset_id,) = await sent(archive, "late.txt")
    archive.library.sql("UPDATE upload_session SET received_at = now() - interval '25 hours' WHERE id = %s", session_id)
    await archive.services.sessions.expire()
    assert (await summary(archive.library, session_id)).status is SessionStatus.EXPIRED
    await archive.extract(asset_id)
    await archive.expect_whole(asset_id)
    assert (await summary(archive.library, session_id)).status is SessionStatus.EXPIRED
    other, (missed,) = await sent(archive, "missed.txt")
    await archive.services.sessions.settle_missed()
    assert counts(await summary(archive.library, other)) == (0, 0, 0, 1)
    archive.library.sql("UPDATE asset SET text_status = 'completed' WHERE id = %s", missed)
    await archive.services.sessions.settle_missed()
    assert counts(await summary(archive.library, other)) == (1, 0, 0, 0)


async def test_a_document_that_waits_is_stuck_and_a_link_that_waits_is_not(archive):
    """Only the first is listed, being an upload; the phases of both go on to completed."""
    link_id = await archive.save()
    asset_id, running = await begun(archive)
    for one in (asset_id, link_id):
        archive.library.sql("UPDATE asset SET created_at = created_at - interval '1 hour' WHERE id = %s", one)
        archive.library.sql("UPDATE operation SET created_at = created_at - interval '1 hour' WHERE asset_id = %s", one)
    archive.library.sql(
        "UPDATE operation SET completed_at = created_at WHERE asset_id = %s AND completed_at IS NOT NULL", asset_id
    )
    stuck, total = await archive.services.upload_status.stuck(archive.scope, timedelta(minutes=30), 10)
    assert ([one.id for one in stuck], total) == ([asset_id], 1)
    assert stuck[0].phase.value == "processing"
    assert (await archive.services.upload_status.get(archive.scope, link_id)).phase.value == "queued"
    let_go(archive)
    await running


async def test_a_copy_that_is_skipped_late_answers_with_what_the_first_one_is(archive):
    """`skip_duplicates` came behind the file: kind and state are those of the document that was there, as its id is."""
    text = b"The same words under two names"
    first = await archive.library.take_in(text, "notes.md")
    archive.children.document = read_of("The same words")
    await archive.extract(first)
    late = BatchOptions(UploadOptions(auto_describe=False, skip_duplicates=True))
    (item,) = (await send(archive.library, [("notes.txt", text)], options(), late)).items
    assert (item.asset_id, item.media.format, item.text_status) == (first, "md", State.COMPLETED)


async def test_a_page_and_a_document_are_found_by_one_search(archive):
    """Together with pictures, whose file names hold the word."""
    archive.children.page = page_of("Of zeppelins.")
    everything = {
        await archive.read("A zeppelin rises."),
        await archive.crawled(),
        await archive.library.take_in(filename="zeppelin.jpg"),
    }
    assert await archive.found("zeppelin") == everything
