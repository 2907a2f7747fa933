"""Colours asked for are found by a job of their own that may run twice, be lost, or be overtaken."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from PIL import Image

from calotype.domain.asset import OperationType, State
from calotype.domain.color import ColorCriteria, ExtractionState
from calotype.domain.errors import InvalidInput, NotFound
from tests.services.library import photo


def stripes(*colors):
    """A picture of equal stripes."""
    picture = Image.new("RGB", (len(colors) * 32, 64))
    for index, color in enumerate(colors):
        picture.paste(color, (index * 32, 0, index * 32 + 32, 64))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


SIX = stripes((250, 10, 10), (10, 10, 10), (240, 240, 240), (10, 200, 10), (20, 20, 220), (240, 220, 20))


async def developed(library, data=SIX):
    """Upload one file and make its variants; returns its id."""
    asset_id = await library.take_in(data, auto_describe=False)
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
    return asset_id


async def steps_of(library, asset_id):
    """The states of the extractions in a file's history, oldest first."""
    detail = await library.services.assets.detail(library.scope, str(asset_id))
    return [step for step in detail.operations if step.type is OperationType.EXTRACT_COLORS]


async def request(library, asset_id, n_colors=4, *, force=False):
    """Ask for colours."""
    return await library.services.colors.request(library.scope, asset_id, n_colors, force=force)


async def get(library, asset_id):
    """What is known of a file's colours."""
    return await library.services.colors.get(library.scope, asset_id)


async def test_colors_asked_for_are_found_by_one_job(library):
    """One job and one step however often they are asked for; the job done, they are there, and doing it again is harmless."""
    asset_id = await developed(library)
    for _ in range(2):
        assert (await request(library, asset_id)).state is ExtractionState.QUEUED
    assert library.jobs(asset_id) == ["extract_colors"]

    for _ in range(2):
        await library.services.colors.extract(library.scope, asset_id, 1)

    found = await get(library, asset_id)
    assert found.state is ExtractionState.COMPLETED
    assert found.analysis.n_colors == 4
    assert 1 < len(found.analysis.colors) <= 4
    steps = await steps_of(library, asset_id)
    assert [step.status for step in steps] == [State.COMPLETED] * 2
    assert all(step.completed_at for step in steps)
    assert await request(library, asset_id) == found


async def test_a_picture_without_variants_is_read_from_its_original(library):
    """The colours can be had before the variants are made, and these do not undo them."""
    asset_id = await library.take_in(SIX, auto_describe=False)
    await request(library, asset_id, 3)
    assert sorted(library.jobs(asset_id)) == ["extract_colors", "make_variants"]

    await library.services.colors.extract(library.scope, asset_id, 1)
    early = await get(library, asset_id)
    await library.services.pictures.make_variants(library.scope, asset_id, 1)

    assert early.analysis.n_colors == 3
    assert await get(library, asset_id) == early


async def test_a_variant_that_is_missing_is_made_up_for_by_the_original(library):
    """Somebody removed the large variant from the store."""
    asset_id = await developed(library)
    asset = await library.asset(asset_id)
    for variant in asset.variants.values():
        await library.services.trash._store.delete(variant.object_key)
    await request(library, asset_id)

    await library.services.colors.extract(library.scope, asset_id, 1)

    assert (await get(library, asset_id)).state is ExtractionState.COMPLETED


async def test_what_cannot_be_read_fails_with_a_reason_and_keeps_what_was_found_before(library):
    """The step says why; the analysis that is there stays and is still searched."""
    asset_id = await developed(library)
    before = await get(library, asset_id)
    asset = await library.asset(asset_id)
    for key in {asset.object_key, *(variant.object_key for variant in asset.variants.values())}:
        await library.services.trash._store.delete(key)
    await request(library, asset_id)

    await library.services.colors.extract(library.scope, asset_id, 1)

    found = await get(library, asset_id)
    assert (found.state, found.analysis) == (ExtractionState.FAILED, before.analysis)
    (*_, last) = await steps_of(library, asset_id)
    assert last.status is State.FAILED
    assert "missing" in last.error_message
    page = await library.services.color_search.page(library.scope, ColorCriteria(name="red"), 10, 0)
    assert page.total_count == 1
    assert (await request(library, asset_id)).state is ExtractionState.QUEUED


async def test_another_number_asked_for_meanwhile_overtakes(library, monkeypatch):
    """A job that comes back with three colours where five are wanted by now stores nothing; the next one does."""
    asset_id = await developed(library)
    await request(library, asset_id, 3)
    service = library.services.colors
    find = service._find

    async def find_slowly(asset, wanted, begun):
        colors = await find(asset, wanted, begun)
        if wanted == 3:
            assert (await get(library, asset_id)).state is ExtractionState.PROCESSING
            await request(library, asset_id, 5)
        return colors

    monkeypatch.setattr(service, "_find", find_slowly)
    await service.extract(library.scope, asset_id, 1)
    assert (await get(library, asset_id)).state is ExtractionState.QUEUED

    await service.extract(library.scope, asset_id, 1)
    assert (await get(library, asset_id)).analysis.n_colors == 5


