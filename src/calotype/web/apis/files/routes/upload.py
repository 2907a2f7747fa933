"""Upload routes of the Files API."""

from __future__ import annotations

import time

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.upload import UploadOptions
from calotype.web.apis.files.forms import validated
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.translate import upload as translate
from calotype.web.apis.files.wire import upload as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.multipart import form_fields, parts
from calotype.web.shared.openapi import multipart_body

router = APIRouter(tags=["Files API: uploads"], responses=ERRORS)


@router.post(
    "/user-files/upload/initiate",
    response_model=wire.InitiateAnswer,
    responses=further(402, 413),
    openapi_extra=multipart_body(wire.InitiateForm),
)
async def initiate_upload(request: Request, services: Services, caller: Caller, base: LinkBase) -> Response:
    """Announce an image of at most 50 MiB; its bytes are then put to `upload_url`."""
    form = validated(wire.InitiateForm, await form_fields(request))
    options = translate.announced_from_wire(form)
    made = await services.presigned.initiate(caller.scope, form.filename, form.size_bytes, options)
    return ModelResponse(translate.announcement_to_wire(made, base))


@router.post(
    "/user-files/upload/confirm", response_model=wire.ConfirmAnswer, responses=further(402, 409, 410, 413, 415)
)
async def confirm_upload(body: wire.ConfirmRequest, services: Services, caller: Caller) -> Response:
    """Confirm that the announced bytes were put; variants and description follow."""
    made = await services.presigned.confirm(caller.scope, body.image_id, body.object_key, body.size_bytes)
    return ModelResponse(translate.confirmation_to_wire(made))


@router.post(
    "/user-files/upload/stream",
    response_model=wire.StreamAnswer,
    responses=further(402, 409, 413, 415),
    openapi_extra=multipart_body(wire.StreamForm, "file"),
)
async def stream_upload(request: Request, services: Services, caller: Caller) -> Response:
    """Upload one file; answered once its bytes and its row are durable."""
    started = time.perf_counter()
    fields: dict[str, str] = {}
    async with services.ingest.receiving(caller.scope) as upload:
        async for part in parts(request):
            if part.filename is None:
                if part.name in wire.StreamForm.model_fields:  # others are read and forgotten
                    fields[part.name] = await part.text()
            elif part.name == "file" and part.filename:
                if not upload.is_taken:
                    _options(fields)  # what is wrong already need not be stored first
                await upload.take(part.filename, part.chunks(), declared=part.content_type)
        options = _options(fields)
        if not upload.is_taken:
            raise RequestValidationError([{"loc": ("body", "file"), "msg": "Field required", "type": "missing"}])
        result = await upload.accept(options)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return ModelResponse(translate.result_to_wire(result, milliseconds))


def _options(fields: dict[str, str]) -> UploadOptions:
    return translate.options_from_wire(validated(wire.StreamForm, fields))
