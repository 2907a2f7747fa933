"""Describing one picture: what the describer is given, what is stored of its answer, and which faults end the work."""

from __future__ import annotations

import io
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from PIL import Image

from calotype.db.asset import select_asset
from calotype.domain.asset import State
from calotype.domain.description import TextReading
from calotype.domain.errors import DescriptionFailed, NotFound, SandboxFailure, Unavailable, UndecodablePicture
from calotype.domain.job import MOST_PASSING_FAULTS
from calotype.domain.picture import VariantName
from calotype.services.describing import ReadingLimits
from tests.services.batches import Deputy
from tests.services.hooks import subscribe, told
from tests.services.library import photo
from tests.services.meaning import described_as, find

RECORDS = "SELECT description, visible_text, providers, processing_time_ms FROM description WHERE asset_id = %s"
STALE = "SELECT source FROM stale_embedding WHERE asset_id = %s"


class Model:
    """A describer that notes what it is asked, and answers or fails as it was told to."""

    def __init__(self, *script, needs_picture=True, visible_text=None):
        self.needs_picture = needs_picture
        self.visible_text = visible_text
        self.script = list(script)
        self.requests = []

    async def describe(self, request):
        """The next of the script, then the same words for every picture."""
        self.requests.append(request)
        if self.script:
            raise self.script.pop(0)
        return described_as("A lighthouse on a cliff.", self.visible_text)


class Reader:
    """Children that read the same text from every picture, or fail."""

    def __init__(self, read):
        self.read = read
        self.calls = 0

    async def run(self, function, data, **options):
        """What was told to be read."""
        self.calls += 1
        if isinstance(self.read, Exception):
            raise self.read
        return TextReading(self.read, 0.9)


class AwayAfter(Deputy):
    """A database that is away twice once a model has been asked."""

    def __init__(self, original, model):
        super().__init__(original)
        self.model = model
        self.times = 2

    @asynccontextmanager
    async def read(self):
        """Fails, or is the real one."""
        if self.model.requests and self.times:
            self.times -= 1
            raise Unavailable("the database cannot be reached")
        async with self._original.read() as connection:
            yield connection


@pytest.fixture
def given(library, monkeypatch):
    """Gives a library's describing service another describer, and a reader of text."""

    def give(model=None, reader=None):
        if model is not None:
            monkeypatch.setattr(library.services.describing, "_describer", model)
        if reader is not None:
            monkeypatch.setattr(library.services.describing, "_sandbox", reader)
            monkeypatch.setattr(library.services.describing, "_limits", ReadingLimits(enabled=True, timeout=5))
        return model or reader

    return give


async def developed(library, **options):
    """A picture with its variants and no description yet."""
    asset_id = await library.take_in(**options)
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    return await library.asset(asset_id)


async def stored(library, asset, described):
    """Store a description as callers do; returns the row after it."""
    async with library.services.describing._database.write() as connection:
        current = await select_asset(connection, library.scope.any(), asset.id, lock=True)
        await library.services.describing.store(connection, current, described)
    return await library.asset(asset.id)


async def test_nothing_is_stored_before_it_is_asked_for(library, given):
    """`describe` only asks; `store` writes description, record, words and vector, with the time it took."""
    given(Model())
    asset = await developed(library, auto_describe=False)
    described = await library.services.describing.describe(asset)
    assert described.description.text == "A lighthouse on a cliff."
    assert described.took_ms >= 0
    assert await library.asset(asset.id) == asset
    assert library.sql(RECORDS, asset.id) == []
    after = await stored(library, asset, described)
    assert (after.description, after.has_description) == ("A lighthouse on a cliff.", True)
    assert (after.description_status, after.description_error) == (State.COMPLETED, None)
    assert after.described_at is not None
    ((text, visible, providers, took),) = library.sql(RECORDS, asset.id)
    assert (text, visible, providers, took) == ("A lighthouse on a cliff.", None, ["test"], described.took_ms)
    assert await find(library, "lighthouse") == [asset.id]


