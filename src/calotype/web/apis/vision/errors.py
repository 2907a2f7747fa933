"""Domain errors as the Vision API speaks them: status, type, code, parameter and the one error body."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from calotype.domain import errors as domain
from calotype.web.shared.field_faults import MOST_FAULTS

STATUS: Mapping[type[domain.CalotypeError], tuple[int, str]] = {
    domain.NotFound: (404, "route_not_found"),
    domain.NotReady: (404, "route_not_found"),
    domain.SessionNotFound: (404, "route_not_found"),
    domain.ImageNotFound: (404, "route_not_found"),
    domain.Conflict: (409, "conflict"),
    domain.DuplicateImage: (409, "conflict"),
    domain.IdempotencyConflict: (409, "conflict"),
    domain.BatchClosed: (409, "conflict"),
    domain.InvalidInput: (400, "invalid_parameter"),
    domain.EmptyFile: (400, "empty_file"),
    domain.Refused: (400, "invalid_parameter"),
    domain.NotAllowed: (403, "forbidden"),
    domain.Unauthenticated: (401, "invalid_api_key"),
    domain.CredentialExpired: (401, "invalid_api_key"),
    domain.QuotaExceeded: (413, "payload_too_large"),
    domain.UsageLimitExceeded: (403, "forbidden"),
    domain.InsufficientCredits: (403, "forbidden"),
    domain.Unsupported: (415, "unsupported_media_type"),
    domain.UndecodablePicture: (400, "corrupt_file"),
    domain.IncompletePicture: (400, "corrupt_file"),
    domain.TooManyPixels: (400, "invalid_parameter"),
    domain.UndecodableVideo: (400, "corrupt_file"),
    domain.UndecodableDocument: (400, "corrupt_file"),
    domain.TooLarge: (413, "payload_too_large"),
    domain.Expired: (403, "url_expired"),
    domain.RateLimited: (429, "rate_limit_exceeded"),
    domain.Unavailable: (503, "internal_error"),
    domain.AnalysisFailed: (500, "internal_error"),
    domain.DescriptionFailed: (500, "internal_error"),
    domain.SandboxFailure: (500, "internal_error"),
    domain.AddressNotAllowed: (400, "url_not_allowed"),
    domain.DownloadFailed: (400, "download_failed"),
}
"""Every domain error; a test fails when one is missing."""

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
_OF_STATUS = {
    404: "route_not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    416: "invalid_range",
    501: "not_implemented",
}
# The reason is for the operator's log; a client learns only that it may try again.
_UNAVAILABLE = "The service is unavailable for the moment"
_FAULT = "An unexpected error occurred"
_LONGEST_NAME = 100  # characters
_OF_FAULT = {"missing": "missing_parameter", "json_invalid": "malformed_body"}
_BODY = "body"  # the field of faults of the whole body, which have no parameter


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    param: str | None = None,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one error body of every answer that is no success."""
    kind = "server_error" if status >= 500 else _TYPES.get(status, "validation_error")
    error = {"type": kind, "code": code, "message": message, "param": param, "details": details}
    # Escaped, because what is repeated of a request may hold halves of surrogate pairs.
    return Response(json.dumps({"error": error}), status, dict(headers or {}), "application/json")


def to_wire(error: domain.CalotypeError, request_id: str = "") -> Response:  # noqa: ARG001 - this format names none
    """The answer to a domain error; its context may name the parameter, and the image of a batch."""
    status, code = STATUS[type(error)]
    if status == 500:
        return fault()
    if status == 503:
        return error_response(status, code, _UNAVAILABLE, headers={"Retry-After": "5"})
    context = error.context
    field = context.get("param", context.get("field"))
    param = None if field == _BODY else field
    details = {"index": context["index"], "name": context["name"]} if "index" in context else None
    return error_response(
        status, _code(error, code), error.message, param=param, details=details, headers=_headers(error)
    )


def _code(error: domain.CalotypeError, code: str) -> str:
    context = error.context
    match error:
        case domain.Conflict() if "reason" in context:
            return str(context["reason"])
        case domain.NotFound() if "kind" in context:
            return f"{context['kind']}_not_found"
        case domain.NotAllowed() if context.get("is_link"):
            return "url_invalid"
        case domain.Unauthenticated() | domain.InvalidInput() if context.get("is_missing"):
            return "missing_api_key" if isinstance(error, domain.Unauthenticated) else "missing_parameter"
        case domain.InvalidInput() if context.get("field") == _BODY:
            return "malformed_body"
        case _:
            return code


def _headers(error: domain.CalotypeError) -> dict[str, str]:
    if isinstance(error, domain.NotReady):
        return {"Retry-After": "2"}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, domain.Unauthenticated) else {}


def invalid(errors: Sequence[Any], request_id: str = "") -> Response:  # noqa: ARG001 - this format names none
    """A 400 for faults as pydantic lists them: the first fills the main fields, several are all in the details."""
    faults = [_fault(error) for error in errors[:MOST_FAULTS]]
    first = faults[0]
    code = _OF_FAULT.get(errors[0]["type"], "invalid_parameter")
    details = {"errors": faults} if len(faults) > 1 else None
    return error_response(400, code, str(first["message"]), param=first["param"], details=details)


def _fault(error: Any) -> dict[str, str | None]:
    """One fault, its message saying what it is about."""
    param, message = _param(error["loc"]), str(error["msg"])
    match error["type"]:
        case "missing":
            message = f"{param} is required"
        case "literal_error":
            message = f"{param} must be {error['ctx']['expected']}"
        case "extra_forbidden":
            message = f"{param} is not known"
        case "too_long":
            message = f"{param} may have at most {error['ctx']['max_length']} entries"
        case "string_too_long":
            message = f"{param} may have at most {error['ctx']['max_length']} characters"
        case "value_error":
            message = f"{param or 'The body'} {message}"
    return {"param": param, "message": message}


def _param(location: Sequence[str | int]) -> str | None:
    """`filters.recorded_timestamp_utc.value`, `image_ids[3]`; where the value stood (body, query) is left out."""
    steps = list(location[1:]) if location and location[0] in {"body", "query", "path"} else list(location)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{_short(step)}" for step in steps)
    return path.lstrip(".") or None


def _short(name: str) -> str:
    # Names are the client's, and an answer must not grow with them.
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def http_error(
    status: int,
    message: str,
    headers: Mapping[str, str],
    request_id: str = "",  # noqa: ARG001 - this format names none
) -> Response:
    """What the framework refuses by itself, and routes that are declared but not built."""
    if status == 404:
        message = "There is no such route"
    elif status == 405:
        message = f"This route answers {headers.get('Allow', 'no method')} only"
    return error_response(status, _OF_STATUS.get(status, "invalid_parameter"), message, headers=headers)


def fault(request_id: str = "") -> Response:  # noqa: ARG001 - this format names none
    """An unexpected fault; nothing of the inside is told."""
    return error_response(500, "internal_error", _FAULT)
