"""Events of assets: one at the end of each run of work, and one for each deletion."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from calotype.domain.asset import State
from calotype.domain.errors import CalotypeError, InvalidInput, SandboxFailure
from calotype.domain.folder import RemovalMode
from calotype.domain.upload import UploadOptions
from calotype.services.batch_upload import BatchOptions
from tests.services.batches import PLAIN, photos, send, work
from tests.services.hooks import subscribe, told
from tests.services.library import chunks, photo

PROCESSED, FAILED, DELETED = "asset.processed", "asset.failed", "asset.deleted"


def kinds(library):
    """(type, asset) of every event so far."""
    return [(kind, data["asset_id"]) for kind, data in told(library)]


@pytest.fixture
async def hooked(library):
    """A library with a webhook for everything."""
    await subscribe(library)
    return library


async def test_a_picture_is_processed_once_it_is_described(hooked):
    """Not when its variants are there but its description is still to come."""
    asset_id = await hooked.take_in()
    await hooked.services.pictures.make_variants(hooked.scope, asset_id, 1)
    await hooked.services.descriptions.read_text(hooked.scope, asset_id, 1)
    assert told(hooked) == []
    await hooked.services.descriptions.describe(hooked.scope, asset_id, 1)
    ((kind, data),) = told(hooked)
    assert kind == PROCESSED
    asset = await hooked.asset(asset_id)
    assert data == {
        "asset_id": str(asset_id),
        "media_type": "image",
        "filename": "photo.jpg",
        "content_type": "image/jpeg",
        "size_bytes": asset.size_bytes,
        "width": 96,
        "height": 64,
    }


async def test_one_that_is_not_to_be_described_is_processed_with_its_variants(hooked):
    """And jobs that run twice tell it once."""
    asset_id = await hooked.take_in(auto_describe=False)
    for _ in range(2):
        await work(hooked, asset_id)
    ((kind, data),) = told(hooked)
    assert (kind, data["width"], data["height"]) == (PROCESSED, 96, 64)


async def test_work_that_runs_twice_at_once_is_told_once(hooked):
    """Two workers that both have the job."""
    asset_id = await hooked.take_in(auto_describe=False)
    pictures = hooked.services.pictures
    await asyncio.gather(*(pictures.make_variants(hooked.scope, asset_id, 1) for _ in range(4)))
    assert kinds(hooked) == [(PROCESSED, str(asset_id))]


async def test_a_picture_that_cannot_be_decoded_has_failed(hooked):
    """With the reason that its row holds."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "PNG")
    head, _, tail = stream.getvalue().partition(b"IDAT")
    asset_id = await hooked.take_in(head + b"IDAT" + bytes(len(tail)), "broken.png")
    await work(hooked, asset_id)
    ((kind, data),) = told(hooked)
    asset = await hooked.asset(asset_id)
    assert asset.variant_status is State.FAILED
    assert (kind, data) == (
        FAILED,
        {"asset_id": str(asset_id), "media_type": "image", "filename": "broken.png", "error": asset.variant_error},
    )


async def test_a_description_that_fails_is_told_of(hooked, monkeypatch):
    """The variants are there; what failed is said."""

    class Mute:
        needs_picture = False

        async def describe(self, request):
            raise SandboxFailure("no words")

    asset_id = await hooked.take_in()
    await hooked.services.pictures.make_variants(hooked.scope, asset_id, 1)
    monkeypatch.setattr(hooked.services.describing, "_describer", Mute())
    for attempt in (1, 2, 3):
        try:
            await hooked.services.descriptions.describe(hooked.scope, asset_id, attempt)
        except CalotypeError:
            assert attempt < 3
    ((kind, data),) = told(hooked)
    assert (kind, data["error"]) == (FAILED, "no words")


async def test_work_asked_for_again_is_told_again(hooked):
    """Each run has its end."""
    asset_id = await hooked.finished(auto_describe=False)
    hooked.sql("UPDATE asset SET variant_status = 'pending' WHERE id = %s", asset_id)
    await work(hooked, asset_id)
    assert kinds(hooked) == [(PROCESSED, str(asset_id))] * 2


async def test_of_two_kinds_of_work_the_last_to_end_tells(hooked):
    """Variants made anew while a description is under way: one event, when both are done."""
    asset_id = await hooked.take_in()
    await hooked.services.pictures.make_variants(hooked.scope, asset_id, 1)
    hooked.sql("UPDATE asset SET variant_status = 'pending' WHERE id = %s", asset_id)
    await hooked.services.descriptions.describe(hooked.scope, asset_id, 1)
    assert told(hooked) == []
    await hooked.services.pictures.make_variants(hooked.scope, asset_id, 1)
    assert kinds(hooked) == [(PROCESSED, str(asset_id))]