async def test_a_describer_that_looks_is_given_the_large_variant(library, given):
    """As the file it is; one that does not look is given none."""
    model = given(Model())
    asset = await developed(library)
    await library.services.describing.describe(asset)
    large = asset.variant(VariantName.LARGE_1024)
    request = model.requests[0]
    assert request.picture == await library.services.describing._store.get(large.object_key)
    assert large.content_type == "image/jpeg"
    model.needs_picture = False
    await library.services.describing.describe(asset)
    assert model.requests[1].picture is None


async def test_a_transparent_picture_is_shown_as_a_jpeg(library, given):
    """Not every server of models reads WebP, which its variants are."""
    model = given(Model())
    stream = io.BytesIO()
    Image.new("RGBA", (80, 40), (200, 0, 0, 100)).save(stream, "PNG")
    asset = await developed(library, data=stream.getvalue(), filename="logo.png")
    assert asset.variant(VariantName.LARGE_1024).content_type == "image/webp"
    await library.services.describing.describe(asset)
    shown = Image.open(io.BytesIO(model.requests[0].picture))
    assert (shown.format, shown.size) == ("JPEG", (80, 40))


async def test_a_picture_without_variants_has_its_reason(library, given):
    """What kept them from being made, or that there are none yet; the describer is not asked."""
    model = given(Model())
    broken = await developed(library, data=photo()[:600], auto_describe=False)
    assert broken.variant_error
    with pytest.raises(UndecodablePicture) as failed:
        await library.services.describing.describe(broken)
    assert failed.value.message == broken.variant_error
    waiting = await library.asset(await library.take_in())
    with pytest.raises(NotFound, match="no variants"):
        await library.services.describing.describe(waiting)
    assert model.requests == []


async def test_text_is_read_first_where_that_is_asked_for(library, given):
    """And told to the describer; also kept with its description."""
    model, reader = given(Model(needs_picture=False)), given(reader=Reader("ONE WAY"))
    asset = await developed(library, auto_describe=False)
    described = await library.services.describing.describe(asset, reads_text=True)
    assert (reader.calls, model.requests[0].visible_text) == (1, "ONE WAY")
    after = await stored(library, asset, described)
    assert after.visible_text == "ONE WAY"


@pytest.mark.parametrize("why", ["not asked", "switched off", "looks itself", "was read", "was described"])
async def test_text_is_not_read_twice_or_in_vain(library, given, why):
    """Reading costs more than anything else here."""
    model, reader = given(Model(needs_picture=why == "looks itself")), given(reader=Reader("ONE WAY"))
    if why == "switched off":
        library.services.describing._limits = ReadingLimits(enabled=False, timeout=5)
    changes = {"was read": {"visible_text": ""}, "was described": {"has_description": True}}.get(why, {})
    asset = replace(await developed(library), **changes)
    await library.services.describing.describe(asset, reads_text=why != "not asked")
    assert (reader.calls, len(model.requests)) == (0, 1)


async def test_text_that_cannot_be_read_keeps_nothing_from_being_described(library, given):
    """Unless no process can be started at all, which says nothing of the picture."""
    model = given(Model(needs_picture=False))
    asset = await developed(library)
    given(reader=Reader(SandboxFailure("it crashed")))
    await library.services.describing.describe(asset, reads_text=True)
    given(reader=Reader(SandboxFailure("no memory", reason="start")))
    with pytest.raises(SandboxFailure):
        await library.services.describing.describe(asset, reads_text=True)
    assert len(model.requests) == 1


@pytest.mark.parametrize(("seen", "kept"), [(None, "ONE WAY"), ("ONLY WAY", "ONLY WAY")])
async def test_text_that_was_read_stays_where_the_model_read_none(library, given, seen, kept):
    """Otherwise that of the model counts; words and vector are those of the text that is kept."""
    given(Model(visible_text=seen))
    asset = await developed(library, auto_describe=False)
    library.sql("UPDATE asset SET visible_text = 'ONE WAY' WHERE id = %s", asset.id)
    after = await stored(library, asset, await library.services.describing.describe(await library.asset(asset.id)))
    assert after.visible_text == kept
    assert library.sql(RECORDS, asset.id)[0][1] == kept
    assert library.sql(STALE, asset.id) == []


