"""Sessions of the Analysis API."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.errors import InvalidInput
from calotype.domain.principal import Principal
from calotype.web.apis.analysis.answers import json_answer
from calotype.web.apis.analysis.openapi import ENDING_ERRORS, OPENING_ERRORS, SESSION_ERRORS, UPLOAD_ERRORS
from calotype.web.apis.analysis.translate.session import session_to_wire, uploaded_to_wire
from calotype.web.apis.analysis.wire import session as wire
from calotype.web.shared.body_limit import check_announced
from calotype.web.shared.context import Caller, Services
from calotype.web.shared.multipart import parts
from calotype.web.shared.openapi import multipart_body

_FILES = "images"
_FORM = multipart_body(wire.UploadForm, _FILES, several=True)
router = APIRouter(prefix="/sessions", tags=["Analysis API: sessions"])


@router.post("", status_code=201, response_model=wire.UploadedImages, responses=OPENING_ERRORS, openapi_extra=_FORM)
async def open_session(request: Request, services: Services, caller: Caller) -> Response:
    """Open a session with one or more images; if one is refused, none is kept."""
    return await _upload(request, services, caller, None)


@router.post(
    "/{session_id}/images",
    status_code=201,
    response_model=wire.UploadedImages,
    responses=UPLOAD_ERRORS,
    openapi_extra=_FORM,
)
async def add_images(session_id: str, request: Request, services: Services, caller: Caller) -> Response:
    """Add images to a session; the answer names these alone."""
    await services.analysis_sessions.check(caller.scope, session_id)
    return await _upload(request, services, caller, session_id)


@router.get("/{session_id}", response_model=wire.Session, responses=SESSION_ERRORS)
async def get_session(session_id: str, services: Services, caller: Caller) -> Response:
    """A session with all its images."""
    return json_answer(session_to_wire(await services.analysis_sessions.get(caller.scope, session_id)))


@router.delete("/{session_id}", response_model=wire.EndedSession, responses=ENDING_ERRORS)
async def end_session(session_id: str, services: Services, caller: Caller) -> Response:
    """End a session; its images stay. What is not begun of its analyses is called off."""
    await services.analyses.end_session(caller.scope, session_id)
    return json_answer(wire.EndedSession(session_id=session_id))


async def _upload(request: Request, services: Application, caller: Principal, session_id: str | None) -> Response:
    sessions = services.analysis_sessions
    check_announced(request, sessions.max_upload_bytes)
    async with sessions.receiving(caller.scope) as upload:
        async for part in parts(request):
            if part.name != _FILES:
                await upload.ignore(part.chunks())
            elif part.filename is None:
                raise InvalidInput("images must be files, each with a file name", field=_FILES)
            else:
                await upload.take(part.filename, part.chunks())
        session = await sessions.add(caller.scope, upload, session_id)
    return json_answer(uploaded_to_wire(session), 201)
