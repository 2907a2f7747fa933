"""Analyses of the Analysis API: live, and one at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from calotype.domain.errors import InvalidInput
from calotype.services.analysis_watch import AnalysisStream
from calotype.web.apis.analysis.answers import json_answer
from calotype.web.apis.analysis.openapi import ANALYSIS_ERRORS, EVENT_STREAM, SINGLE_ERRORS
from calotype.web.apis.analysis.translate.analysis import (
    event_to_wire,
    single_from_wire,
    single_to_wire,
    wanted_from_wire,
)
from calotype.web.apis.analysis.wire import analysis as wire
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.event_stream import HEARTBEAT, EventStream, event_frame

_LAST_EVENT_ID = "last-event-id"
router = APIRouter(prefix="/sessions/{session_id}", tags=["Analysis API: analyses"])


@router.post("/analyze", status_code=200, response_class=EventStream, responses={**ANALYSIS_ERRORS, **EVENT_STREAM})
async def analyze(
    session_id: str, wanted: wire.AnalyzeRequest, request: Request, services: Services, caller: Caller
) -> Response:
    """Analyse images and tell of each as it begins and ends; with `Last-Event-ID`, go on telling."""
    _check_session(session_id, wanted.session_id)
    stream = await services.analysis_watch.open(
        caller.scope,
        session_id,
        wanted_from_wire(wanted.images),
        request_id=request.state.request_id,
        last_event_id=request.headers.get(_LAST_EVENT_ID, "").strip() or None,
    )
    return EventStream(_frames(stream), stream.release)


@router.post("/analyze-single", response_model=wire.SingleResult, responses=SINGLE_ERRORS)
async def analyze_single(
    session_id: str, wanted: wire.AnalyzeSingleRequest, request: Request, services: Services, caller: Caller
) -> Response:
    """Analyse one image and wait for its result."""
    _check_session(session_id, wanted.session_id)
    result, complete = await services.analysis_watch.single(
        caller.scope, session_id, single_from_wire(wanted.image), request_id=request.state.request_id
    )
    return json_answer(single_to_wire(result, complete))


def _check_session(in_path: str, in_body: str) -> None:
    if in_path != in_body:
        raise InvalidInput("sessionId must be that of the path", field="sessionId")


async def _frames(stream: AnalysisStream) -> AsyncGenerator[bytes, None]:
    # Closed here, since a client that goes away ends this generator alone.
    async with aclosing(stream.events()) as events:
        async for event in events:
            if event is None:
                yield HEARTBEAT
            else:
                name, data = event_to_wire(event)
                yield event_frame(str(stream.place), name, data.model_dump_json(by_alias=True))
