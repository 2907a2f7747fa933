"""The same bytes again are refused or taken, as the device's policy says, whoever holds them through whichever door."""

from __future__ import annotations

import pytest

from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import DeviceImage
from calotype.domain.errors import DuplicateImage, InvalidInput
from tests.services.batches import PLAIN, SKIPPED, all_ids, deadlocks, live, options, outcomes, send
from tests.services.devices import Device, at_once, check_whole
from tests.services.hooks import subscribe, told
from tests.services.library import chunks, photo

ACCEPT = DuplicatePolicy.ACCEPT


@pytest.fixture(autouse=True)
def whole(library):
    """After each test database and object store agree."""
    yield
    check_whole(library)
    assert deadlocks(library) == 0


async def test_of_many_at_once_one_is_taken_and_all_others_name_it(library, twin):
    """From two devices of a tenant through two processes; the refusals tell its batch, and nothing of them is left."""
    data = photo()
    devices = [await Device.of(library), (await Device.of(library)).through(twin)]
    results = await at_once(*(device.send(data) for _ in range(8) for device in devices))
    (taken,) = [result for result in results if isinstance(result, DeviceImage)]
    refused = [result for result in results if isinstance(result, DuplicateImage)]
    assert len(refused) == 15
    assert {tuple(error.context.items()) for error in refused} == {
        (("image_id", taken.asset_id), ("batch_id", taken.batch_id))
    }
    assert not taken.is_duplicate


async def test_a_device_that_may_repeat_makes_an_image_each_time(library, twin):
    """All are taken, and all but the first say that they are duplicates, to the camera as to the webhooks."""
    await subscribe(library, "https://hooks.example/", "device.image.uploaded")
    data, device = photo(), await Device.of(library, ACCEPT)
    results = await at_once(*(each.send(data) for _ in range(6) for each in (device, device.through(twin))))
    results.append(await device.send(data))
    assert len({image.asset_id for image in results}) == len({image.object_key for image in results}) == 13
    assert sorted(image.is_duplicate for image in results) == [False] + [True] * 12
    events = {event["image_id"]: event["duplicate"] for _, event in told(library)}
    assert events == {f"img_{image.asset_id}": image.is_duplicate for image in results}


async def test_policies_meet(library, twin):
    """Of one that rejects and one that accepts at the same moment the second always is taken."""
    rejects, accepts = await Device.of(library), (await Device.of(library, ACCEPT)).through(twin)
    for _ in range(5):
        data = photo()
        first, second = await at_once(rejects.send(data), accepts.send(data))
        assert isinstance(second, DeviceImage)
        if isinstance(first, DuplicateImage):
            assert first.context["image_id"] == second.asset_id
        third, fourth = await at_once(rejects.send(data), accepts.send(data))
        assert isinstance(third, DuplicateImage)
        assert fourth.is_duplicate


async def test_what_came_through_another_door_is_held(library):
    """No batch is told, since it has none."""
    data = photo()
    held = await library.take_in(data)
    with pytest.raises(DuplicateImage) as caught:
        await (await Device.of(library)).send(data)
    assert caught.value.context == {"image_id": held, "batch_id": None}
    assert (await (await Device.of(library, ACCEPT)).send(data)).is_duplicate


async def test_what_a_device_sent_is_held_for_other_doors(library):
    """Who asks a batch to leave out duplicates gets the device's image."""
    data, device = photo(), await Device.of(library)
    image = await device.send(data)
    result = await send(library, [("copy.jpg", data)], options(skip_duplicates=True))
    assert outcomes(result) == [SKIPPED]
    assert result.items[0].asset_id == image.asset_id
    again = await library.take_in(data, skip_duplicates=True)
    assert again == image.asset_id


async def test_devices_and_other_doors_at_once_store_one(library, twin):
    """Under a quota, which both doors lock, in the same order; nobody deadlocks and one is stored."""
    library.sql("UPDATE tenant SET storage_quota_bytes = 10000000 WHERE id = %s", library.scope.tenant_id)
    device = (await Device.of(library)).through(twin)
    for _ in range(4):
        data = photo()
        await at_once(
            *(work for _ in range(3) for work in (device.send(data), library.take_in(data, skip_duplicates=True)))
        )
        rows = "SELECT count(*) FROM asset WHERE tenant_id = %s AND checksum = sha256(%s)"
        assert library.sql(rows, library.scope.tenant_id, data) == [(1,)]


async def test_an_image_that_a_device_was_told_of_stays_when_its_batch_is_refused(library, twin):
    """Who relies on a copy in a batch that is still being read keeps it; what nobody was told of is taken back."""
    data, device = photo(), (await Device.of(library)).through(twin)
    with pytest.raises(InvalidInput):  # noqa: PT012 - the batch is refused while it is open
        async with library.services.batch_uploads.reading(library.scope) as batch:
            await batch.take("told.jpg", chunks(data), PLAIN)
            await batch.take("untold.jpg", chunks(photo()), PLAIN)
            await batch._end_storing()
            assert set(live(library)) == {"told.jpg", "untold.jpg"}
            (refusal,) = await at_once(device.send(data))
            assert isinstance(refusal, DuplicateImage)
            raise InvalidInput("a field behind the files is bad", field="intent")
    assert all_ids(library) == [(refusal.context["image_id"],)]
    assert set(live(library)) == {"told.jpg"}
    assert {key for key in library.objects() if key.startswith("uploads/")} == {
        (await library.asset(refusal.context["image_id"])).object_key
    }


async def test_another_tenant_holds_nothing(library):
    """Neither a refusal nor a mark tells what others have."""
    data = photo()
    await (await Device.of(await library.neighbour())).send(data)
    assert not (await (await Device.of(library)).send(data)).is_duplicate
    assert not (await (await Device.of(await library.neighbour(), ACCEPT)).send(data)).is_duplicate


async def test_what_is_in_the_trash_is_not_held(library):
    """It may be sent again, is held again when it is back, and then there are two."""
    data, device = photo(), await Device.of(library)
    first = await device.send(data)
    await library.services.trash.delete(library.scope, first.asset_id)
    second = await device.send(data)
    assert not second.is_duplicate
    await library.services.trash.restore(library.scope, first.asset_id)
    assert device.batches() == [(first.batch_id, 2, False)]
    with pytest.raises(DuplicateImage) as caught:
        await device.send(data)
    assert caught.value.context["image_id"] in {first.asset_id, second.asset_id}


async def test_a_policy_changed_counts_from_the_next_upload(library):
    """Either way."""
    data, device = photo(), await Device.of(library)
    await device.send(data)
    await library.services.devices.update(library.scope, device.id, {"duplicate_policy": "accept"})
    assert (await device.send(data)).is_duplicate
    await library.services.devices.update(library.scope, device.id, {"duplicate_policy": "reject"})
    with pytest.raises(DuplicateImage):
        await device.send(data)
