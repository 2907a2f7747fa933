"""Statuses of single uploads in the Files API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.web.apis.files.openapi import ERRORS
from calotype.web.apis.files.translate import upload_status as translate
from calotype.web.apis.files.wire import upload_status as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(prefix="/uploads", tags=["Files API: uploads"], responses=ERRORS)


@router.get("/status/{image_id}", response_model=wire.UploadStatusAnswer)
async def get_upload_status(image_id: WireUuid, services: Services, caller: Caller) -> Response:
    """How far one upload is, from its announcement to the end of its work."""
    status = await services.upload_status.get(caller.scope, image_id)
    return ModelResponse(translate.status_to_wire(status, is_stuck=status.is_stuck(datetime.now(UTC))))


@router.get("/stuck-uploads", response_model=wire.StuckAnswer)
async def list_stuck_uploads(
    query: Annotated[wire.StuckQuery, Query()], services: Services, caller: Caller
) -> Response:
    """Unfinished uploads to which nothing has happened for so many minutes, the oldest first."""
    untouched_for = timedelta(minutes=query.stuck_minutes)
    found, total = await services.upload_status.stuck(caller.scope, untouched_for, query.limit)
    return ModelResponse(translate.stuck_to_wire(found, total))
