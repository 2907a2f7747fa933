"""The web application: mounts every wire format, delivery, health, metrics and documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from calotype import __version__
from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError
from calotype.settings import Settings
from calotype.web import status
from calotype.web.apis.analysis import routes as analysis_routes
from calotype.web.apis.analysis.auth import AnalysisFormat
from calotype.web.apis.analysis.openapi import TAGS as ANALYSIS_TAGS
from calotype.web.apis.devices import routes as devices_routes
from calotype.web.apis.devices.auth import DevicesFormat
from calotype.web.apis.devices.openapi import TAGS as DEVICES_TAGS
from calotype.web.apis.files import routes as files_routes
from calotype.web.apis.files.auth import FilesFormat
from calotype.web.apis.files.openapi import TAGS as FILES_TAGS
from calotype.web.apis.vision import routes as vision_routes
from calotype.web.apis.vision.auth import VisionFormat
from calotype.web.apis.vision.openapi import TAGS as VISION_TAGS
from calotype.web.delivery import routes as delivery_routes
from calotype.web.shared.gate import Gate
from calotype.web.shared.openapi import DESCRIPTION, complete, operation_id
from calotype.web.shared.rate_limit import RateLimiter
from calotype.web.shared.refusals import note_unavailable
from calotype.web.shared.wire_format import WireFormat

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def make_app(settings: Settings, open_services: Callable[[], AbstractAsyncContextManager[Application]]) -> FastAPI:
    """Build the application; `open_services` gives the services for as long as it runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as application:
            app.state.application = application
            async with (
                status.notes(application),
                application.session_watch.running(),
                application.presence.running(),
                application.analysis_watch.running(),
            ):
                yield

    # The paths of the Vision API are at the root, so it also speaks for those that nobody knows.
    vision = VisionFormat(settings)
    formats: list[WireFormat] = [FilesFormat(), DevicesFormat(), AnalysisFormat(), vision]
    app = _Calotype(
        formats,
        title="Calotype",
        version=__version__,
        summary="One self-hosted server for pictures, films, documents and web links.",
        description=DESCRIPTION,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        openapi_tags=[*status.TAGS, *FILES_TAGS, *DEVICES_TAGS, *ANALYSIS_TAGS, *VISION_TAGS],
        generate_unique_id_function=operation_id,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(status.router)
    app.include_router(delivery_routes.router)
    app.include_router(files_routes.router)
    app.include_router(devices_routes.router)
    app.include_router(analysis_routes.router)
    app.include_router(vision_routes.router)
    app.add_exception_handler(CalotypeError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(
        Gate,
        formats=formats,
        fallback=vision,
        limiter=RateLimiter(settings.rate_limit, settings.rate_window),
    )
    return app


def _format_of(request: Request) -> WireFormat:
    return cast("WireFormat", request.state.wire_format)


class _Calotype(FastAPI):
    """The framework's application, whose document also tells what all routes ask for and answer."""

    def __init__(self, formats: Sequence[WireFormat], **options: Any) -> None:
        super().__init__(**options)
        self._formats = formats

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if not self.openapi_schema:
            document = super().openapi()
            # The framework keeps what it has made; half made it must not be given out.
            self.openapi_schema = None
            complete(document, self._formats)
            self.openapi_schema = document
        assert self.openapi_schema is not None
        return self.openapi_schema


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, CalotypeError)
    note_unavailable(error, request.url.path)
    return _format_of(request).refusals.to_wire(error, request.state.request_id)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _format_of(request).refusals.invalid(error.errors(), request.state.request_id)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    wire = _format_of(request)
    if error.status_code == 400:
        # The framework's own answer to JSON it cannot even take apart: bad UTF-8, endless numbers, endless nesting.
        fault = {"loc": ("body",), "msg": "The body is not valid JSON", "type": "json_invalid"}
        return wire.refusals.invalid([fault], request.state.request_id)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return wire.refusals.http_error(error.status_code, str(error.detail), headers, request.state.request_id)


def _methods_of(request: Request) -> set[str]:
    """Every method the path has; the framework by itself names only those of the first route that has the path."""
    return {
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
