"""Whatever is refused or breaks at whichever step, nothing that was answered is lost and nothing else is left behind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from calotype.domain.device_image import DeviceImage
from calotype.domain.errors import (
    BatchClosed,
    DuplicateImage,
    EmptyFile,
    IncompletePicture,
    NotFound,
    QuotaExceeded,
    TooLarge,
    TooManyPixels,
    Unavailable,
    UndecodablePicture,
    Unsupported,
    UsageLimitExceeded,
)
from calotype.services.ingest_limits import IngestLimits
from calotype.services.picture_check import PictureCheck
from tests.services.batches import Deputy, FailingStore, ForgetfulDatabase
from tests.services.devices import BOX, Device, at_once, check_whole, raw_objects, set_terms
from tests.services.exports import noise
from tests.services.hooks import subscribe, told
from tests.services.library import chunks, photo


@pytest.fixture(autouse=True)
def whole(library):
    """After each test database and object store agree."""
    yield
    check_whole(library)


@pytest.fixture
async def device(library):
    """A device."""
    return await Device.of(library)


def state(library):
    """What the database holds of devices' images, besides the images themselves."""
    tables = (
        "asset",
        "device_image",
        "annotation",
        "batch",
        "idempotency_key",
        "webhook_event",
        "custom_metadata",
        "operation",
    )
    counts = [library.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables]
    images = library.sql("SELECT coalesce(sum(image_count), 0) FROM batch")[0][0]
    jobs = library.sql("SELECT count(*) FROM procrastinate_jobs")[0][0]
    return [*counts, images, jobs]


PICTURES = {
    "empty": (lambda: b"", EmptyFile),
    "text": (lambda: b"no picture at all " * 100, Unsupported),
    "gif": (lambda: noise(8, 8, "GIF"), Unsupported),
    "webp": (lambda: noise(8, 8, "WEBP"), Unsupported),
    "cut jpeg": (lambda: photo()[:-500], UndecodablePicture),
    "cut png": (lambda: noise(60, 60)[:-20], IncompletePicture),
    "cut long png": (lambda: noise(900, 700)[:-20], IncompletePicture),
    "header alone": (lambda: photo()[:20], UndecodablePicture),
    "too many pixels": (lambda: noise(1100, 1000, "JPEG", quality=5), TooManyPixels),
    "too long": (lambda: noise(1000, 999), TooLarge),
}


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_that_is_refused_leaves_nothing(device, library, monkeypatch, name):
    """Whether it shows at the first bytes, at the last, or only when the whole is looked at."""
    receiver = library.services.device_uploads._receiver
    limits = IngestLimits(2_900_000, 10**6, only_formats=receiver._limits.only_formats, only_whole=True)
    monkeypatch.setattr(receiver, "_limits", limits)
    monkeypatch.setattr(receiver, "_pictures", PictureCheck(receiver._store, limits.pictures))
    make, error = PICTURES[name]
    before = state(library)
    with pytest.raises(error):
        await device.send(make())
    assert state(library) == before


async def test_a_picture_of_both_kinds_is_taken_up_to_the_limit(device, library, monkeypatch):
    """By content whatever the name says; the last byte that is allowed passes, one more does not."""
    receiver = library.services.device_uploads._receiver
    for data, name in [(photo(), "a.gif"), (noise(40, 40), "b.jpg")]:
        for most, passes in [(len(data) - 1, False), (len(data), True)]:
            monkeypatch.setattr(
                receiver, "_limits", IngestLimits(most, 10**6, only_formats=frozenset({"jpeg", "png"}), only_whole=True)
            )
            (result,) = await at_once(device.send(data, name))
            assert isinstance(result, DeviceImage if passes else TooLarge)


