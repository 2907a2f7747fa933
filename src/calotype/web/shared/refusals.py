"""How refusals are worded by wire formats that differ in codes, details and the body around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.responses import Response

from calotype.domain.errors import CalotypeError, Unavailable
from calotype.web.shared.error_headers import error_headers
from calotype.web.shared.field_faults import summed_up

INVALID, INTERNAL = "VALIDATION_ERROR", "INTERNAL_ERROR"
# The reason is for the operator's log; a client learns only that it may try again.
UNAVAILABLE = "The service is unavailable for the moment"
FAULT = "An unexpected error occurred"

Body = Callable[[str, str, dict[str, Any], str], dict[str, Any]]
"""Makes the one error body of a code, a message, details and a request id."""
_log = structlog.get_logger("calotype.web")


def note_unavailable(error: CalotypeError, path: str) -> None:
    """Write down why something is unavailable, which clients are not told; of other errors nothing."""
    if isinstance(error, Unavailable):
        _log.error("unavailable", reason=error.message, cause=repr(error.__cause__), path=path)


@dataclass(frozen=True)
class Wording:
    """One wire format's words: status and code of each domain error, codes of what the framework refuses, details, and body."""

    status: Mapping[type[CalotypeError], tuple[int, str]]
    of_status: Mapping[int, str]
    details: Callable[[CalotypeError], dict[str, Any]]
    body: Body

    def answer(
        self,
        status: int,
        code: str,
        message: str,
        request_id: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Response:
        """The one error body of every answer that is no success; `more` are further keys of it."""
        body = self.body(code, message, dict(details or {}), request_id) | dict(more or {})
        # Escaped, because what is repeated of a request may hold halves of surrogate pairs.
        return Response(json.dumps(body), status, dict(headers or {}), "application/json")

    def to_wire(self, error: CalotypeError, request_id: str) -> Response:
        """The answer to a domain error; its context becomes the details."""
        status, code = self.status[type(error)]
        if status == 500:
            return self.fault(request_id)
        if status == 503:
            return self.answer(status, code, UNAVAILABLE, request_id, headers={"Retry-After": "5"})
        details, headers = self.details(error), self.headers(error)
        return self.answer(status, code, error.message, request_id, details=details, headers=headers)

    def headers(self, error: CalotypeError) -> dict[str, str]:
        """The headers that go with a domain error."""
        return error_headers(error)

    def invalid(self, errors: Sequence[Any], request_id: str) -> Response:
        """A 422 for faults as pydantic lists them: the first is named in the details, several are all listed there."""
        message, details = summed_up(errors)
        return self.answer(422, INVALID, message, request_id, details=details)

    def http_error(self, status: int, message: str, headers: Mapping[str, str], request_id: str) -> Response:
        """What the framework refuses by itself: unknown routes, wrong methods, bodies that are too long."""
        code = INTERNAL if status >= 500 else self.of_status.get(status, INVALID)
        return self.answer(status, code, message, request_id, headers=headers)

    def fault(self, request_id: str) -> Response:
        """An unexpected fault; nothing of the inside is told."""
        return self.answer(500, INTERNAL, FAULT, request_id)
