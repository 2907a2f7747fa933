"""A device's key opens until it is replaced and its time of grace is over, or until the device is revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from calotype.domain.device import DuplicatePolicy
from calotype.domain.errors import Conflict, CredentialExpired, InvalidInput, NotFound, Unauthenticated
from calotype.domain.listing import Window
from calotype.services.device import DeviceService
from calotype.services.token import token_hash
from tests.services.devices import Device, at_once


@pytest.fixture
async def device(library):
    """A device."""
    return await Device.of(library)


def graced(services, **grace):
    """The same devices with another time of grace."""
    return DeviceService(services.devices._database, services.batches, grace=timedelta(**grace))


async def test_a_key_tells_its_device_and_nothing_else(device, library):
    """Whose it is and what becomes of its duplicates; what is stored of it is a hash."""
    principal = await library.services.devices.authenticate(device.key)
    assert (principal.tenant_id, principal.device.id) == (library.scope.tenant_id, device.id)
    assert principal.device.duplicate_policy is DuplicatePolicy.REJECT
    rows = library.sql("SELECT secret_hash FROM device_key WHERE device_id = %s", device.id)
    assert rows == [(token_hash(device.key),)]


@pytest.mark.parametrize("change", ["", "x", "calo_", "other", "cut", "upper"])
async def test_no_other_key_opens(device, library, change):
    """Neither what is nearly the key, nor an API key."""
    api_key = await library.services.api_keys.create("x", tenant=f"{library.scope.tenant_id}")
    wrong = {
        "": "",
        "x": f"{device.key}x",
        "calo_": device.key.replace("adk_", "calo_"),
        "other": api_key,
        "cut": device.key[:-1],
        "upper": device.key.upper(),
    }[change]
    with pytest.raises(Unauthenticated):
        await library.services.devices.authenticate(wrong)


async def test_a_replaced_key_works_until_its_grace_is_over(device, library):
    """Both work within it; afterwards only the new one, and the refusal of the old one is of a replaced key."""
    devices = library.services.devices
    made = await devices.rotate_key(library.scope, device.id)
    within = made.previous_key_expires_at - datetime.now(UTC)
    assert timedelta(minutes=59) < within <= timedelta(hours=1)
    for key in (device.key, made.api_key):
        assert (await devices.authenticate(key)).device.id == device.id
    library.sql("UPDATE device_key SET expires_at = now() WHERE expires_at IS NOT NULL AND device_id = %s", device.id)
    with pytest.raises(CredentialExpired):
        await devices.authenticate(device.key)
    assert await devices.authenticate(made.api_key)


async def test_without_grace_the_old_key_is_refused_at_once(device, library):
    """For a key that was stolen."""
    devices = graced(library.services, seconds=0)
    made = await devices.rotate_key(library.scope, device.id)
    with pytest.raises(CredentialExpired):
        await devices.authenticate(device.key)
    assert await devices.authenticate(made.api_key)


async def test_a_second_rotation_never_lengthens_what_is_left_of_a_key(device, library):
    """The first key ends when it was told to, the second gets its own time, and one that has ended stays ended."""
    first = (await graced(library.services, minutes=1).rotate_key(library.scope, device.id)).previous_key_expires_at
    second = (await library.services.devices.rotate_key(library.scope, device.id)).previous_key_expires_at
    ends = "SELECT expires_at FROM device_key WHERE device_id = %s ORDER BY created_at"
    assert library.sql(ends, device.id) == [(first,), (second,), (None,)]


async def test_rotations_at_once_leave_one_key_without_an_end(device, library, twin):
    """Each sees the key of the one before, so none of them works for ever beside the last."""
    made = await at_once(
        *(
            services.devices.rotate_key(library.scope, device.id)
            for _ in range(6)
            for services in (library.services, twin)
        )
    )
    ends = library.sql("SELECT expires_at FROM device_key WHERE device_id = %s", device.id)
    assert len(ends) == 13
    assert sum(end is None for (end,) in ends) == 1
    assert len({each.api_key for each in made}) == 12
    for each in made:
        assert await library.services.devices.authenticate(each.api_key)


async def test_a_revoked_device_is_shut_out_with_all_its_keys(device, library):
    """Those in their grace too; revoking again is the same, and changing it any more is refused."""
    devices = library.services.devices
    image = await device.send()
    made = await devices.rotate_key(library.scope, device.id)
    revoked = await devices.revoke(library.scope, device.id)
    assert (revoked.open_batch_id, revoked.image_count) == (None, 1)
    assert revoked.revoked_at is not None
    assert await devices.revoke(library.scope, device.id) == revoked == await device.now()
    for key in (device.key, made.api_key):
        with pytest.raises(Unauthenticated):
            await devices.authenticate(key)
    with pytest.raises(Conflict):
        await devices.rotate_key(library.scope, device.id)
    with pytest.raises(Conflict):
        await devices.update(library.scope, device.id, {"name": "x"})
    assert (await library.asset(image.asset_id)).deleted_at is None


async def test_a_rotation_and_a_revocation_at_once_leave_no_key_that_works(device, library, twin):
    """Whichever comes first."""
    results = await at_once(
        twin.devices.rotate_key(library.scope, device.id),
        library.services.devices.revoke(library.scope, device.id),
        twin.devices.rotate_key(library.scope, device.id),
    )
    for key in [device.key, *(made.api_key for made in results[::2] if not isinstance(made, Exception))]:
        with pytest.raises(Unauthenticated):
            await library.services.devices.authenticate(key)


async def test_when_a_device_was_seen_is_known_to_ten_seconds(device, library):
    """Each use of its key is noted, but not twice within ten seconds; a refused key is not."""
    assert (await device.now()).last_seen_at is None
    await device.caller()
    seen = (await device.now()).last_seen_at
    await device.caller()
    assert (await device.now()).last_seen_at == seen
    library.sql("UPDATE device SET last_seen_at = last_seen_at - interval '10 seconds' WHERE id = %s", device.id)
    await device.caller()
    assert (await device.now()).last_seen_at > seen


async def test_a_device_is_let_in_while_somebody_holds_its_row(device, library):
    """That it was seen is not worth waiting for; it is noted the next time."""
    with psycopg.connect(library._database_url) as holding:
        holding.execute("SELECT 1 FROM device WHERE id = %s FOR UPDATE", [device.id])
        await at_once(*(device.caller() for _ in range(20)))
        assert (await device.now()).last_seen_at is None
    await device.caller()
    assert (await device.now()).last_seen_at is not None


async def test_only_its_tenant_sees_and_changes_a_device(device, library):
    """For all others it does not exist, whatever they ask."""
    stranger = await library.neighbour()
    devices = stranger.services.devices
    for work in (
        devices.get(stranger.scope, device.id),
        devices.find(stranger.scope, str(device.id)),
        devices.find(stranger.scope, "camera"),
        devices.update(stranger.scope, device.id, {"name": "mine"}),
        devices.rotate_key(stranger.scope, device.id),
        devices.revoke(stranger.scope, device.id),
    ):
        with pytest.raises(NotFound):
            await work
    assert await devices.page(stranger.scope, Window(20, 0)) == ([], 0)
    assert await device.now() == (await library.services.devices.page(library.scope, Window(20, 0)))[0][0]
    assert await device.caller()


async def test_changes_that_cannot_be_change_nothing(device, library):
    """One wrong value of several refuses them all."""
    before = await device.now()
    for changes in ({"name": ""}, {"name": "new", "metadata": {"a": "x" * 70_000}}):
        with pytest.raises(InvalidInput):
            await library.services.devices.update(library.scope, device.id, changes)
    assert await library.services.devices.update(library.scope, device.id, {}) == before == await device.now()


async def test_changes_at_once_are_all_made(device, library, twin):
    """None takes back what another has changed."""
    await at_once(
        library.services.devices.update(library.scope, device.id, {"name": "new"}),
        twin.devices.update(library.scope, device.id, {"metadata": {"line": 5}}),
        library.services.devices.update(library.scope, device.id, {"duplicate_policy": "accept"}),
    )
    found = await device.now()
    assert (found.name, found.metadata, found.duplicate_policy) == ("new", {"line": 5}, DuplicatePolicy.ACCEPT)


async def test_a_device_is_found_by_its_name_unless_several_work_under_it(library):
    """A revoked one does not stand in the way of one that has taken its name."""
    devices = library.services.devices
    first = await Device.of(library)
    assert (await devices.find(library.scope, "camera")).id == first.id
    second = await Device.of(library)
    with pytest.raises(Conflict):
        await devices.find(library.scope, "camera")
    await devices.revoke(library.scope, first.id)
    assert (await devices.find(library.scope, "camera")).id == second.id
    assert (await devices.find(library.scope, f"dev_{first.id}")).id == first.id
    await devices.revoke(library.scope, second.id)
    with pytest.raises(Conflict):
        await devices.find(library.scope, "camera")
