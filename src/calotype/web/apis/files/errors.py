"""Domain errors as the Files API speaks them: status, code and the one error body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from calotype.domain import errors as domain
from calotype.web.shared.error_headers import error_headers

STATUS: Mapping[type[domain.CalotypeError], tuple[int, str]] = {
    domain.NotFound: (404, "NOT_FOUND"),
    domain.NotReady: (404, "NOT_FOUND"),
    domain.SessionNotFound: (404, "NOT_FOUND"),
    domain.ImageNotFound: (404, "NOT_FOUND"),
    domain.Conflict: (409, "CONFLICT"),
    domain.DuplicateImage: (409, "CONFLICT"),
    domain.IdempotencyConflict: (409, "CONFLICT"),
    domain.BatchClosed: (409, "CONFLICT"),
    domain.InvalidInput: (422, "VALIDATION_ERROR"),
    domain.EmptyFile: (422, "VALIDATION_ERROR"),
    domain.Refused: (400, "VALIDATION_ERROR"),
    domain.NotAllowed: (404, "NOT_FOUND"),
    domain.Unauthenticated: (401, "INVALID_API_KEY"),
    domain.CredentialExpired: (401, "EXPIRED_API_KEY"),
    domain.QuotaExceeded: (413, "STORAGE_QUOTA_EXCEEDED"),
    domain.UsageLimitExceeded: (402, "USAGE_LIMIT_EXCEEDED"),
    domain.InsufficientCredits: (402, "USAGE_LIMIT_EXCEEDED"),
    domain.Unsupported: (415, "UNSUPPORTED_MEDIA_TYPE"),
    domain.UndecodablePicture: (422, "IMAGE_PROCESSING_ERROR"),
    domain.IncompletePicture: (422, "IMAGE_PROCESSING_ERROR"),
    domain.TooManyPixels: (422, "IMAGE_PROCESSING_ERROR"),
    domain.UndecodableVideo: (422, "VALIDATION_ERROR"),
    domain.UndecodableDocument: (422, "VALIDATION_ERROR"),
    domain.TooLarge: (413, "PAYLOAD_TOO_LARGE"),
    domain.Expired: (410, "UPLOAD_EXPIRED"),
    domain.RateLimited: (429, "RATE_LIMIT_ERROR"),
    domain.Unavailable: (503, "INTERNAL_ERROR"),
    domain.AnalysisFailed: (500, "INTERNAL_ERROR"),
    domain.DescriptionFailed: (500, "INTERNAL_ERROR"),
    domain.SandboxFailure: (500, "INTERNAL_ERROR"),
    domain.AddressNotAllowed: (400, "VALIDATION_ERROR"),
    domain.DownloadFailed: (400, "VALIDATION_ERROR"),
}
"""Every domain error; a test fails when one is missing."""

# The reason is for the operator's log; a client learns only that it may try again.
_UNAVAILABLE = "The service is unavailable for the moment"
_FAULT = "An unexpected error occurred"
_OF_STATUS = {401: "INVALID_API_KEY", 404: "NOT_FOUND", 405: "VALIDATION_ERROR", 413: "PAYLOAD_TOO_LARGE"}


def error_response(
    status: int,
    code: str,
    message: str,
    request_id: str,
    *,
    details: Mapping[str, Any] | None = None,
    detail: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one error body of every 4xx and 5xx."""
    body = {
        "error": {"code": code, "message": message, "details": dict(details or {})},
        "request_id": request_id,
        "detail": message if detail is None else detail,
    }
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/json")


def to_wire(error: domain.CalotypeError, request_id: str) -> Response:
    """The answer to a domain error."""
    status, code = STATUS[type(error)]
    if status == 422:
        place = ["body", str(error.context.get("field", "file"))]
        entry = {"loc": place, "msg": error.message, "type": error.code}
        return invalid([entry], request_id, code=code)
    if status == 500:
        return fault(request_id)
    if status == 503:
        return error_response(status, code, _UNAVAILABLE, request_id, headers={"Retry-After": "5"})
    return error_response(
        status, code, error.message, request_id, details=_plain(error.context), headers=_headers(error)
    )


def told(error: domain.CalotypeError) -> tuple[str, str]:
    """Code and message of a domain error where there is no status, as in WebSocket frames."""
    status, code = STATUS[type(error)]
    message = {500: _FAULT, 503: _UNAVAILABLE}.get(status, error.message)
    return code, message


def _headers(error: domain.CalotypeError) -> dict[str, str]:
    return {"Retry-After": "1"} if isinstance(error, domain.NotReady) else error_headers(error)


def _plain(context: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in context.items() if isinstance(value, str | int | float | bool)}


def invalid(errors: Sequence[Any], request_id: str, code: str = "VALIDATION_ERROR") -> Response:
    """A 422: `detail` lists every fault, `error.details` the first."""
    entries = [{"loc": list(error["loc"]), "msg": error["msg"], "type": error["type"]} for error in errors]
    first = entries[0]
    field = ".".join(str(step) for step in first["loc"])
    return error_response(
        422, code, first["msg"], request_id, details={"field": field, "issue": first["msg"]}, detail=entries
    )


def http_error(status: int, message: str, headers: Mapping[str, str], request_id: str) -> Response:
    """What the framework refuses by itself: unknown routes and wrong methods."""
    if status == 422 or status >= 500:
        return error_response(status, "INTERNAL_ERROR", message, request_id, headers=headers)
    return error_response(status, _OF_STATUS.get(status, "VALIDATION_ERROR"), message, request_id, headers=headers)


def fault(request_id: str) -> Response:
    """An unexpected fault; nothing of the inside is told."""
    return error_response(500, "INTERNAL_ERROR", _FAULT, request_id)
