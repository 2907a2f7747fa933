"""Exports of batches, for the operator of devices."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from calotype.web.apis.devices.openapi import ERRORS
from calotype.web.apis.devices.routes.identity import BatchId
from calotype.web.apis.devices.wire.export import ExportQuery
from calotype.web.delivery.disposition import attachment
from calotype.web.shared.context import Caller, Services

_ZIP = "application/zip"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}, "description": "The ZIP file"}
}
router = APIRouter(prefix="/batches", tags=["Devices API: batches"], responses=ERRORS)


@router.get("/{batch_id}/export", response_class=StreamingResponse, responses=_FILE)
async def export_batch(
    batch_id: BatchId, query: Annotated[ExportQuery, Query()], services: Services, caller: Caller
) -> StreamingResponse:
    """A batch as a ZIP file: its images, with their labels in a format that training tools load."""
    name, stream = await services.exports.export(caller.scope, batch_id, query.format)
    return StreamingResponse(stream, media_type=_ZIP, headers={"Content-Disposition": attachment(name)})
