"""A file that is sent by itself is removed whenever its request does not come to its end, and never once its rows decide."""

from __future__ import annotations

import pytest

from calotype.domain.device_image import device_metadata
from calotype.domain.errors import InvalidInput, NotFound
from calotype.domain.upload import UploadOptions
from calotype.services.device_upload import DeviceRequest
from tests.services.devices import Device, raw_objects
from tests.services.library import chunks, photo


async def _take(uploads, scope, error=None, *, files=1):
    """Receive files as a door does, and end with a fault of the door."""
    async with uploads.receiving(scope) as upload:
        for _ in range(files):
            await upload.take("a.jpg", chunks(photo()))
        if error is not None:
            raise error


async def _take_and_accept(uploads, scope, *accepted, error=None):
    async with uploads.receiving(scope) as upload:
        await upload.take("a.jpg", chunks(photo()))
        await upload.accept(*accepted)
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [InvalidInput("no"), KeyError("no"), ConnectionError()])
async def test_what_leaves_the_block_before_the_end_leaves_no_object(library, error):
    """A refusal, a fault of the door and a connection that breaks off, for a file and for an image of a device alike."""
    before = raw_objects(library)
    for uploads in (library.services.ingest, library.services.device_uploads):
        with pytest.raises(type(error)):
            await _take(uploads, library.scope, error)
    assert not library.objects()
    assert raw_objects(library) == before


async def test_a_second_file_is_refused_and_takes_the_first_along(library):
    """One request holds one file; nothing of either stays."""
    with pytest.raises(InvalidInput, match="send one file"):
        await _take(library.services.ingest, library.scope, files=2)
    assert not library.objects()


async def test_an_accepted_file_stays_whatever_is_raised_after_it(library):
    """Once it has its rows, a fault of the door that leaves the block removes nothing; a refusal of the rows does."""
    services, before = library.services, raw_objects(library)
    with pytest.raises(KeyError):
        await _take_and_accept(services.ingest, library.scope, UploadOptions(), error=KeyError())
    assert len(library.objects()) == 1
    device = await (await Device.of(library)).caller()
    plain = DeviceRequest(device_metadata(None))
    with pytest.raises(KeyError):
        await _take_and_accept(services.device_uploads, library.scope, device, plain, error=KeyError())
    kept = raw_objects(library)
    assert len(kept) == len(before) + 1
    elsewhere = DeviceRequest(device_metadata(None), batch_id=device.id)
    with pytest.raises(NotFound):
        await _take_and_accept(services.device_uploads, library.scope, device, elsewhere)
    assert raw_objects(library) == kept


async def test_a_device_must_send_an_image(library):
    """A form without one is refused."""
    device = await (await Device.of(library)).caller()
    async with library.services.device_uploads.receiving(library.scope) as upload:
        with pytest.raises(InvalidInput, match="image is required"):
            await upload.accept(device, DeviceRequest(device_metadata(None)))
