"""Batches, for the operator of devices."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.domain.batch import BatchStatus
from calotype.domain.listing import Window
from calotype.web.apis.devices.answers import success
from calotype.web.apis.devices.openapi import ERRORS
from calotype.web.apis.devices.routes.identity import BatchId
from calotype.web.apis.devices.translate.batch import batch_to_wire, batches_to_wire, images_to_wire
from calotype.web.apis.devices.wire import batch as wire
from calotype.web.apis.devices.wire.envelope import Answer, Page, WindowQuery
from calotype.web.shared.context import Caller, Services

router = APIRouter(prefix="/batches", tags=["Devices API: batches"], responses=ERRORS)


@router.get("", response_model=Answer[Page[wire.Batch]])
async def list_batches(query: Annotated[wire.BatchQuery, Query()], services: Services, caller: Caller) -> Response:
    """Batches, newest first; of one device, in one state, where asked for."""
    window = Window(query.limit, query.offset)
    status = BatchStatus(query.status) if query.status else None
    batches, total = await services.batches.page(caller.scope, window, device_id=query.device_id, status=status)
    return success(batches_to_wire(batches, total, window))


@router.get("/{batch_id}", response_model=Answer[wire.Batch])
async def get_batch(batch_id: BatchId, services: Services, caller: Caller) -> Response:
    """One batch."""
    return success(batch_to_wire(await services.batches.get(caller.scope, batch_id)))


@router.get("/{batch_id}/images", response_model=Answer[Page[wire.BatchImage]])
async def list_batch_images(
    batch_id: BatchId, query: Annotated[WindowQuery, Query()], services: Services, caller: Caller
) -> Response:
    """The images of a batch with what was seen in them, in the order they came."""
    window = Window(query.limit, query.offset)
    images, total = await services.batches.images(caller.scope, batch_id, window)
    # A page may hold a hundred thousand polygons, and other requests must go on while they are written.
    return await asyncio.to_thread(lambda: success(images_to_wire(images, total, window)))


@router.post("/{batch_id}/close", response_model=Answer[wire.Batch])
async def close_batch(batch_id: BatchId, services: Services, caller: Caller) -> Response:
    """Close a batch; again is the same answer."""
    return success(batch_to_wire(await services.batches.close(caller.scope, batch_id)))
