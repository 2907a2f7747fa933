"""Batch uploads of the Files API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.errors import InvalidInput
from calotype.services.batch_upload import BatchOptions
from calotype.web.apis.files.forms import validated
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.translate.session import batch_to_wire
from calotype.web.apis.files.translate.upload import options_from_wire
from calotype.web.apis.files.wire import batch as wire
from calotype.web.shared.body_limit import check_announced
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.multipart import MAX_PARTS, parts
from calotype.web.shared.openapi import multipart_body

router = APIRouter(tags=["Files API: uploads"], responses=ERRORS)
_FILES = "files"
_FIELDS = {_FILES, *wire.BatchForm.model_fields}


@router.post(
    "/user-files/upload/stream-batch",
    response_model=wire.BatchAnswer,
    responses=further(400, 409, 413),
    openapi_extra=multipart_body(wire.BatchForm, _FILES, several=True),
)
async def stream_batch(request: Request, services: Services, caller: Caller) -> Response:
    """Upload many files in one request; each is stored by itself as it arrives, and one bad file costs no other."""
    limits = services.batch_uploads.limits
    check_announced(request, limits.max_bytes, "A batch")
    fields: dict[str, str] = {}
    async with services.batch_uploads.reading(caller.scope, refusals=(RequestValidationError,)) as batch:
        async for part in parts(request, most=limits.max_files + MAX_PARTS):
            if part.filename is None:
                if part.name in _FIELDS:  # others are read and forgotten
                    fields[part.name] = await part.text()
            elif part.name == _FILES and part.filename:
                await batch.take(part.filename, part.chunks(), _options(fields), declared=part.content_type)
        result = await batch.finish(_options(fields))
    return ModelResponse(batch_to_wire(result))


def _options(fields: dict[str, Any]) -> BatchOptions:
    if _FILES in fields:
        raise InvalidInput("must be files, each with a filename", field=_FILES)
    form = validated(wire.BatchForm, fields)
    return BatchOptions(options_from_wire(form), form.intent, form.verification_level)
