"""Domain errors as the Devices API speaks them: status, code, details and the one error body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from calotype.domain import errors as domain
from calotype.domain.device_ids import batch_id, device_id, image_id
from calotype.web.shared.refusals import Wording

STATUS: Mapping[type[domain.CalotypeError], tuple[int, str]] = {
    domain.NotFound: (404, "NOT_FOUND"),
    domain.NotReady: (404, "NOT_FOUND"),
    domain.SessionNotFound: (404, "NOT_FOUND"),
    domain.ImageNotFound: (404, "NOT_FOUND"),
    domain.Conflict: (409, "CONFLICT"),
    domain.DuplicateImage: (409, "DUPLICATE_IMAGE"),
    domain.IdempotencyConflict: (409, "IDEMPOTENCY_CONFLICT"),
    domain.BatchClosed: (409, "BATCH_CLOSED"),
    domain.InvalidInput: (422, "VALIDATION_ERROR"),
    domain.EmptyFile: (422, "VALIDATION_ERROR"),
    domain.Refused: (422, "VALIDATION_ERROR"),
    domain.NotAllowed: (404, "NOT_FOUND"),
    domain.Unauthenticated: (401, "UNAUTHORIZED"),
    domain.CredentialExpired: (401, "UNAUTHORIZED"),
    domain.QuotaExceeded: (413, "QUOTA_EXCEEDED"),
    domain.UsageLimitExceeded: (402, "QUOTA_EXCEEDED"),
    domain.InsufficientCredits: (402, "QUOTA_EXCEEDED"),
    domain.Unsupported: (415, "UNSUPPORTED_FORMAT"),
    domain.UndecodablePicture: (422, "VALIDATION_ERROR"),
    domain.IncompletePicture: (422, "VALIDATION_ERROR"),
    domain.TooManyPixels: (422, "VALIDATION_ERROR"),
    domain.UndecodableVideo: (422, "VALIDATION_ERROR"),
    domain.UndecodableDocument: (422, "VALIDATION_ERROR"),
    domain.TooLarge: (413, "FILE_TOO_LARGE"),
    domain.Expired: (404, "NOT_FOUND"),
    domain.RateLimited: (429, "RATE_LIMITED"),
    domain.Unavailable: (503, "INTERNAL_ERROR"),
    domain.AnalysisFailed: (500, "INTERNAL_ERROR"),
    domain.DescriptionFailed: (500, "INTERNAL_ERROR"),
    domain.SandboxFailure: (500, "INTERNAL_ERROR"),
    domain.AddressNotAllowed: (422, "VALIDATION_ERROR"),
    domain.DownloadFailed: (422, "VALIDATION_ERROR"),
}
"""Every domain error; a test fails when one is missing."""

_OF_STATUS = {401: "UNAUTHORIZED", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "FILE_TOO_LARGE"}
_IMAGE = "image"
_FILE = "file"  # what services call the only file of a request


def _details(error: domain.CalotypeError) -> dict[str, Any]:
    if isinstance(error, domain.Unauthenticated):
        return {}
    details: dict[str, Any] = {}
    for name, value in error.context.items():
        if isinstance(value, UUID):
            details[name] = _IDS.get(name, str)(value)
        elif value is None or isinstance(value, str | int | float | bool):
            details[name] = value
    if isinstance(error, domain.UndecodablePicture) or details.get("field") == _FILE:
        details["field"] = _IMAGE
    return details


_IDS = {"image_id": image_id, "batch_id": batch_id, "device_id": device_id}


def _body(code: str, message: str, details: dict[str, Any], request_id: str) -> dict[str, Any]:
    error = {"code": code, "message": message, "details": details}
    return {"success": False, "error": error, "request_id": request_id}


_WORDING = Wording(STATUS, _OF_STATUS, _details, _body)
to_wire = _WORDING.to_wire
invalid = _WORDING.invalid
http_error = _WORDING.http_error
fault = _WORDING.fault