async def test_a_camera_that_falls_silent_or_goes_away_leaves_nothing(device, library):
    """Its body breaks off with a fault, or the request is cancelled while it is waited for."""

    async def broken(data):
        yield data[:1000]
        raise ConnectionError

    async def silent(data):
        yield data[:70_000]
        yield data[70_000:]
        await asyncio.Event().wait()

    data = noise(300, 300)
    uploads, before = library.services.device_uploads, state(library)
    with pytest.raises(ConnectionError):
        await uploads.receive(library.scope, "a.png", broken(data))
    task = asyncio.create_task(uploads.receive(library.scope, "a.png", silent(data)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert state(library) == before


async def duplicate(device, library):
    """Bytes the tenant holds."""
    data = photo()
    await device.send(data)
    return {"data": data}, DuplicateImage


async def closed(device, library):
    """A batch that takes nothing more."""
    batch_id = (await device.send()).batch_id
    await library.services.batches.close(library.scope, batch_id)
    return {"batch_id": batch_id}, BatchClosed


async def unknown(device, library):
    """A batch that is not there."""
    return {"batch_id": library.scope.tenant_id}, NotFound


async def no_room(device, library):
    """A quota that is used up."""
    library.sql("UPDATE tenant SET storage_quota_bytes = 10 WHERE id = %s", library.scope.tenant_id)
    return {}, QuotaExceeded


async def no_uploads(device, library):
    """No uploads left this month."""
    library.sql("UPDATE tenant SET monthly_upload_limit = 0 WHERE id = %s", library.scope.tenant_id)
    return {}, UsageLimitExceeded


@pytest.mark.parametrize("make", [duplicate, closed, unknown, no_room, no_uploads])
async def test_an_image_that_is_refused_after_it_was_stored_leaves_nothing(device, library, make):
    """Neither its object nor any row, count, event or job."""
    await subscribe(library, "https://hooks.example/")
    options, error = await make(device, library)
    before = state(library)
    with pytest.raises(error):
        await device.send(**options, key="k", said={"annotations": [BOX], "line": 1})
    assert state(library) == before


# ----------------------------------------------------------- what breaks


async def test_a_store_that_fails_stores_nothing(device, library, monkeypatch):
    """The camera is told to try again, and then it is taken."""
    receiver, before, data = library.services.device_uploads._receiver, state(library), photo()
    with monkeypatch.context() as patched:
        patched.setattr(receiver, "_store", FailingStore(receiver._store, "image.jpg"))
        with pytest.raises(Unavailable):
            await device.send(data, key="k")
    assert state(library) == before
    assert not (await device.send(data, key="k")).is_duplicate


STEPS = [
    "calotype.services.ingest.lock_checksums",
    "calotype.services.ingest.insert_asset",
    "calotype.services.ingest.insert_operations",
    "calotype.services.ingest.insert_custom_metadata",
    "calotype.services.batch.upsert_collecting_batch",
    "calotype.services.device_upload.insert_device_image",
    "calotype.services.device_upload.insert_annotations",
    "calotype.services.batch.update_batch_closed",
    "calotype.services.device_upload.insert_kept_answer",
]


@pytest.mark.parametrize(
    "broken", [Unavailable("the database is gone"), RuntimeError("a fault of ours")], ids=["lost", "fault"]
)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rsplit(".", 1)[1])
async def test_a_database_that_fails_at_any_step_undoes_all_of_them(device, library, monkeypatch, step, broken):
    """Nothing is half there; the object may wait for the sweep, which takes it; and the same upload is taken afterwards."""
    await subscribe(library, "https://hooks.example/")
    set_terms(monkeypatch, library.services, max_images=1)
    data, said = photo(), {"annotations": [BOX], "line": 1}
    before = state(library)

    async def fail(*_, **__):
        raise broken

    with monkeypatch.context() as patched:
        patched.setattr(step, fail)
        with pytest.raises(type(broken)):
            await device.send(data, key="k", said=said)
    assert state(library) == before
    await library.services.upkeep.sweep()
    check_whole(library)

    image = await device.send(data, key="k", said=said)
    assert device.batches() == [(image.batch_id, 1, True)]
    assert sorted(kind for kind, _ in told(library)) == ["batch.closed", "device.image.uploaded"]


async def test_an_answer_that_is_lost_after_the_commit_loses_no_image(device, library, monkeypatch):
    """Its object stays, since its row may be there; sent again, it is a duplicate of itself."""
    ingest, data = library.services.ingest, photo()
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "_database", ForgetfulDatabase(ingest._database))
        with pytest.raises(Unavailable):
            await device.send(data)
    await library.services.upkeep.sweep()
    with pytest.raises(DuplicateImage):
        await device.send(data)
    assert [count for _, count, _ in device.batches()] == [1]


class Cancelling(Deputy):
    """A database that cancels whoever works with it, in the middle of a transaction or after it."""

    def __init__(self, original, *, early):
        super().__init__(original)
        self._early = early

    @asynccontextmanager
    async def write(self):
        """A transaction whose user is not there at its end, or after it."""
        async with self._original.write() as connection:
            yield connection
            if self._early:
                asyncio.current_task().cancel()
                await asyncio.sleep(0)
        asyncio.current_task().cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("early", [True, False])
async def test_a_request_that_is_given_up_is_there_wholly_or_not_at_all(device, library, monkeypatch, early):
    """Before the commit or after it."""
    ingest, before = library.services.ingest, state(library)
    received, caller = await device.receive(), await device.caller()
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "_database", Cancelling(ingest._database, early=early))
        task = asyncio.create_task(device.accept(received, caller))
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (state(library) == before) is early
    await library.services.upkeep.sweep()
    check_whole(library)
    assert len(raw_objects(library) & {received.object_key}) == (not early)
    assert (await device.send()).batch_id  # the device's turn is given on


async def test_when_the_store_cannot_remove_what_is_refused_the_refusal_is_told_and_the_sweep_removes_it(
    device, library, monkeypatch
):
    """The camera learns what was wrong, not that tidying up failed."""
    data = photo()
    await device.send(data)
    receivers = (library.services.ingest, library.services.device_uploads._receiver)
    with monkeypatch.context() as patched:
        for receiver in receivers:
            patched.setattr(receiver, "_store", FailingStore(receiver._store, deleting=True))
        with pytest.raises(DuplicateImage):
            await device.send(data)
    assert await library.services.upkeep.sweep() == 1


async def test_a_database_that_is_gone_before_the_image_comes_refuses_it_unread(library, device, monkeypatch):
    """Without a number for it there is no place to store it; no number is lost for good, and none is given twice."""
    uploads = library.services.device_uploads
    monkeypatch.setattr(uploads, "_numbers", iter(()))
    caller, read = await device.caller(), []

    async def watched():
        async for chunk in chunks(photo()):
            read.append(chunk)
            yield chunk

    class Gone(Deputy):
        @asynccontextmanager
        async def write(self):
            raise Unavailable("gone")
            yield

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_database", Gone(uploads._database))
        results = await at_once(*(uploads.receive(library.scope, "a.jpg", watched()) for _ in range(3)))
    assert [type(result) for result in results] == [Unavailable] * 3
    assert read == []
    images = await at_once(*(device.send() for _ in range(5)))
    assert len({image.object_key for image in images}) == 5
    assert caller.id == device.id
