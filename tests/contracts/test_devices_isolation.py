"""One tenant never sees or touches another's devices, batches and webhooks."""

from __future__ import annotations

import pytest

from tests.contracts.device_attempts import ATTEMPTS, WEBHOOKS, prey
from tests.contracts.device_shapes import expect_error
from tests.contracts.devices import BATCHES, DEVICES, Camera, batch, enrol, objects
from tests.contracts.photos import photo


@pytest.fixture(scope="module")
def owned(fleet):
    """A tenant with a device, two batches and a webhook."""
    with fleet.client(fleet.new_key()) as operator:
        yield prey(fleet, operator)


@pytest.fixture
def stranger(fleet):
    """A client of another tenant."""
    with fleet.client(fleet.new_key()) as client:
        yield client


@pytest.mark.parametrize("route", ATTEMPTS, ids=" ".join)
def test_another_tenants_ids_lead_nowhere(stranger, owned, route):
    """404 for single objects, absence from lists, and nothing of the owner's has changed."""
    before = owned.state()
    ATTEMPTS[route](stranger, owned)
    assert owned.state() == before


@pytest.mark.parametrize("path", [DEVICES, BATCHES, WEBHOOKS])
def test_lists_show_ones_own_only(stranger, owned, path):
    """A stranger's lists are empty while the owner's are not."""
    assert stranger.get(path).json()["data"]["total"] == 0
    assert owned.camera.operator.get(path).json()["data"]["total"] > 0


def test_images_of_another_tenant_are_files_of_nobody_else(stranger, owned):
    """Their ids lead nowhere in the other APIs either."""
    items = owned.camera.operator.get(f"{BATCHES}/{owned.open}/images").json()["data"]["items"]
    for file_id in (item["image_id"].removeprefix("img_") for item in items):
        assert stranger.get(f"/api/v2/user-files/{file_id}").status_code == 404
        assert stranger.get(f"/images/{file_id}").status_code == 404
        assert owned.camera.operator.get(f"/api/v2/user-files/{file_id}").status_code == 200


def test_a_batch_of_another_device_takes_nothing(fleet, owned):
    """Not even of the same tenant: a batch is one device's own."""
    other = enrol(fleet, owned.camera.operator, "other")
    operator = owned.camera.operator
    before, stored = batch(operator, owned.open), objects(fleet)
    expect_error(other.post(fields={"batch_id": owned.open}), "NOT_FOUND")
    assert batch(operator, owned.open) == before
    assert objects(fleet) == stored


def test_a_key_speaks_for_its_own_device(fleet, stranger, owned):
    """What a stranger's device sends is the stranger's, whatever it says it is."""
    camera = enrol(fleet, stranger)
    before = owned.state()
    disguised = Camera(fleet, stranger, owned.camera.id, camera.key)
    sent = disguised.upload(photo(), fields={"device_id": owned.camera.id}, metadata={"device_id": owned.camera.id})
    assert owned.state() == before
    expect_error(owned.camera.operator.get(f"{BATCHES}/{sent['batch_id']}"), "NOT_FOUND")
    assert stranger.get(f"{BATCHES}/{sent['batch_id']}").status_code == 200


def test_the_owner_can_do_what_the_stranger_could_not(owned):
    """The attempts above fail for lack of right and for no other reason."""
    operator, camera = owned.camera.operator, owned.camera
    for path in (f"{DEVICES}/{camera.id}", f"{BATCHES}/{owned.closed}", f"{BATCHES}/{owned.open}/images"):
        assert operator.get(path).status_code == 200
    assert operator.get(f"{BATCHES}/{owned.closed}/export", params={"format": "jsonl"}).status_code == 200
    assert operator.get(BATCHES, params={"device_id": camera.id}).json()["data"]["total"] == 2
    camera.upload(fields={"batch_id": owned.open})
    assert operator.post(f"{BATCHES}/{owned.open}/close").status_code == 200
    assert operator.patch(f"{DEVICES}/{camera.id}", json={"name": "still secret"}).status_code == 200
    assert operator.post(f"{DEVICES}/{camera.id}/rotate-key").status_code == 200
    assert operator.get(f"{WEBHOOKS}/{owned.webhook}/deliveries").status_code == 200
    assert operator.delete(f"{WEBHOOKS}/{owned.webhook}").status_code in {200, 204}
    assert operator.delete(f"{DEVICES}/{camera.id}").status_code == 200