async def test_colors_that_are_being_found_are_not_looked_for_beside_that(library):
    """The same number asked for while the job runs queues nothing; another number does, and so does a job that was lost."""
    asset_id = await developed(library)
    await request(library, asset_id, 3)
    library.sql("UPDATE procrastinate_jobs SET status = 'doing' WHERE args->>'asset_id' = %s", str(asset_id))
    await request(library, asset_id, 3)
    assert library.jobs(asset_id) == []
    await request(library, asset_id, 5)
    assert library.jobs(asset_id) == ["extract_colors"]
    library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
    await request(library, asset_id, 5)
    assert library.jobs(asset_id) == ["extract_colors"]


async def test_a_lost_job_is_queued_again(library):
    """The row knows that colours were asked for, whatever became of the job; looking twice queues it once."""
    asset_id, young = await developed(library), await developed(library)
    for id_ in (asset_id, young):
        await request(library, id_)
    library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = ANY(%s)", [str(asset_id), str(young)])
    library.sql("UPDATE color_analysis SET requested_at = now() - interval '1 hour' WHERE asset_id = %s", asset_id)

    assert await library.services.upkeep.requeue_missing() == 1
    assert await library.services.upkeep.requeue_missing() == 0

    assert library.jobs(asset_id) == ["extract_colors"]
    assert library.jobs(young) == []
    await library.services.colors.extract(library.scope, young, 1)


async def test_the_trash_drops_the_job_and_restoring_queues_it_again(library):
    """Nothing is worked on in the trash, and nothing that was asked for is forgotten."""
    asset_id = await developed(library)
    await request(library, asset_id)

    await library.services.trash.delete(library.scope, asset_id)
    assert library.jobs(asset_id) == []
    await library.services.colors.extract(library.scope, asset_id, 1)
    with pytest.raises(NotFound):
        await get(library, asset_id)

    await library.services.trash.restore(library.scope, asset_id)
    assert library.jobs(asset_id) == ["extract_colors"]
    assert (await get(library, asset_id)).state is ExtractionState.QUEUED


async def test_many_are_asked_for_at_once(library):
    """Unknown ids, those of others and finished ones are not counted; repeated ones count once."""
    first, second = await developed(library), await developed(library, photo())
    stranger = await library.neighbour()
    ids = [second, first, second, uuid4()]

    assert await stranger.services.colors.request_many(stranger.scope, ids, 4, force=True) == 0
    assert await library.services.colors.request_many(library.scope, ids, 16, force=False) == 0
    assert await library.services.colors.request_many(library.scope, ids, 4, force=False) == 2
    assert library.jobs(first) == library.jobs(second) == ["extract_colors"]


async def test_a_usual_request_before_the_development_leaves_it_to_that(library):
    """Sixteen colours are what the development finds anyway; no second job is made."""
    asset_id = await library.take_in(SIX, auto_describe=False)
    assert (await request(library, asset_id, 16)).state is ExtractionState.QUEUED
    assert library.jobs(asset_id) == ["make_variants"]


async def test_the_step_of_colors_asked_for_outlasts_the_development(library):
    """Three colours were asked for before the variants were made: history says they are still to come until they are there."""
    asset_id = await library.take_in(SIX, auto_describe=False)
    await request(library, asset_id, 3)

    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    assert {step.status for step in await steps_of(library, asset_id)} == {State.PENDING}

    await library.services.colors.extract(library.scope, asset_id, 1)
    steps = await steps_of(library, asset_id)
    assert {step.status for step in steps} == {State.COMPLETED}
    assert all(step.completed_at for step in steps)


async def test_a_picture_that_cannot_be_developed_leaves_its_colors_to_their_own_job(library):
    """That job says itself why there are none."""
    asset_id = await library.take_in(SIX, auto_describe=False)
    await request(library, asset_id, 3)
    await library.services.trash._store.delete((await library.asset(asset_id)).object_key)

    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    assert (await library.asset(asset_id)).variant_status is State.FAILED
    assert {step.status for step in await steps_of(library, asset_id)} == {State.PENDING}

    await library.services.colors.extract(library.scope, asset_id, 1)
    assert {step.status for step in await steps_of(library, asset_id)} == {State.FAILED}


async def test_a_search_needs_a_criterion(library):
    """A search for nothing is refused below the web, too."""
    with pytest.raises(InvalidInput):
        await library.services.color_search.page(library.scope, ColorCriteria(), 10, 0)