async def test_text_read_meanwhile_stays_and_the_vector_is_made_anew(library, given):
    """A job that read it while the model was thinking has not worked in vain."""
    given(Model())
    asset = await developed(library, auto_describe=False)
    described = await library.services.describing.describe(asset)
    library.sql("UPDATE asset SET visible_text = 'ONE WAY' WHERE id = %s", asset.id)
    assert (await stored(library, asset, described)).visible_text == "ONE WAY"
    assert library.sql(STALE, asset.id) == [("content",)]


async def test_the_end_is_told_only_if_the_description_was_open(library, given):
    """One that nobody had waited for is no end of the work on an upload."""
    await subscribe(library)
    given(Model())
    quiet = await developed(library, auto_describe=False)
    before = len(told(library))
    await stored(library, quiet, await library.services.describing.describe(quiet))
    assert len(told(library)) == before
    waited_for = await developed(library)
    await stored(library, waited_for, await library.services.describing.describe(waited_for))
    assert [data["asset_id"] for _, data in told(library)[before:]] == [str(waited_for.id)]


async def test_describing_again_adds_a_record(library, given):
    """The newest counts; the operations of the first one stay as they ended."""
    given(Model())
    asset = await developed(library)
    for _ in range(2):
        await stored(library, asset, await library.services.describing.describe(asset))
    assert len(library.sql(RECORDS, asset.id)) == 2


# ----------------------------------------------------------------- jobs


async def test_a_describer_that_is_away_is_waited_for_as_long_as_the_queue_does(library, given):
    """Every attempt but the last is given back; then the description has failed with the reason."""
    given(Model(*[Unavailable("the vision model cannot be reached now")] * (MOST_PASSING_FAULTS + 1)))
    asset = await developed(library)
    for attempt in range(1, MOST_PASSING_FAULTS + 1):
        with pytest.raises(Unavailable):
            await library.services.descriptions.describe(library.scope, asset.id, attempt)
        assert (await library.asset(asset.id)).description_status is not State.FAILED
    await library.services.descriptions.describe(library.scope, asset.id, MOST_PASSING_FAULTS + 1)
    failed = await library.asset(asset.id)
    assert failed.description_status is State.FAILED
    assert failed.description_error == "the vision model cannot be reached now"


async def test_a_describer_that_comes_back_is_in_time(library, given):
    """Twenty failures are forgotten."""
    given(Model(*[Unavailable("away")] * MOST_PASSING_FAULTS))
    asset = await developed(library)
    for attempt in range(1, MOST_PASSING_FAULTS + 1):
        with pytest.raises(Unavailable):
            await library.services.descriptions.describe(library.scope, asset.id, attempt)
    await library.services.descriptions.describe(library.scope, asset.id, MOST_PASSING_FAULTS + 1)
    assert (await library.asset(asset.id)).description == "A lighthouse on a cliff."


async def test_an_answer_that_cannot_be_used_ends_the_job_at_once(library, given):
    """Asking again is the describer's own business."""
    given(Model(DescriptionFailed("the vision model refused the request (401)")))
    asset = await developed(library)
    await library.services.descriptions.describe(library.scope, asset.id, 1)
    failed = await library.asset(asset.id)
    assert failed.description_status is State.FAILED
    assert failed.description_error == "the vision model refused the request (401)"
    assert failed.variant_status is State.COMPLETED


async def test_an_answer_outlives_a_lost_connection(library, given, monkeypatch):
    """The database is away when the model has answered: it is waited for, and the model not asked, and paid, again."""
    monkeypatch.setattr("calotype.services.attempts.AWAY_PAUSES", (0.0, 0.0))
    asset = await developed(library)
    model = given(Model())
    for service in (library.services.describing, library.services.describing._embeddings):
        away = AwayAfter(service._database, model)
        monkeypatch.setattr(service, "_database", away)
    described = await library.services.describing.describe(asset)
    assert described.description.text == "A lighthouse on a cliff."
    assert away.times == 0
    assert len(model.requests) == 1
