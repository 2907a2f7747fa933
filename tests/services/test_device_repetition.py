"""A camera that sends again because it heard no answer gets the first answer again, and makes no second image."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest

from calotype.domain.device import DuplicatePolicy
from calotype.domain.errors import BatchClosed, DuplicateImage, IdempotencyConflict
from tests.services.batches import ForgetfulDatabase, deadlocks, until_blocked
from tests.services.devices import BOX, Device, at_once, check_whole, set_terms
from tests.services.hooks import subscribe, told
from tests.services.library import photo

BOTH = pytest.mark.parametrize("policy", DuplicatePolicy)


@pytest.fixture(autouse=True)
def whole(library):
    """After each test database and object store agree."""
    yield
    check_whole(library)
    assert deadlocks(library) == 0


def images_of(library, device):
    """How many images of a device there are, those in the trash too."""
    return library.sql("SELECT count(*) FROM device_image WHERE device_id = %s", device.id)[0][0]


@BOTH
async def test_sixteen_at_once_make_one_image(library, twin, policy):
    """Through two processes: all get one answer, one image is counted and told of, and the other objects are gone."""
    await subscribe(library, "https://hooks.example/", "device.image.uploaded")
    device, data = await Device.of(library, policy), photo()
    results = await at_once(
        *(
            each.send(data, key="k", said={"annotations": [BOX]})
            for _ in range(8)
            for each in (device, device.through(twin))
        )
    )
    assert results == [results[0]] * 16
    assert results[0].is_duplicate is False
    assert (images_of(library, device), device.batches()[0][1], len(told(library))) == (1, 1, 1)


@BOTH
async def test_two_different_requests_under_one_key_at_once_make_one_image(library, twin, policy):
    """One wins, the other learns that the key is taken."""
    device = await Device.of(library, policy)
    for number in range(6):
        results = await at_once(device.send(key=f"{number}"), device.through(twin).send(key=f"{number}"))
        assert sorted(isinstance(result, IdempotencyConflict) for result in results) == [False, True]
    assert images_of(library, device) == 6


@pytest.mark.parametrize("change", ["image", "metadata", "a number's type"])
@BOTH
async def test_another_request_under_the_same_key_is_refused(library, policy, change):
    """Other bytes or another thing said is another request; the first stays as it is."""
    device, data = await Device.of(library, policy), photo()
    first = await device.send(data, key="k", said={"line": 1})
    said = {"image": {"line": 1}, "metadata": {"line": 2}, "a number's type": {"line": 1.0}}[change]
    with pytest.raises(IdempotencyConflict):
        await device.send(photo() if change == "image" else data, key="k", said=said)
    assert await device.send(data, key="k", said={"line": 1}) == first


async def test_what_is_said_in_another_order_is_the_same_request(library):
    """Encoders differ, and so does the name of the file."""
    device, data = await Device.of(library), photo()
    first = await device.send(data, key="k", said={"a": 1, "b": {"c": 2, "d": 3}})
    assert await device.send(data, "other.jpg", key="k", said={"b": {"d": 3, "c": 2}, "a": 1}) == first


@BOTH
async def test_keys_are_a_devices_own(library, policy):
    """Two devices may use the same key at the same moment for whatever they send."""
    devices = [await Device.of(library, policy) for _ in range(4)]
    images = await at_once(*(device.send(key="1") for device in devices))
    assert len({image.asset_id for image in images}) == 4


@BOTH
@pytest.mark.parametrize("gone", ["trashed", "purged"])
async def test_the_answer_outlives_the_image(library, policy, gone):
    """Whoever deleted it does not want it back because a camera missed an answer."""
    device, data = await Device.of(library, policy), photo()
    first = await device.send(data, key="k")
    await library.services.trash.delete(library.scope, first.asset_id)
    if gone == "purged":
        await library.services.trash.purge_due()
    assert await device.send(data, key="k") == first
    assert device.batches() == [(first.batch_id, 0, False)]


@BOTH
async def test_the_answer_is_given_whatever_has_become_of_the_batch(library, policy, monkeypatch):
    """Closed by an operator, full, or too old: what was answered is answered again, also to who insists on that batch."""
    device, data = await Device.of(library, policy), photo()
    first = await device.send(data, key="k")
    again = {"key": "k", "batch_id": first.batch_id}
    assert await device.send(data, **again) == first
    set_terms(monkeypatch, library.services, max_age=timedelta(microseconds=1))
    assert await device.send(data, **again) == first
    await library.services.batches.close(library.scope, first.batch_id)
    assert await device.send(data, **again) == first
    with pytest.raises(BatchClosed):
        await device.send(photo(), key="another", batch_id=first.batch_id)


async def test_the_answer_is_given_when_the_quota_is_used_up(library):
    """What is stored already needs no room."""
    device, data = await Device.of(library), photo()
    library.sql("UPDATE tenant SET storage_quota_bytes = %s WHERE id = %s", len(data), library.scope.tenant_id)
    first = await device.send(data, key="k")
    assert await device.send(data, key="k") == first
    library.sql("UPDATE tenant SET monthly_upload_limit = 1 WHERE id = %s", library.scope.tenant_id)
    assert await device.send(data, key="k") == first


@BOTH
async def test_after_a_day_a_key_is_new(library, policy):
    """Whether or not upkeep has removed it: not a second before, and for other bytes too."""
    device, data = await Device.of(library, policy), photo()
    first = await device.send(data, key="k")
    for age, is_kept in [("23 hours 59 minutes", True), ("24 hours 1 second", False)]:
        library.sql("UPDATE idempotency_key SET created_at = now() - %s::interval WHERE device_id = %s", age, device.id)
        if is_kept:
            assert await device.send(data, key="k") == first
    other = photo()
    second = await device.send(other, key="k")
    assert second != first
    assert await device.send(other, key="k") == second


async def test_upkeep_forgets_old_answers_and_no_others(library, monkeypatch):
    """However many there are."""
    monkeypatch.setattr("calotype.services.device_upload._FORGOTTEN_AT_ONCE", 2)
    device = await Device.of(library)
    await at_once(*(device.send(key=str(number)) for number in range(8)))
    library.sql(
        "UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE device_id = %s AND key < '5'",
        device.id,
    )
    await library.services.device_uploads.forget_answers()
    assert sorted(library.sql("SELECT key FROM idempotency_key WHERE device_id = %s", device.id)) == [
        ("5",), ("6",), ("7",),
    ]  # fmt: skip


async def test_a_refusal_is_not_kept(library):
    """What was refused under a key may be taken under it later."""
    device, data = await Device.of(library), photo()
    held = await library.take_in(data)
    with pytest.raises(DuplicateImage):
        await device.send(data, key="k")
    await library.services.trash.delete(library.scope, held)
    assert await device.send(data, key="k") == await device.send(data, key="k")


@BOTH
async def test_a_repetition_waits_for_a_first_request_that_is_not_over(library, twin, policy):
    """Neither answers before it is certain which one makes the image."""
    device, data = await Device.of(library, policy), photo()
    batch_id = (await device.send()).batch_id
    with psycopg.connect(library._database_url) as holding:
        holding.execute("SELECT 1 FROM batch WHERE id = %s FOR UPDATE", [batch_id])
        first = asyncio.create_task(device.send(data, key="k"))
        await until_blocked(library)
        second = asyncio.create_task(device.through(twin).send(data, key="k"))
        await asyncio.wait([second], timeout=0.05)
        assert not first.done()
        assert not second.done()
        holding.rollback()
    assert await first == await second


@BOTH
async def test_sending_again_after_an_answer_was_lost_makes_no_second_image(library, policy, monkeypatch):
    """The commit was done, only nobody could say so."""
    device, data = await Device.of(library, policy), photo()
    ingest = library.services.ingest
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "_database", ForgetfulDatabase(ingest._database))
        (lost,) = await at_once(device.send(data, key="k"))
    assert lost.code == "unavailable"
    found = await device.send(data, key="k")
    assert images_of(library, device) == 1
    assert device.batches() == [(found.batch_id, 1, False)]
