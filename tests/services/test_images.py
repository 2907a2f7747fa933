"""Images are given in the order asked for, to their tenant only, and each is deleted for exactly one of those who try."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import NotFound
from calotype.domain.listing import AssetFilter, PageRequest, SortKey
from tests.services.batches import deadlocks, until
from tests.services.images import listed, send, wanted
from tests.services.library import photo

IMAGES = AssetFilter(media_types=("image",))


def service(library):
    """What is tested here."""
    return library.services.images


async def some(library, count=4, **values):
    """The ids of new images."""
    asked = [wanted(place=place, **values) for place in range(count)]
    return [
        image.id for image in await send(library, [(f"{place}.jpg", photo(24, 16)) for place in range(count)], asked)
    ]


def become(library, asset_id, media_type):
    """Make a file one of another kind, as later versions have them."""
    library.sql("UPDATE asset SET media_type = %s WHERE id = %s", media_type, asset_id)


async def test_images_come_in_the_order_asked_for_each_once(library):
    """Repetitions, unknown ones, those of others, deleted ones and files of other kinds are left out."""
    neighbour = await library.neighbour()
    ids, (theirs,) = await some(library, 6), await some(neighbour, 1)
    await service(library).delete(library.scope, [ids[4]])
    become(library, ids[5], "video")
    asked = [ids[2], uuid4(), ids[0], ids[2], theirs, ids[4], ids[5], ids[3]]
    found = await service(library).get(library.scope, asked)
    assert [image.id for image in found] == [ids[2], ids[0], ids[3]]
    assert [image.document for image in found] == ['{"place":2}', '{"place":0}', '{"place":3}']
    assert await service(library).get(library.scope, []) == []


async def test_files_that_came_in_another_way_are_images_too(library):
    """Without metadata of a client's, and indexed as their description stands."""
    plain, described = await library.take_in(auto_describe=False), await library.finished()
    found = await service(library).get(library.scope, [plain, described])
    assert [(image.indexing, image.document) for image in found] == [(State.SKIPPED, None), (State.COMPLETED, None)]


async def test_a_page_holds_images_only(library):
    """Newest first, with what was said of each, another tenant's and other kinds left out."""
    await some(await library.neighbour(), 2)
    ids = await some(library, 7)
    become(library, ids[3], "document")
    newest = [ids[place] for place in (6, 5, 4, 2, 1, 0)]
    for limit, offset in [(100, 0), (2, 0), (2, 3), (2, 5), (2, 6), (1, 2**40)]:
        page = await service(library).page(
            library.scope, IMAGES, PageRequest(SortKey.CREATED_AT, limit=limit, offset=offset)
        )
        assert [image.id for image in page] == newest[offset : offset + limit]
        assert [image.document for image in page] == [f'{{"place":{ids.index(image.id)}}}' for image in page]


async def test_one_image_is_found_or_not(library):
    """What is deleted, somebody else's, of another kind or unknown does not exist."""
    (kept, deleted, other), (theirs,) = await some(library, 3), await some(await library.neighbour(), 1)
    await service(library).delete(library.scope, [deleted])
    become(library, other, "video")
    ask = service(library).one
    assert (await ask(library.scope, kept)).id == kept
    for image_id in (deleted, other, theirs, uuid4()):
        with pytest.raises(NotFound) as refused:
            await ask(library.scope, image_id)
        assert refused.value.context == {"field": "image_id", "kind": "image"}


async def test_deleting_tells_what_was_there(library):
    """Another tenant's stays, another kind stays, and what is gone already was not there; waiting jobs are dropped."""
    neighbour = await library.neighbour()
    ids, theirs = await some(library, 4), await some(neighbour, 1)
    become(library, ids[3], "video")
    assert await service(library).delete(library.scope, [ids[1]]) == {ids[1]}
    assert await service(library).delete(library.scope, [*ids, *theirs, uuid4(), ids[0]]) == {ids[0], ids[2]}
    assert await service(library).delete(library.scope, ids) == set()
    assert await listed(library) == []
    assert len(await listed(neighbour)) == 1
    assert [library.jobs(image_id) for image_id in ids[:3]] == [[], [], []]
    assert len(library.jobs(ids[3])) == 1
    assert len(library.objects()) == 4


