"""Deleting can be undone until it cannot, and then nothing is left."""

from __future__ import annotations

from uuid import uuid4

import pytest

from calotype.domain.asset import State
from calotype.domain.errors import Conflict, NotFound, Unavailable
from calotype.domain.upload import UploadOptions
from tests.services.library import chunks, photo
from tests.services.library import library as open_library


async def test_purging_removes_row_original_and_variants_and_touches_nothing_else(library):
    """After the days in the trash nothing of a file is left in database and object store, and its neighbours are whole."""
    gone, kept = await library.finished(), await library.finished()
    everything = library.objects()
    await library.services.trash.delete(library.scope, gone)

    await library.services.trash.purge_due()

    with pytest.raises(NotFound):
        await library.asset(gone)
    for table in ("operation", "description", "dominant_color"):
        assert library.sql(f"SELECT 1 FROM {table} WHERE asset_id = %s", gone) == []
    assert {key for key in everything if str(gone) in key}
    assert library.objects() == {key for key in everything if str(kept) in key}
    with pytest.raises(NotFound):
        await library.services.trash.restore(library.scope, gone)


async def test_what_was_deleted_a_moment_ago_is_not_purged(own_database, tmp_path):
    """Thirty days are thirty days."""
    async with open_library(own_database, tmp_path, trash_days=30) as library:
        asset_id = await library.take_in()
        await library.services.trash.delete(library.scope, asset_id)

        await library.services.trash.purge_due()
        assert (await library.asset(asset_id)).id == asset_id

        library.sql("UPDATE asset SET deleted_at = deleted_at - interval '31 days' WHERE id = %s", asset_id)
        await library.services.trash.purge_due()
        with pytest.raises(NotFound):
            await library.asset(asset_id)


async def test_a_purge_that_was_interrupted_between_row_and_objects_is_ended_by_the_sweep(library, monkeypatch):
    """A crash in the middle leaves objects that nothing points to; they do not stay."""
    asset_id = await library.finished()
    await library.services.trash.delete(library.scope, asset_id)

    async def crash(key):
        raise ConnectionError(key)

    store = library.services.trash._store
    with monkeypatch.context() as patched:
        patched.setattr(store, "delete", crash)
        patched.setattr(store, "delete_many", crash)
        with pytest.raises(ConnectionError):
            await library.services.trash.purge_due()
    assert library.objects()

    await library.services.upkeep.sweep()

    assert library.objects() == set()


async def test_while_the_store_is_away_each_purge_ends_after_one_asset(library, monkeypatch):
    """Nobody waits for a store that is away once for each asset; the next purge goes on, and what is left there is swept."""
    await library.services.trash.purge_due()  # what other tests left in the trash
    ids = [await library.finished(), await library.take_in(), await library.take_in()]
    library.sql("UPDATE asset SET media_type = 'video' WHERE id = %s", ids[1])
    for asset_id in ids:
        await library.services.trash.delete(library.scope, asset_id)
    asked = []

    async def away(*_):
        asked.append(True)
        raise Unavailable("the object store is away")

    async def unlisted(*_):
        raise Unavailable("the object store is away")
        yield

    store = library.services.trash._store
    with monkeypatch.context() as patched:
        patched.setattr(store, "delete_many", away)
        patched.setattr(store, "list", unlisted)
        for number in (1, 2, 3):
            assert await library.services.trash.purge_due() == 1
            assert len(asked) == number
            rows = library.sql("SELECT id FROM asset WHERE id = ANY(%s)", ids)
            assert {asset_id for (asset_id,) in rows} == set(ids[number:])
        assert await library.services.trash.purge_due() == 0
    assert library.objects()

    await library.services.upkeep.sweep()

    assert library.objects() == set()


async def test_a_purge_takes_all_that_is_due_once_the_store_is_back(library, monkeypatch):
    """A purge that ended early leaves nothing out for good."""
    await library.services.trash.purge_due()  # what other tests left in the trash
    ids = [await library.take_in() for _ in range(4)]
    for asset_id in ids:
        await library.services.trash.delete(library.scope, asset_id)

    async def away(*_):
        raise Unavailable("the object store is away")

    with monkeypatch.context() as patched:
        patched.setattr(library.services.trash._store, "delete_many", away)
        assert await library.services.trash.purge_due() == 1
    assert await library.services.trash.purge_due() == 3

    assert library.sql("SELECT 1 FROM asset WHERE id = ANY(%s)", ids) == []
    assert any(str(ids[0]) in key for key in library.objects())
    assert not any(str(asset_id) in key for key in library.objects() for asset_id in ids[1:])


async def test_a_purged_upload_in_two_steps_leaves_no_announcement(library):
    """With the file go the name, title and tags it was announced with; announcements of others stay."""
    uploads = library.services.presigned
    announced = []
    for name in ("gone.jpg", "kept.jpg"):
        data = photo()
        made = await uploads.initiate(library.scope, name, len(data), UploadOptions(title="North pier", tags=("gull",)))
        await uploads.put(library.scope, made.upload_id, chunks(data))
        await uploads.confirm(library.scope, made.upload_id, made.object_key, len(data))
        announced.append(made.upload_id)
    gone, kept = announced
    await library.services.trash.delete(library.scope, gone)

    await library.services.trash.purge_due()

    rows = library.sql("SELECT id FROM presigned_upload WHERE tenant_id = %s", library.scope.tenant_id)
    assert rows == [(kept,)]


