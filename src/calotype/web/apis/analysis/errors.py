"""Domain errors as the Analysis API speaks them: status, code, details and the one error body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calotype.domain import errors as domain
from calotype.web.shared.refusals import Wording

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
_HIDDEN = frozenset({"remedy", "is_missing"})
_FIELDS = {"file": "images"}  # what services call the only file of a request


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


def _body(code: str, message: str, details: dict[str, Any], request_id: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": details}, "requestId": request_id}


_WORDING = Wording(STATUS, _OF_STATUS, _details, _body)
to_wire = _WORDING.to_wire
invalid = _WORDING.invalid
http_error = _WORDING.http_error
fault = _WORDING.fault
