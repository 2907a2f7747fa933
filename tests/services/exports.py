"""Batches of devices' images, and their exports as a program outside reads them."""

from __future__ import annotations

import io
import json
import os
import zipfile
from contextlib import aclosing

from PIL import Image
from pycocotools.coco import COCO

from calotype.domain.device import DuplicatePolicy
from calotype.domain.device_image import device_metadata
from calotype.domain.principal import CallingDevice
from calotype.services.device_upload import DeviceRequest
from tests.services.library import chunks, photo

LABELS = "annotations/instances_default.json"


class Camera:
    """A device of a library that sends images."""

    def __init__(self, library, device):
        self.library = library
        self._device = device

    @classmethod
    async def of(cls, library):
        """A device nobody has heard of; it may send the same bytes twice."""
        made = await library.services.devices.create(library.scope, "camera", policy=DuplicatePolicy.ACCEPT)
        return cls(library, CallingDevice(made.device.id, made.device.duplicate_policy))

    async def send(self, data=None, *annotations, filename="image.jpg", **metadata):
        """Send one image with what was seen in it."""
        uploads, scope = self.library.services.device_uploads, self.library.scope
        received = await uploads.receive(scope, filename, chunks(data or photo()))
        request = DeviceRequest(device_metadata({**metadata, "annotations": list(annotations)}))
        return await uploads.accept(scope, self._device, received, request)

    async def send_developed(self, data=None, *annotations, **options):
        """The same, and wait until it is developed."""
        sent = await self.send(data, *annotations, **options)
        await self.library.services.pictures.make_variants(self.library.scope, sent.asset_id, 1)
        return sent


def box(x, y, width, height, name="defect", **besides):
    """A box as a device sends it."""
    return {"class_value": name, "type": "bbox", "geometry": [x, y, width, height], **besides}


async def export(library, batch_id, format_="coco", scope=None):
    """The bytes of an export and its name."""
    name, stream = await library.services.exports.export(scope or library.scope, batch_id, format_)
    async with aclosing(stream) as pieces:
        return name, b"".join([piece async for piece in pieces])


async def exported(library, batch_id, format_="coco"):
    """An export, opened and found sound."""
    _, data = await export(library, batch_id, format_)
    read = zipfile.ZipFile(io.BytesIO(data))
    assert read.testzip() is None
    names = read.namelist()
    assert len(set(names)) == len(names)
    return read


def coco(read, tmp_path):
    """The labels of an export as pycocotools loads them from a file."""
    path = tmp_path / "labels.json"
    path.write_bytes(read.read(LABELS))
    return COCO(path)


def lines(read):
    """The lines of an export as JSON lines."""
    return [json.loads(line) for line in read.read("metadata.jsonl").decode().splitlines()]


def pictures(read):
    """The pictures of an export by their names below images/."""
    return {name.removeprefix("images/"): read.read(name) for name in read.namelist() if name.startswith("images/")}


def file_of(read, sent):
    """The one picture of an image in an export."""
    (data,) = [data for name, data in pictures(read).items() if name.startswith(sent.asset_id.hex[:8])]
    return data


def noise(width, height, kind="PNG", **options):
    """A picture that cannot be made smaller."""
    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(stream, kind, **options)
    return stream.getvalue()
