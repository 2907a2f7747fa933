"""Images of a device gather in one open batch, however many come at once, until it is full, old or closed."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import psycopg
import pytest

from calotype.domain.batch import BatchStatus
from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import DeviceImage
from calotype.domain.errors import BatchClosed, NotFound, Unauthenticated
from calotype.domain.listing import Window
from tests.services.batches import deadlocks, until_blocked
from tests.services.devices import Device, at_once, check_whole, set_terms
from tests.services.hooks import subscribe, told
from tests.services.library import photo


@pytest.fixture(autouse=True)
def whole(library):
    """After each test database and object store agree."""
    yield
    check_whole(library)
    assert deadlocks(library) == 0


@pytest.fixture
async def device(library):
    """A device that sends no image twice."""
    return await Device.of(library)


async def test_many_uploads_at_once_share_one_batch(library, twin, device):
    """Forty at the same moment, through two processes: one batch is opened, and it counts every one of them."""
    other = device.through(twin)
    images = await at_once(*(each.send() for _ in range(20) for each in (device, other)))

    (batch_id,) = {image.batch_id for image in images}
    assert len({image.asset_id for image in images}) == 40
    assert device.batches() == [(batch_id, 40, False)]
    assert ((await device.now()).image_count, (await device.now()).open_batch_id) == (40, batch_id)


async def test_no_batch_takes_more_than_it_may(library, twin, monkeypatch):
    """Three devices fill batches of seven through two processes: all but the last of each are full, closed, and told of once."""
    for services in (library.services, twin):
        set_terms(monkeypatch, services, max_images=7)
    await subscribe(library, "https://hooks.example/", "batch.closed")
    devices = [await Device.of(library) for _ in range(3)]

    images = await at_once(
        *(each.send() for _ in range(8) for device in devices for each in (device, device.through(twin)))
    )

    assert len({image.asset_id for image in images}) == 48
    for device in devices:
        assert [(count, closed) for _, count, closed in device.batches()] == [(7, True), (7, True), (2, False)]
    assert [(kind, data["image_count"], data["reason"]) for kind, data in told(library)] == [
        ("batch.closed", 7, "full")
    ] * 6
    assert len({data["batch_id"] for _, data in told(library)}) == 6


async def test_a_batch_of_one_is_closed_by_its_image(device, library, monkeypatch):
    """The answer still names the batch, which is closed by then."""
    set_terms(monkeypatch, library.services, max_images=1)
    images = [await device.send() for _ in range(3)]
    assert device.batches() == [(image.batch_id, 1, True) for image in images]


async def test_a_limit_lowered_below_what_is_there_closes_with_the_next_image(device, library, monkeypatch):
    """A batch that holds more than it may now is closed, not passed by."""
    for _ in range(4):
        await device.send()
    set_terms(monkeypatch, library.services, max_images=2)
    await device.send()
    assert [(count, closed) for _, count, closed in device.batches()] == [(5, True)]


async def test_an_operator_may_close_while_images_come(library, twin, device):
    """Every image is in a batch that counts it, and of each closed batch the count told with its closing is the last."""
    await subscribe(library, "https://hooks.example/", "batch.closed")
    going = asyncio.Event()

    async def close():
        await going.wait()
        for _ in range(6):
            open_batch = (await device.now()).open_batch_id
            if open_batch:
                await twin.batches.close(library.scope, open_batch)

    async def send(each):
        image = await each.send()
        going.set()
        return image

    results = await at_once(close(), *(send(each) for _ in range(15) for each in (device, device.through(twin))))

    images = [image for image in results if isinstance(image, DeviceImage)]
    assert len(images) == 30
    counted = {batch_id: (count, closed) for batch_id, count, closed in device.batches()}
    assert Counter(image.batch_id for image in images) == {each: count for each, (count, _) in counted.items()}
    closings = {data["batch_id"].removeprefix("batch_"): data["image_count"] for _, data in told(library)}
    assert closings == {str(each): count for each, (count, closed) in counted.items() if closed}


async def test_closing_again_is_the_same_answer(device, library):
    """The time of the first closing stays, and nobody is told twice."""
    await subscribe(library, "https://hooks.example/", "batch.closed")
    batch_id = (await device.send()).batch_id
    first, *others = await at_once(*(library.services.batches.close(library.scope, batch_id) for _ in range(5)))
    assert first.status is BatchStatus.CLOSED
    assert others == [first] * 4
    assert await library.services.batches.close(library.scope, batch_id) == first
    assert [data["reason"] for _, data in told(library)] == ["operator"]


async def test_a_closed_batch_takes_nothing_more(device, library):
    """Whoever insists on it is refused, and nothing of the image is left; whoever does not gets the next one."""
    batch_id = (await device.send()).batch_id
    assert (await device.send(batch_id=batch_id)).batch_id == batch_id
    await library.services.batches.close(library.scope, batch_id)
    with pytest.raises(BatchClosed) as caught:
        await device.send(batch_id=batch_id)
    assert caught.value.context == {"batch_id": batch_id}
    following = (await device.send()).batch_id
    assert device.batches() == [(batch_id, 2, True), (following, 1, False)]


async def test_a_batch_of_another_device_or_tenant_is_not_there(device, library):
    """Open or closed, its existence is not told."""
    other = await Device.of(library)
    strange = await Device.of(await library.neighbour())
    for each in (other, strange):
        batch_id = (await each.send()).batch_id
        with pytest.raises(NotFound):
            await device.send(batch_id=batch_id)
    assert device.batches() == []


# -------------------------------------------------------------------- age


async def test_an_old_batch_is_closed_by_the_next_image(device, library, monkeypatch):
    """The image that comes too late opens the next one, and is not counted in the old one, as is told."""
    await subscribe(library, "https://hooks.example/", "batch.closed")
    old = (await device.send()).batch_id
    await device.send()
    set_terms(monkeypatch, library.services, max_age=timedelta(microseconds=1))
    monkeypatch.setattr(library.services.batches, "close_due", None)  # nobody looks meanwhile

    new = (await device.send()).batch_id

    assert device.batches()[0] == (old, 2, True)
    assert new != old
    ((_, data),) = told(library)
    assert (data["batch_id"], data["image_count"], data["reason"]) == (f"batch_{old}", 2, "age")


async def test_an_old_batch_that_is_insisted_on_takes_nothing_more(device, library, monkeypatch):
    """Although nobody has closed it yet; the refused image is not counted."""
    old = (await device.send()).batch_id
    set_terms(monkeypatch, library.services, max_age=timedelta(microseconds=1))
    with pytest.raises(BatchClosed):
        await device.send(batch_id=old)
    assert [(count, closed) for _, count, closed in device.batches()] == [(1, False)]


async def test_a_batch_that_is_looked_at_is_as_old_as_it_is(device, library, monkeypatch):
    """With no worker running, whoever asks finds it closed: by itself, in lists, and in its device."""
    batches = library.services.batches
    batch_id = (await device.send()).batch_id
    assert (await batches.get(library.scope, batch_id)).status is BatchStatus.COLLECTING
    set_terms(monkeypatch, library.services, max_age=timedelta(microseconds=1))
    assert (await batches.get(library.scope, batch_id)).status is BatchStatus.CLOSED
    second = (await device.send()).batch_id
    page, total = await batches.page(library.scope, Window(20, 0), status=BatchStatus.COLLECTING)
    assert (page, total) == ([], 0)
    third = (await device.send()).batch_id
    assert (await device.now()).open_batch_id is None
    assert device.batches() == [(each, 1, True) for each in (batch_id, second, third)]


async def test_many_old_batches_are_closed_by_several_workers_at_once(library, twin, monkeypatch):
    """Each once, of all tenants, however many there are."""
    libraries = [library, await library.neighbour()]
    for each in libraries:
        await subscribe(each, "https://hooks.example/", "batch.closed")
    devices = [await Device.of(libraries[place % 2]) for place in range(12)]
    await at_once(*(device.send() for device in devices))
    for services in (library.services, twin):
        set_terms(monkeypatch, services, max_age=timedelta(microseconds=1))
    monkeypatch.setattr("calotype.services.batch._CLOSED_AT_ONCE", 5)

    closed = await asyncio.gather(*(services.batches.close_due() for services in (library.services, twin) * 2))

    assert sum(closed) >= 12
    for device in devices:
        assert [(count, is_closed) for _, count, is_closed in device.batches()] == [(1, True)]
    assert sorted(len(told(each)) for each in libraries) == [6, 6]


# ------------------------------------------------------------- revocation


async def test_a_device_revoked_while_it_sends_is_refused(device, library):
    """Its key was good when the image began to come; nothing of the image is kept."""
    await device.send()
    caller, received = await device.caller(), await device.receive()
    await library.services.devices.revoke(library.scope, device.id)
    with pytest.raises(Unauthenticated):
        await device.accept(received, caller)
    assert [(count, closed) for _, count, closed in device.batches()] == [(1, True)]


@pytest.mark.parametrize("has_batch", [False, True])
async def test_a_revocation_and_an_upload_at_the_same_moment_leave_no_open_batch(device, library, twin, has_batch):
    """Whichever comes first: what is accepted is in a batch that the revocation closes."""
    if has_batch:
        await device.send()
    ready = [(each, await each.caller(), await each.receive()) for each in [device, device.through(twin)] * 8]
    results = await at_once(
        *(each.accept(received, caller) for each, caller, received in ready[:8]),
        library.services.devices.revoke(library.scope, device.id),
        *(each.accept(received, caller) for each, caller, received in ready[8:]),
    )
    assert all(isinstance(result, Unauthenticated) for result in results if isinstance(result, Exception))
    assert (await device.now()).open_batch_id is None


@pytest.mark.parametrize("has_batch", [False, True])
async def test_an_upload_that_waits_for_a_revocation_is_refused(device, library, has_batch):
    """It has looked at the device before and must look again."""
    if has_batch:
        await device.send()
    caller, received = await device.caller(), await device.receive()
    with psycopg.connect(library._database_url) as revoking:
        revoking.execute("SELECT 1 FROM device WHERE id = %s FOR NO KEY UPDATE", [device.id])
        revoking.execute("UPDATE device SET revoked_at = now() WHERE id = %s", [device.id])
        revoking.execute("UPDATE batch SET closed_at = now() WHERE device_id = %s", [device.id])
        accepting = asyncio.create_task(device.accept(received, caller))
        blocked = asyncio.create_task(until_blocked(library))
        await asyncio.wait([accepting, blocked], return_when=asyncio.FIRST_COMPLETED)
        blocked.cancel()
        revoking.commit()
    with pytest.raises(Unauthenticated):
        await accepting


async def test_what_one_device_sends_waits_for_no_other(library):
    """While a batch is locked by somebody, images of other devices are taken."""
    busy, free = await Device.of(library), await Device.of(library, DuplicatePolicy.ACCEPT)
    batch_id = (await busy.send()).batch_id
    with psycopg.connect(library._database_url) as holding:
        holding.execute("SELECT 1 FROM batch WHERE id = %s FOR UPDATE", [batch_id])
        waiting = [asyncio.create_task(busy.send(photo())) for _ in range(30)]
        await until_blocked(library)
        assert len(await at_once(*(free.send() for _ in range(10)))) == 10
        assert not any(task.done() for task in waiting)
        holding.rollback()
    assert {image.batch_id for image in await asyncio.gather(*waiting)} == {batch_id}
