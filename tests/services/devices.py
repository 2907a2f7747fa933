"""Devices as a test uses them, and what must be true of them, their batches and their objects at any time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import device_metadata
from calotype.domain.errors import CalotypeError
from calotype.services.batch import BatchTerms
from calotype.services.device_upload import DeviceRequest
from tests.services.library import chunks, photo

BOX = {"class_value": "defect", "type": "bbox", "geometry": [0.5, 0.5, 0.25, 0.125]}


class Device:
    """A device of a library that sends images as it does through its door; `through` is another process to send through."""

    def __init__(self, library, device_id, key):
        self.library = library
        self.id = device_id
        self.key = key

    @classmethod
    async def of(cls, library, policy=DuplicatePolicy.REJECT):
        """A device nobody has heard of."""
        made = await library.services.devices.create(library.scope, "camera", policy=policy)
        return cls(library, made.device.id, made.api_key)

    def through(self, services):
        """The same device, talking to another process."""
        return Device(self.library.seen_by(services), self.id, self.key)

    async def caller(self):
        """Show the key; returns what it tells of the device."""
        return (await self.library.services.devices.authenticate(self.key)).device

    async def receive(self, data=None, filename="image.jpg"):
        """Store an image that has no rows yet."""
        uploads = self.library.services.device_uploads
        return await uploads.receive(self.library.scope, filename, chunks(photo() if data is None else data))

    async def accept(self, received, caller=None, *, key=None, batch_id=None, said=None):
        """Give a stored image its rows, under an idempotency key, into a certain batch, with what was said of it."""
        request = DeviceRequest(device_metadata(said), batch_id, key)
        uploads = self.library.services.device_uploads
        return await uploads.accept(self.library.scope, caller or await self.caller(), received, request)

    async def send(self, data=None, filename="image.jpg", **options):
        """Send one image."""
        caller = await self.caller()
        return await self.accept(await self.receive(data, filename), caller, **options)

    async def now(self):
        """The device as its operator sees it."""
        return await self.library.services.devices.get(self.library.scope, self.id)

    def batches(self):
        """(id, images, whether it is closed) of its batches, the oldest first, straight from the table."""
        return self.library.sql(
            "SELECT id, image_count, closed_at IS NOT NULL FROM batch WHERE device_id = %s ORDER BY created_at, closed_at",
            self.id,
        )


async def outcome(work):
    """What some work gives, or how it was refused."""
    try:
        return await work
    except CalotypeError as error:
        return error


async def at_once(*works):
    """What becomes of works done at the same time; only refusals are among the outcomes, faults are raised."""
    return await asyncio.gather(*(outcome(work) for work in works))


def set_terms(monkeypatch, services, max_images=1_000, max_age=timedelta(hours=24)):
    """Change how much batches take, and for how long."""
    monkeypatch.setattr(services.batches, "_terms", BatchTerms(max_images, max_age))


def raw_objects(library):
    """The keys of all images of devices in the object store, whosever they are, and of what is unfinished there."""
    root = library._objects
    return {str(path.relative_to(root)) for path in (root / "raw-data").rglob("*") if path.is_file()}


def unfinished(library):
    """Files that are not objects yet."""
    return [path for path in (library._objects / ".tmp").rglob("*") if path.is_file()]


def check_whole(library):
    """Objects are those of the rows and no others, batches count their live images, and no device has two open ones."""
    rows = library.sql("SELECT object_key, id FROM asset WHERE object_key LIKE 'raw-data/%'")
    keys = {key for key, _ in rows}
    assert len(keys) == len(rows)
    assert raw_objects(library) == keys
    assert unfinished(library) == []
    placed = library.sql("SELECT asset_id FROM device_image")
    assert {row[0] for row in placed} == {asset_id for _, asset_id in rows}
    drifted = library.sql(
        "SELECT batch.id, batch.image_count, count(asset.id) FROM batch "
        "LEFT JOIN device_image AS image ON image.batch_id = batch.id "
        "LEFT JOIN asset ON asset.id = image.asset_id AND asset.deleted_at IS NULL "
        "GROUP BY batch.id HAVING batch.image_count <> count(asset.id)"
    )
    assert drifted == []
    assert library.sql("SELECT device_id FROM batch WHERE closed_at IS NULL GROUP BY 1 HAVING count(*) > 1") == []
    revoked = (
        "SELECT 1 FROM batch JOIN device ON device.id = device_id WHERE closed_at IS NULL AND revoked_at IS NOT NULL"
    )
    assert library.sql(revoked) == []
