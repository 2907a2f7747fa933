"""Asking which contents are stored already, before they are uploaded."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from calotype.web.apis.files.openapi import ERRORS
from calotype.web.apis.files.translate import duplicate as translate
from calotype.web.apis.files.wire import duplicate as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse

router = APIRouter(tags=["Files API: uploads"], responses=ERRORS)


@router.post("/uploads/check-duplicates", response_model=wire.DuplicatesAnswer)
async def check_duplicates(body: wire.DuplicatesRequest, services: Services, caller: Caller) -> Response:
    """Which of 1 to 250 SHA-256 sums belong to live files."""
    known = await services.duplicates.known(caller.scope, set(map(translate.checksum_from_wire, body.hashes)))
    return ModelResponse(translate.partition_to_wire(body.hashes, known))