async def test_a_description_called_off_ends_the_work(hooked):
    """A field behind the files says that nothing is to be described."""
    describing = BatchOptions(UploadOptions(auto_describe=True))
    plain = BatchOptions(UploadOptions(auto_describe=False))
    async with hooked.services.batch_uploads.reading(hooked.scope) as batch:
        await batch.take("a.jpg", chunks(photo()), describing)
        await batch._end_storing()
        ((asset_id,),) = hooked.sql("SELECT id FROM asset WHERE tenant_id = %s", hooked.scope.tenant_id)
        await hooked.services.pictures.make_variants(hooked.scope, asset_id, 1)
        assert told(hooked) == []
        await batch.finish(plain)
    assert kinds(hooked) == [(PROCESSED, str(asset_id))]


async def test_what_is_cancelled_has_failed(hooked):
    """Those that waited; what was done before is not told again."""
    result = await send(hooked, photos(3))
    done, *waiting = [item.asset_id for item in result.items]
    await work(hooked, done)
    await hooked.services.sessions.cancel(hooked.scope, result.session_id)
    events = told(hooked)
    assert {(kind, data["asset_id"]) for kind, data in events} == {
        (PROCESSED, str(done)),
        *((FAILED, str(asset_id)) for asset_id in waiting),
    }
    assert {data["error"] for kind, data in events if kind == FAILED} == {"Cancelled"}


async def test_what_is_deleted_is_told_of_in_every_way_to_delete(hooked):
    """One by one, several at once, and with a folder; the time is that of the row."""
    trash, folders, scope = hooked.services.trash, hooked.services.folders, hooked.scope
    folder = await folders.create(scope, "Old", None)
    single, first, second, inside = [await hooked.finished(auto_describe=False) for _ in range(4)]
    await folders.move_files(scope, [inside], folder.id)
    await trash.delete(scope, single)
    await trash.delete_many(scope, [first, second, first])
    await folders.remove(scope, folder.id, RemovalMode.DELETE_ALL)
    deleted = [data for kind, data in told(hooked) if kind == DELETED]
    assert [data["asset_id"] for data in deleted[:1] + deleted[3:]] == [str(single), str(inside)]
    assert {data["asset_id"] for data in deleted} == {str(one) for one in (single, first, second, inside)}
    assert len(deleted) == 4
    for data in deleted:
        asset = await hooked.asset(data["asset_id"])
        assert asset.deleted_at.isoformat().replace("+00:00", "Z") == data["deleted_at"]
        assert data.keys() == {"asset_id", "deleted_at"}


async def test_what_is_deleted_twice_or_not_there_is_told_of_once(hooked):
    """Restored and deleted again is another deletion; purging is none."""
    asset_id = await hooked.finished(auto_describe=False)
    trash = hooked.services.trash
    await trash.delete(hooked.scope, asset_id)
    with pytest.raises(CalotypeError):
        await trash.delete(hooked.scope, asset_id)
    await trash.restore(hooked.scope, asset_id)
    await trash.delete(hooked.scope, asset_id)
    await trash.purge_due()
    assert [kind for kind, _ in told(hooked)] == [PROCESSED, DELETED, DELETED]


async def test_what_nobody_was_told_of_is_not_told_of_when_it_is_taken_back(hooked):
    """A batch that is refused as a whole leaves no events, neither of failure nor of deletion."""

    async def refused() -> None:
        async with hooked.services.batch_uploads.reading(hooked.scope) as batch:
            await batch.take("a.jpg", chunks(photo()), PLAIN)
            await batch._end_storing()
            raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        await refused()
    assert hooked.sql("SELECT count(*) FROM asset WHERE tenant_id = %s", hooked.scope.tenant_id) == [(0,)]
    assert told(hooked) == []


async def test_a_picture_deleted_while_it_is_worked_on_is_not_processed(hooked):
    """Who has heard that it is gone does not hear of it again."""
    asset_id = await hooked.take_in(auto_describe=False)
    hooked.sql("UPDATE asset SET deleted_at = now() WHERE id = %s", asset_id)
    await hooked.services.pictures.make_variants(hooked.scope.trashed(), asset_id, 1)
    assert (await hooked.asset(asset_id)).variant_status is State.COMPLETED
    assert told(hooked) == []
