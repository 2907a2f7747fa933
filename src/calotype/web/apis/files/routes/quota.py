"""What a client may still upload."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.web.apis.files.openapi import ERRORS
from calotype.web.apis.files.translate import quota as translate
from calotype.web.apis.files.wire import quota as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.json_response import ModelResponse

router = APIRouter(tags=["Files API: uploads"], responses=ERRORS)


@router.get("/uploads/quota-check", response_model=wire.QuotaAnswer)
async def check_quota(query: Annotated[wire.QuotaQuery, Query()], services: Services, caller: Caller) -> Response:
    """Whether a number of files may be uploaded now; nothing is reserved."""
    return ModelResponse(translate.outlook_to_wire(await services.quotas.outlook(caller.scope, query.file_count)))
