"""Domain errors as the Analysis API speaks them: status, code, details and the one error body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from calotype.domain import errors as domain
from calotype.web.shared.error_headers import error_headers
from calotype.web.shared.field_faults import summed_up

STATUS: Mapping[type[domain.CalotypeError], tuple[int, str]] = {
    domain.NotFound: (404, "NOT_FOUND"),
    domain.NotReady: (404, "NOT_FOUND"),
    domain.SessionNotFound: (404, "SESSION_NOT_FOUND"),
    domain.ImageNotFound: (404, "IMAGE_NOT_FOUND"),
    domain.Conflict: (409, "CONFLICT"),
    domain.DuplicateImage: (409, "CONFLICT"),
    domain.IdempotencyConflict: (409, "CONFLICT"),
    domain.BatchClosed: (409, "CONFLICT"),
    domain.InvalidInput: (422, "VALIDATION_ERROR"),
    domain.EmptyFile: (422, "VALIDATION_ERROR"),
    domain.Refused: (422, "VALIDATION_ERROR"),
    domain.NotAllowed: (404, "NOT_FOUND"),
    domain.Unauthenticated: (401, "UNAUTHORIZED"),
    domain.CredentialExpired: (401, "UNAUTHORIZED"),
    domain.QuotaExceeded: (413, "QUOTA_EXCEEDED"),
    domain.UsageLimitExceeded: (413, "QUOTA_EXCEEDED"),
    domain.InsufficientCredits: (402, "INSUFFICIENT_CREDITS"),
    domain.Unsupported: (415, "UNSUPPORTED_FORMAT"),
    domain.UndecodablePicture: (415, "UNSUPPORTED_FORMAT"),
    domain.IncompletePicture: (415, "UNSUPPORTED_FORMAT"),
    domain.TooManyPixels: (413, "FILE_TOO_LARGE"),
    domain.UndecodableVideo: (415, "UNSUPPORTED_FORMAT"),
    domain.UndecodableDocument: (415, "UNSUPPORTED_FORMAT"),
    domain.TooLarge: (413, "FILE_TOO_LARGE"),
    domain.Expired: (410, "SESSION_EXPIRED"),
    domain.RateLimited: (429, "RATE_LIMITED"),
    domain.AnalysisFailed: (502, "ANALYSIS_FAILED"),
    domain.DescriptionFailed: (502, "ANALYSIS_FAILED"),
    domain.Unavailable: (503, "INTERNAL_ERROR"),
    domain.SandboxFailure: (500, "INTERNAL_ERROR"),
    domain.AddressNotAllowed: (422, "VALIDATION_ERROR"),
    domain.DownloadFailed: (422, "VALIDATION_ERROR"),
}
"""Every domain error; a test fails when one is missing."""

_OF_STATUS = {401: "UNAUTHORIZED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "FILE_TOO_LARGE"}
# The reason is for the operator's log; a client learns only that it may try again.
_UNAVAILABLE = "The service is unavailable for the moment"
_FAULT = "An unexpected error occurred"
_HIDDEN = frozenset({"remedy", "is_missing"})
_FIELDS = {"file": "images"}  # what services call the only file of a request


def error_response(
    status: int,
    code: str,
    message: str,
    request_id: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one error body of every answer that is no success."""
    body = {"error": {"code": code, "message": message, "details": dict(details or {})}, "requestId": request_id}
    # Escaped, because what is repeated of a request may hold halves of surrogate pairs.
    return Response(json.dumps(body), status, dict(headers or {}), "application/json")


def to_wire(error: domain.CalotypeError, request_id: str) -> Response:
    """The answer to a domain error; its context becomes the details."""
    status, code = STATUS[type(error)]
    if status == 500:
        return fault(request_id)
    if status == 503:
        return error_response(status, code, _UNAVAILABLE, request_id, headers={"Retry-After": "5"})
    return error_response(
        status, code, error.message, request_id, details=_details(error), headers=error_headers(error)
    )


def _details(error: domain.CalotypeError) -> dict[str, Any]:
    if isinstance(error, domain.Unauthenticated):
        return {}
    context = dict(error.context)
    if "param" in context or "field" in context:
        field = context.pop("param", context.get("field"))
        context["field"] = _FIELDS.get(field, field)
    plain = {name: value for name, value in context.items() if isinstance(value, str | int | float | bool)}
    return {_camel(name): value for name, value in plain.items() if name not in _HIDDEN}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def invalid(errors: Sequence[Any], request_id: str) -> Response:
    """A 422 for faults as pydantic lists them: the first is named in the details, several are all listed there."""
    message, details = summed_up(errors)
    return error_response(422, "VALIDATION_ERROR", message, request_id, details=details)


def http_error(status: int, message: str, headers: Mapping[str, str], request_id: str) -> Response:
    """What the framework refuses by itself: unknown routes, wrong methods, bodies that are too long."""
    code = "INTERNAL_ERROR" if status >= 500 else _OF_STATUS.get(status, "VALIDATION_ERROR")
    return error_response(status, code, message, request_id, headers=headers)


def fault(request_id: str) -> Response:
    """An unexpected fault; nothing of the inside is told."""
    return error_response(500, "INTERNAL_ERROR", _FAULT, request_id)
