"""Where the Files API carries its credential: `Authorization: Bearer <key>`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError, Unauthenticated
from calotype.domain.principal import Principal
from calotype.web.apis.files import errors


class FilesFormat:
    """The Files API towards the common machinery."""

    prefix = "/api/v2"
    streamed = frozenset({"/api/v2/user-files/upload/stream", "/api/v2/user-files/upload/stream-batch"})

    async def authenticate(self, headers: Headers, application: Application) -> Principal:
        """Who the bearer token belongs to. Raises Unauthenticated."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Send your API key as: Authorization: Bearer <key>")
        return await application.api_keys.authenticate(token.strip())

    def error(self, error: CalotypeError, request_id: str) -> Response:
        """The answer to a domain error."""
        return errors.to_wire(error, request_id)

    def invalid(self, errors_: Sequence[Any], request_id: str) -> Response:
        """The answer to a request that does not fit its model."""
        return errors.invalid(errors_, request_id)

    def http_error(self, status: int, message: str, headers: dict[str, str], request_id: str) -> Response:
        """The answer to what the framework refuses."""
        return errors.http_error(status, message, headers, request_id)

    def fault(self, request_id: str) -> Response:
        """The answer to an unexpected fault."""
        return errors.fault(request_id)