async def test_restoring_brings_a_finished_file_back_as_it_was(library):
    """Variants and description are there at once, and no work is queued."""
    asset_id = await library.finished()
    before = await library.asset(asset_id)
    await library.services.trash.delete(library.scope, asset_id)
    with pytest.raises(NotFound):
        await library.services.assets.get(library.scope, asset_id)

    await library.services.trash.restore(library.scope, asset_id)

    after = await library.services.assets.get(library.scope, asset_id)
    assert len(after.variants) == len(before.variants) > 0
    assert after.variants == before.variants
    assert after.description == before.description
    assert library.jobs(asset_id) == []
    for variant in after.variants.values():
        assert await library.services.trash._store.get(variant.object_key)


async def test_deleting_drops_the_waiting_job_and_restoring_queues_it_again(library):
    """A file in the trash is not worked on; brought back, it is finished after all."""
    asset_id = await library.take_in()
    assert library.jobs(asset_id) == ["make_variants"]

    await library.services.trash.delete(library.scope, asset_id)
    assert library.jobs(asset_id) == []

    await library.services.trash.restore(library.scope, asset_id)
    assert library.jobs(asset_id) == ["make_variants"]
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    assert (await library.asset(asset_id)).variant_status is State.COMPLETED


async def test_restoring_queues_the_description_where_only_that_is_missing(library):
    """Variants that are made already are not made again."""
    asset_id = await library.take_in()
    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    await library.services.trash.delete(library.scope, asset_id)

    await library.services.trash.restore(library.scope, asset_id)

    assert library.jobs(asset_id) == ["read_text"]


async def test_a_job_that_runs_after_its_file_was_deleted_does_nothing(library):
    """Deleting does not wait for workers; their work on what is gone comes to nothing."""
    asset_id = await library.take_in()
    await library.services.trash.delete(library.scope, asset_id)
    objects = library.objects()

    await library.services.pictures.make_variants(library.scope, asset_id, 1)
    await library.services.descriptions.read_text(library.scope, asset_id, 1)
    await library.services.descriptions.describe(library.scope, asset_id, 1)

    assert (await library.asset(asset_id)).variant_status is State.PENDING
    assert library.objects() == objects
    assert library.jobs(asset_id) == []


class Meanwhile:
    """A sandbox in which something else happens while a picture is worked on."""

    def __init__(self, sandbox, happening) -> None:
        self._sandbox = sandbox
        self._happening = happening

    async def run(self, *args, **kwargs):
        """Do the work; before anybody learns of it, that happens."""
        answer = await self._sandbox.run(*args, **kwargs)
        await self._happening()
        return answer


async def test_a_file_deleted_while_it_is_worked_on_keeps_what_was_made_for_its_restoration(library, monkeypatch):
    """The variants are not thrown away; after the restoration only the description is missing."""
    asset_id = await library.take_in()

    async def delete():
        await library.services.trash.delete(library.scope, asset_id)

    pictures = library.services.pictures
    monkeypatch.setattr(pictures, "_sandbox", Meanwhile(pictures._sandbox, delete))
    await pictures.make_variants(library.scope, asset_id, 1)
    await library.services.descriptions.read_text(library.scope, asset_id, 1)

    asset = await library.asset(asset_id)
    assert asset.variant_status is State.COMPLETED
    assert asset.description_status is State.PENDING
    await library.services.trash.restore(library.scope, asset_id)
    assert "read_text" in library.jobs(asset_id)


async def test_a_file_purged_while_it_is_worked_on_leaves_no_objects(library, monkeypatch):
    """What was made for a file that is gone for good goes with it."""
    asset_id = await library.take_in()

    async def purge():
        await library.services.trash.delete(library.scope, asset_id)
        await library.services.trash.purge_due()

    pictures = library.services.pictures
    with monkeypatch.context() as patched:
        patched.setattr(pictures, "_sandbox", Meanwhile(pictures._sandbox, purge))
        await pictures.make_variants(library.scope, asset_id, 1)

    with pytest.raises(NotFound):
        await library.asset(asset_id)
    await library.services.upkeep.sweep()
    assert library.objects() == set()


async def test_only_what_is_deleted_can_be_restored_and_only_by_its_owner(library):
    """Restoring a live file is a conflict; another tenant's file and a made-up id do not exist."""
    asset_id = await library.take_in()
    with pytest.raises(Conflict):
        await library.services.trash.restore(library.scope, asset_id)
    await library.services.trash.delete(library.scope, asset_id)
    stranger = await library.neighbour()
    for scope, identity in [(stranger.scope, asset_id), (library.scope, uuid4())]:
        with pytest.raises(NotFound):
            await library.services.trash.restore(scope, identity)
    with pytest.raises(NotFound):
        await library.services.trash.delete(library.scope, asset_id)
