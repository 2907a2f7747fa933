"""Upload sessions of the Files API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from calotype.domain.upload_session import SessionPage, SessionStatus
from calotype.web.apis.files.openapi import ERRORS, further
from calotype.web.apis.files.signed_links import variant_links
from calotype.web.apis.files.translate import session as translate
from calotype.web.apis.files.wire import session as wire
from calotype.web.shared.context import Caller, LinkBase, Services
from calotype.web.shared.json_response import ModelResponse
from calotype.web.shared.wire_values import WireUuid

router = APIRouter(prefix="/uploads/sessions", tags=["Files API: upload sessions"], responses=ERRORS)


@router.get("", response_model=wire.SessionList)
async def list_sessions(query: Annotated[wire.SessionsQuery, Query()], services: Services, caller: Caller) -> Response:
    """List upload sessions, newest first."""
    status = SessionStatus(query.status) if query.status else None
    if query.upload_method == "presigned":
        page = SessionPage((), 0)  # only batch uploads make sessions
    else:
        page = await services.sessions.page(caller.scope, status, query.offset, query.limit)
    return ModelResponse(translate.page_to_wire(page, query.offset, query.limit))


@router.get("/{session_id}/status", response_model=wire.SessionAnswer)
async def get_session_status(session_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Where a session stands."""
    progress = await services.sessions.progress(caller.scope, session_id)
    return ModelResponse(translate.progress_to_wire(progress, datetime.now(UTC)))


@router.get("/{session_id}/results", response_model=wire.ResultsAnswer)
async def list_session_results(
    session_id: WireUuid,
    query: Annotated[wire.ResultsQuery, Query()],
    services: Services,
    caller: Caller,
    base: LinkBase,
) -> Response:
    """The files of a session that have ended, in the order sent."""
    results = await services.sessions.results(
        caller.scope, session_id, include_failed=query.include_failed, offset=query.offset, limit=query.limit
    )
    return ModelResponse(translate.results_to_wire(results, query.offset, query.limit, variant_links(services, base)))


@router.post("/{session_id}/cancel", response_model=wire.SessionAnswer, responses=further(400))
async def cancel_session(session_id: WireUuid, services: Services, caller: Caller) -> Response:
    """Drop the work of a session that has not begun; stored files stay."""
    progress = await services.sessions.cancel(caller.scope, session_id)
    return ModelResponse(translate.progress_to_wire(progress, datetime.now(UTC)))
