"""The one route of devices: an image and what was seen in it."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.device_image import DeviceMetadata, device_metadata
from calotype.domain.errors import InvalidInput
from calotype.domain.json_text import load_object
from calotype.services.device_upload import DeviceRequest, DeviceUpload, DeviceUploadTerms, check_idempotency_key
from calotype.services.intake import ByteLimit
from calotype.web.apis.devices.answers import success
from calotype.web.apis.devices.openapi import UPLOAD_ERRORS
from calotype.web.apis.devices.translate.batch import uploaded_to_wire
from calotype.web.apis.devices.wire import upload as wire
from calotype.web.apis.devices.wire.envelope import Answer
from calotype.web.apis.devices.wire.values import parse_batch_id
from calotype.web.shared.body_limit import check_announced
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.multipart import Part, parts
from calotype.web.shared.openapi import multipart_body

_IMAGE, _METADATA, _BATCH = "image", "metadata", "batch_id"
_OVERHEAD = 64 * 1024  # bytes of headers and fields around image and metadata
_MAX_PARTS = 20
_LITTLE = 16 * 1024  # bytes of metadata that are not worth a thread
router = APIRouter(tags=["Devices API: uploads"], responses=UPLOAD_ERRORS)


@router.post(
    "/device/images/upload",
    response_model=Answer[wire.Uploaded],
    openapi_extra=multipart_body(wire.UploadForm, _IMAGE),
)
async def upload_image(request: Request, services: Services, caller: Caller) -> Response:
    """Upload an image into the device's open batch; answered once image, annotations and batch are durable."""
    assert caller.device is not None
    key = check_idempotency_key(request.headers.get("idempotency-key"))
    async with services.device_uploads.receiving(caller.scope) as upload:
        form = _Form(upload, services.device_uploads.terms)
        await form.read(request)
        image = await upload.accept(caller.device, DeviceRequest(form.metadata, form.batch_id, key))
    return success(uploaded_to_wire(image))


class _Form:
    """The form of one upload, each part dealt with as it arrives; what is wrong ends the reading at once."""

    def __init__(self, upload: DeviceUpload, terms: DeviceUploadTerms) -> None:
        self.metadata = DeviceMetadata()
        self.batch_id: UUID | None = None
        self._upload = upload
        self._terms = terms
        self._seen: set[str] = set()

    async def read(self, request: Request) -> None:
        """Read all parts, in any order. Raises InvalidInput, TooLarge and what is wrong with the image."""
        terms = self._terms
        most = terms.max_image_bytes + terms.max_metadata_bytes + _OVERHEAD
        check_announced(request, most)
        body = ByteLimit(most, "An upload").counted(request.stream())
        async for part in parts(request, most=_MAX_PARTS, chunks=body):
            if part.name not in {_IMAGE, _METADATA, _BATCH}:
                await part.content(_OVERHEAD)
                continue
            if part.name in self._seen:
                raise InvalidInput(f"{part.name} may be sent once only", field=part.name)
            self._seen.add(part.name)
            await self._take(part)

    async def _take(self, part: Part) -> None:
        if part.name == _IMAGE:
            if part.filename is None:
                raise InvalidInput("image must be a file, with a file name", field=_IMAGE)
            await self._upload.take(part.filename, part.chunks())
        elif part.name == _METADATA:
            text = await part.content(self._terms.max_metadata_bytes)
            # A megabyte of polygons takes a while to be checked, in which other requests must go on.
            self.metadata = _metadata(text) if len(text) < _LITTLE else await asyncio.to_thread(_metadata, text)
        else:
            self.batch_id = _batch_id(await part.text())


def _metadata(text: bytes) -> DeviceMetadata:
    if not text.strip():
        return DeviceMetadata()
    return device_metadata(load_object(text, _METADATA, _METADATA), _METADATA)


def _batch_id(text: str) -> UUID | None:
    if not text.strip():
        return None
    try:
        return parse_batch_id(text)
    except PydanticCustomError as error:
        raise InvalidInput("batch_id must be the id of a batch", field=_BATCH) from error
