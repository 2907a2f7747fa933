"""Work in workers that fails: for ever, with a reason; for now, and is done later; or only seemingly, and counts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest

from calotype.domain.asset import State
from calotype.domain.document_search import DocumentQuery
from calotype.domain.errors import (
    NotFound,
    NotReady,
    SandboxFailure,
    Unavailable,
    UndecodableDocument,
    UndecodablePicture,
)
from calotype.services.attempts import MAX_ATTEMPTS, UNEXPECTED, lasting_reason
from calotype.services.describing import ReadingLimits
from tests.services.batches import Deputy
from tests.services.films import PROBE
from tests.services.library import photo
from tests.services.texts import page_of


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A database that is away is asked again at once."""
    monkeypatch.setattr("calotype.services.attempts.AWAY_PAUSES", (0.0,))


@pytest.mark.parametrize(
    "fault",
    [Unavailable("away"), SandboxFailure("no", reason="start"), OSError(28, "No space left on device"), MemoryError()],
)
def test_what_may_pass_is_raised_however_often_it_was_tried(fault):
    """A machine that has no room, a child that does not start and what is away say nothing about a file."""
    with pytest.raises(type(fault)):
        lasting_reason(fault, 1000)


def test_what_lasts_is_told_and_what_nobody_expected_is_tried_as_often_as_a_dead_child():
    """Reasons are those of the fault; a fault of our own says where to look."""
    assert lasting_reason(UndecodablePicture("cut off"), 1) == "cut off"
    assert lasting_reason(SandboxFailure("it crashed", reason="crashed"), 1) == "it crashed"
    assert "original is missing" in lasting_reason(NotFound("x"), 1)
    with pytest.raises(KeyError):
        lasting_reason(KeyError("x"), MAX_ATTEMPTS - 1)
    assert lasting_reason(KeyError("x"), MAX_ATTEMPTS) == UNEXPECTED


class LosingAnswers(Deputy):
    """A database of which the answer to one commit is lost, though it was done."""

    def __init__(self, original, lost: int) -> None:
        super().__init__(original)
        self._left = lost

    @asynccontextmanager
    async def write(self):
        """The real transaction; the one whose turn it is ends as if the connection had been lost then."""
        async with self._original.write() as connection:
            yield connection
        self._left -= 1
        if self._left == 0:
            raise Unavailable("the connection was lost")


def _broken(*_arguments, **_options):
    raise KeyError("a fault of our own")


async def test_no_picture_stays_unfinished_for_a_fault_nobody_expected(library, monkeypatch):
    """Variants, a description and colours fail with a reason once they were tried as often as a dead child."""
    services = library.services
    raw, developed, done = (
        await library.take_in(),
        await library.take_in(photo(40, 30)),
        await library.finished(photo(50, 30)),
    )
    await services.pictures.make_variants(library.scope, developed, 1)
    await services.colors.request(library.scope, done, 3, force=True)
    monkeypatch.setattr("calotype.services.picture.lay_out", _broken)
    monkeypatch.setattr("calotype.services.describing.update_described", _broken)
    monkeypatch.setattr("calotype.services.color.replace_colors", _broken)
    for work, asset_id in (
        (services.pictures.make_variants, raw),
        (services.descriptions.describe, developed),
        (services.colors.extract, done),
    ):
        with pytest.raises(KeyError):
            await work(library.scope, asset_id, 1)
        await work(library.scope, asset_id, MAX_ATTEMPTS)
    assert (await library.asset(raw)).variant_error == UNEXPECTED
    assert (await library.asset(developed)).description_error == UNEXPECTED
    assert not (await library.asset(raw)).is_unfinished
    assert not (await library.asset(developed)).is_unfinished
    steps = library.sql(
        "SELECT status, error_message FROM operation WHERE asset_id = %s AND type = 'extract_colors'", done
    )
    assert ("failed", UNEXPECTED) in steps


async def test_no_text_or_film_stays_unfinished_for_a_fault_nobody_expected(archive, cinema, monkeypatch):
    """A document, a crawl and an indexing run fail with a reason, and a document can be deleted then."""
    document, link, video = await archive.take_in(), await archive.save(), await cinema.upload()
    monkeypatch.setattr("calotype.services.extraction.insert_chunks", _broken)
    monkeypatch.setattr("calotype.services.crawl.upsert_asset_text", _broken)
    monkeypatch.setattr("calotype.services.video_indexing.insert_scenes", _broken)
    for work, asset_id in ((archive.extract, document), (archive.crawl, link)):
        with pytest.raises(KeyError):
            await work(asset_id, 1)
        await work(asset_id, MAX_ATTEMPTS)
    await cinema.index(video)
    assert (await archive.library.asset(document)).text_error == UNEXPECTED
    assert (await archive.link(link)).crawl_error == UNEXPECTED
    assert (await cinema.state(video))[0] == "failed"
    await archive.services.documents.delete(archive.scope, document)


