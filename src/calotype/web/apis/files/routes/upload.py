"""Upload routes of the Files API."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.document import DOCUMENT, document_type
from calotype.domain.errors import InvalidInput
from calotype.domain.scope import Scope
from calotype.services.ingest import UploadOptions
from calotype.services.presigned_upload import MAX_PRESIGNED_BYTES
from calotype.services.receive import ReceivedFile
from calotype.web.apis.files.forms import refuse_custom_storage, validated
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.translate.file import description_status
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
    options = UploadOptions(title=form.title, tags=form.tags, auto_describe=form.auto_describe)
    made = await services.presigned.initiate(caller.scope, form.filename, form.size_bytes, options)
    return ModelResponse(
        wire.InitiateAnswer(
            upload_url=base + made.upload_path,
            object_key=made.object_key,
            image_id=made.upload_id,
            expires_at=made.expires_at,
            max_size_bytes=MAX_PRESIGNED_BYTES,
        )
    )


@router.post(
    "/user-files/upload/confirm", response_model=wire.ConfirmAnswer, responses=further(402, 409, 410, 413, 415)
)
async def confirm_upload(body: wire.ConfirmRequest, services: Services, caller: Caller) -> Response:
    """Confirm that the announced bytes were put; variants and description follow."""
    made = await services.presigned.confirm(caller.scope, body.image_id, body.object_key, body.size_bytes)
    return ModelResponse(
        wire.ConfirmAnswer(
            image_id=made.upload_id,
            description_status=description_status(made.description_status) or "skipped",
            title=made.title,
            tags=list(made.tags),
        )
    )


@router.post(
    "/user-files/upload/stream",
    response_model=wire.StreamAnswer,
    responses=further(402, 409, 413, 415),
    openapi_extra=multipart_body(wire.StreamForm, "file"),
)
async def stream_upload(request: Request, services: Services, caller: Caller) -> Response:
    """Upload one file; answered once its bytes and its row are durable."""
    started = time.perf_counter()
    received, form = await _receive(request, services, caller.scope)
    options = UploadOptions(
        title=form.title,
        tags=form.tags,
        auto_describe=form.auto_describe,
        skip_duplicates=form.skip_duplicates,
        storage_target=form.storage_target,
    )
    result = await services.ingest.accept(received, options)
    return ModelResponse(
        wire.StreamAnswer(
            image_id=result.asset_id,
            object_key=result.object_key,
            status="skipped" if result.is_duplicate else "completed",
            processing_time_ms=round((time.perf_counter() - started) * 1000, 1),
            variants_queued=not result.is_duplicate and result.media.media_type != DOCUMENT,
            description_queued=result.description_queued,
            skipped=result.is_duplicate,
            skipped_existing_image_id=result.asset_id if result.is_duplicate else None,
            storage_target=result.storage_target,
            media_type=result.media.media_type,
            document_type=document_type(result.media),
            text_extraction_status=result.text_status.value if result.text_status else None,
        )
    )


async def _receive(request: Request, services: Application, scope: Scope) -> tuple[ReceivedFile, wire.StreamForm]:
    """Store the file while its bytes arrive; fields may stand before and after it."""
    fields: dict[str, str] = {}
    received: ReceivedFile | None = None
    try:
        async for part in parts(request):
            if part.filename is None:
                fields[part.name] = await part.text()
            elif part.name == "file" and part.filename:
                if received is not None:
                    raise InvalidInput("send one file; stream-batch takes several", field="file")
                _stream_form(fields)  # what is wrong already need not be stored first
                received = await services.ingest.receive(
                    scope, part.filename, part.chunks(), declared=part.content_type
                )
        form = _stream_form(fields)
        if received is None:
            raise RequestValidationError([{"loc": ("body", "file"), "msg": "Field required", "type": "missing"}])
    except BaseException:
        if received is not None:
            await asyncio.shield(services.ingest.discard(received))
        raise
    return received, form


def _stream_form(fields: dict[str, str]) -> wire.StreamForm:
    form = validated(wire.StreamForm, fields)
    refuse_custom_storage(form.storage_target)
    return form
