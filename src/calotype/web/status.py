"""Health, metrics and the documentation of the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from calotype import __version__
from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError
from calotype.web.shared.context import Services
from calotype.web.shared.documentation import render
from calotype.web.shared.metrics import JOBS, REGISTRY

_NOTE_INTERVAL = 15.0
TAGS = [{"name": "Server", "description": "Whether the server can do its work, and figures of it; without a key."}]
router = APIRouter()
_log = structlog.get_logger("calotype.web")


class Health(BaseModel):
    """Whether the server can do its work; `verbose` adds the version and what each part answers, "ok" or why not."""

    model_config = ConfigDict(extra="allow")

    healthy: bool
    mode: str


_UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {"model": Health, "description": "Database or storage does not answer"}
}
_FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Figures as text", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/health", tags=["Server"], response_model=Health, responses=_UNHEALTHY)
@router.get("/v1/health", include_in_schema=False)
async def health(services: Services, verbose: str = "") -> JSONResponse:
    """Whether the server can do its work: 200 when database and storage answer, else 503; with `verbose=true` what does not."""
    parts = await services.doctor.is_reachable()
    is_healthy = all(reason == "ok" for reason in parts.values())
    body: dict[str, object] = {"healthy": is_healthy, "mode": "ready" if is_healthy else "unavailable"}
    if verbose.lower() in {"1", "true", "yes"}:
        body |= {"version": __version__, **parts}
    return JSONResponse(body, 200 if is_healthy else 503)


@router.get("/metrics", tags=["Server"], response_class=Response, responses=_FIGURES)
async def metrics(services: Services) -> Response:
    """Figures for Prometheus."""
    with suppress(CalotypeError):
        counts = await services.metrics.jobs()
        JOBS.clear()
        for (task, state), count in counts.items():
            JOBS.labels(task, state).set(count)
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


@router.get("/", include_in_schema=False)
async def front(request: Request) -> RedirectResponse:
    """Where a person who opens the server's address in a browser finds the routes; programs are told that nothing is here."""
    if "text/html" not in request.headers.get("accept", ""):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return RedirectResponse("/docs")


@router.get("/docs", include_in_schema=False)
async def documentation(request: Request) -> HTMLResponse:
    """The API's documentation, without anything from elsewhere."""
    return HTMLResponse(render(request.app.openapi()))


@asynccontextmanager
async def notes(application: Application) -> AsyncIterator[None]:
    """While the server runs, write down now and then when keys were used."""
    task = asyncio.create_task(_note_for_ever(application))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(CalotypeError):
            await application.api_keys.note_used()


async def _note_for_ever(application: Application) -> None:
    while True:
        await asyncio.sleep(_NOTE_INTERVAL)
        try:
            await application.api_keys.note_used()
        except CalotypeError as error:
            _log.warning("use of keys not noted", reason=error.message)