async def test_a_reading_that_comes_late_overwrites_no_description(library, monkeypatch):
    """A worker taken for dead reads on; meanwhile somebody else has described the picture, and read its text for that."""
    asset_id = await library.take_in()
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    describing, descriptions = library.services.descriptions._describing, library.services.descriptions

    async def slow(_asset):
        library.sql("UPDATE asset SET visible_text = 'EXIT' WHERE id = %s", asset_id)
        await descriptions.describe(library.scope, asset_id, 1)
        return "what the slow one read"

    monkeypatch.setattr(describing, "_limits", ReadingLimits(enabled=True, timeout=10))
    monkeypatch.setattr(describing, "read_text", slow)
    await descriptions.read_text(library.scope, asset_id, 1)
    asset = await library.asset(asset_id)
    assert (asset.visible_text, asset.description_status) == ("EXIT", State.COMPLETED)
    assert "describe" not in library.jobs(asset_id)


async def test_a_description_outlives_a_lost_connection(library, monkeypatch):
    """The model is asked once, though the connection is lost when its answer is to be stored; and stored it is once."""
    asset_id = await library.take_in()
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    service = library.services.descriptions
    monkeypatch.setattr(service, "_database", LosingAnswers(service._database, 1))
    await service.describe(library.scope, asset_id, 1)
    detail = await library.services.assets.detail(library.scope, str(asset_id))
    assert (detail.asset.description_status, len(detail.descriptions)) == (State.COMPLETED, 1)


async def test_what_was_made_of_a_film_or_document_outlives_a_lost_answer(archive, cinema, monkeypatch):
    """All was stored, only the answer to the commit was lost: nothing that rows name is removed, and nothing is done twice."""
    video, document = await cinema.upload(), await archive.take_in("The harbour")
    for service in (cinema.services.video_indexing, archive.services.extraction):
        monkeypatch.setattr(service, "_database", LosingAnswers(service._database, 2))
    await cinema.index(video)
    await archive.extract(document)
    assert await cinema.state(video) == ("completed", 3)
    assert cinema.children.calls.count("scan") <= 1
    await cinema.expect_whole(video)
    await archive.expect_whole(document)


async def test_an_mp4_outlives_a_lost_answer(cinema, monkeypatch):
    """The object that the row names stays."""
    cinema.children.probe = replace(PROBE, video_codec="prores")
    video = await cinema.upload(index=False)
    with pytest.raises(NotReady):
        await cinema.services.media.playback(cinema.scope, video)
    service = cinema.services.renditions
    monkeypatch.setattr(service, "_database", LosingAnswers(service._database, 2))
    await service.make(cinema.scope, video, 1)
    sent = await cinema.services.media.playback(cinema.scope, video)
    assert sent.object_key in cinema.library.objects()


async def test_passages_are_found_while_a_document_is_read_again(archive):
    """And after a reading again that failed: what was read is there as long as nothing takes its place."""
    document = await archive.read("A zeppelin over the harbour")
    search = archive.services.document_search.search
    await archive.services.documents.extract_again(archive.scope, document)
    assert await search(archive.scope, DocumentQuery("zeppelin"))
    archive.children.fail("read_document", UndecodableDocument("no"))
    await archive.extract(document)
    assert (await archive.library.asset(document)).text_status is State.FAILED
    assert await search(archive.scope, DocumentQuery("zeppelin"))


async def test_a_picture_that_is_still_to_come_is_worth_another_question(archive):
    """That of a document being read is; a link, which may never get one, says so, and why."""
    document, link = await archive.take_in(), await archive.save()
    variant = archive.services.assets.with_variant
    with pytest.raises(NotReady):
        await variant(archive.scope, document, "tiny_64")
    archive.children.page = page_of(image="http://127.0.0.1:1/away.jpg")
    await archive.crawl(link)
    with pytest.raises(NotFound, match="could not be fetched") as refused:
        await variant(archive.scope, link, "tiny_64")
    assert not isinstance(refused.value, NotReady)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (psycopg.errors.QueryCanceled, "took too long"),
        (psycopg.errors.DeadlockDetected, "took too long"),
        (psycopg.errors.DiskFull, "out of disk"),
        (psycopg.errors.AdminShutdown, "cannot be reached"),
        (psycopg.OperationalError, "cannot be reached"),
    ],
)
async def test_a_database_that_does_not_answer_says_why(library, fault, reason):
    """Each is passing, and told apart; a statement that will always fail is a fault."""
    database = library.services.descriptions._database
    with pytest.raises(Unavailable, match=reason):
        async with database.read():
            raise fault("as the driver says")
    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        async with database.read():
            raise psycopg.errors.ProgramLimitExceeded("index row size exceeds maximum")