async def test_an_image_comes_back_from_the_trash_as_it_was(library):
    """With its metadata, its time of recording and the work it still lacks."""
    first, image_id = await some(library, 2, recorded_timestamp_utc=5.25)
    before = await service(library).one(library.scope, image_id)
    await service(library).delete(library.scope, [image_id])
    await library.services.trash.restore(library.scope, image_id)
    assert await service(library).one(library.scope, image_id) == before
    assert (await library.asset(image_id)).recorded_timestamp == (await library.asset(first)).recorded_timestamp
    assert library.jobs(image_id) == library.jobs(first)


async def test_what_is_purged_leaves_no_metadata(library):
    """Rows of custom metadata go with their image."""
    ids = await some(library, 3)
    await service(library).delete(library.scope, ids[:2])
    await library.services.trash.purge_due()
    found = library.sql("SELECT asset_id FROM custom_metadata WHERE tenant_id = %s", library.scope.tenant_id)
    assert found == [(ids[2],)]
    assert len(library.objects()) == 1


async def test_of_many_who_delete_the_same_images_each_is_told_of_its_own(library):
    """Every image is deleted for exactly one of them, in whatever order they name them, and nobody waits for ever."""
    chance, ids, before = random.Random(3), await some(library, 20), deadlocks(library)
    asked = [chance.sample(ids, chance.randint(5, 20)) for _ in range(12)]
    outcomes = await asyncio.gather(*(service(library).delete(library.scope, some_ids) for some_ids in asked))
    assert sorted(image_id for outcome in outcomes for image_id in outcome) == sorted(
        {one for some_ids in asked for one in some_ids}
    )
    for outcome, some_ids in zip(outcomes, asked, strict=True):
        assert outcome <= set(some_ids)
    assert deadlocks(library) == before


async def test_deleting_in_both_ways_at_once(library):
    """The Files API's deletion and this one agree who it was, and do not lock each other out."""
    ids, before = await some(library, 30), deadlocks(library)
    here, there = await asyncio.gather(
        service(library).delete(library.scope, ids), library.services.trash.delete_many(library.scope, ids[::-1])
    )
    told = {deletion.asset_id for deletion in there if deletion.fate.value == "deleted"}
    assert here | told == set(ids)
    assert not here & told
    assert deadlocks(library) == before


async def test_an_image_is_deleted_while_it_is_being_worked_on(quick):
    """Deleting wins at once, and the work that goes on brings nothing back."""
    for pause in range(0, 200, 8):
        (image_id,) = await some(quick, 1)
        work = asyncio.create_task(quick.services.pictures.make_variants(quick.scope, image_id, 1))
        for _ in range(pause):
            await asyncio.sleep(0)
        assert await service(quick).delete(quick.scope, [image_id]) == {image_id}
        await asyncio.wait([work])
        assert work.exception() is None
        assert await service(quick).get(quick.scope, [image_id]) == []
    assert await listed(quick) == []


async def test_images_are_deleted_while_they_are_being_uploaded(library):
    """Whoever deletes what he sees never gets less or more than whole uploads, and what he deleted stays away."""
    sending = [asyncio.create_task(some(library, 5)) for _ in range(6)]
    gone = set()

    async def delete_all():
        while len(gone) < 30:
            found = [image.id for image in await listed(library)]
            assert len(found) % 5 == 0
            gone.update(await service(library).delete(library.scope, found))

    async with asyncio.timeout(30):
        await delete_all()
    assert gone == {image_id for task in sending for image_id in await task}
    await until(lambda: all(task.done() for task in sending))
    assert await listed(library) == []
