"""What the common machinery needs to know of a wire format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.responses import Response

from calotype.bootstrap import Application
from calotype.domain.errors import CalotypeError
from calotype.domain.principal import Principal


class WireFormat(Protocol):
    """One hosted product's way of speaking HTTP.

    `prefix` is the path all its routes begin with; `streamed` are the paths whose bodies are parsed as they arrive, all others
    being limited as a whole.
    """

    prefix: str
    streamed: frozenset[str]

    async def authenticate(self, headers: Headers, application: Application) -> Principal:
        """Find the credential where this format hides it. Raises Unauthenticated."""

    def error(self, error: CalotypeError, request_id: str) -> Response:
        """The answer to a refusal."""

    def invalid(self, errors: Sequence[Any], request_id: str) -> Response:
        """The answer to a request that does not fit its model; `errors` as pydantic lists them."""

    def http_error(self, status: int, message: str, headers: dict[str, str], request_id: str) -> Response:
        """The answer to what the framework itself refuses: unknown route, wrong method."""

    def fault(self, request_id: str) -> Response:
        """The answer to an unexpected fault; it must tell nothing about the inside."""
