"""Domain errors as the Files API speaks them: status, code and the one error body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from calotype.domain import errors as domain
from calotype.web.shared.field_faults import MOST_FAULTS
from calotype.web.shared.refusals import FAULT, INTERNAL, INVALID, UNAVAILABLE, Wording

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

_OF_STATUS = {
    401: "INVALID_API_KEY",
    404: "NOT_FOUND",
    405: "VALIDATION_ERROR",
    413: "PAYLOAD_TOO_LARGE",
    422: INTERNAL,
}


class _Wording(Wording):
    """The Files API's words: what is refused with 422 is worded as the framework words faults, `detail` a list of them."""

    def to_wire(self, error: domain.CalotypeError, request_id: str) -> Response:
        """The answer to a domain error."""
        status, code = self.status[type(error)]
        if status != 422:
            return super().to_wire(error, request_id)
        place = ["body", str(error.context.get("field", "file"))]
        return self._refused([{"loc": place, "msg": error.message, "type": error.code}], request_id, code)

    def headers(self, error: domain.CalotypeError) -> dict[str, str]:
        """The headers that go with a domain error; what is not ready is there in a moment."""
        return {"Retry-After": "1"} if isinstance(error, domain.NotReady) else super().headers(error)

    def invalid(self, errors: Sequence[Any], request_id: str) -> Response:
        """A 422: `detail` lists the faults, `error.details` the first."""
        told = errors[:MOST_FAULTS]
        entries = [{"loc": list(error["loc"]), "msg": error["msg"], "type": error["type"]} for error in told]
        return self._refused(entries, request_id, INVALID)

    def _refused(self, entries: list[dict[str, Any]], request_id: str, code: str) -> Response:
        first = entries[0]
        details = {"field": ".".join(str(step) for step in first["loc"]), "issue": first["msg"]}
        return self.answer(422, code, first["msg"], request_id, details=details, more={"detail": entries})


def told(error: domain.CalotypeError) -> tuple[str, str]:
    """Code and message of a domain error where there is no status, as in WebSocket frames."""
    status, code = STATUS[type(error)]
    message = {500: FAULT, 503: UNAVAILABLE}.get(status, error.message)
    return code, message


def _details(error: domain.CalotypeError) -> dict[str, Any]:
    return {key: value for key, value in error.context.items() if isinstance(value, str | int | float | bool)}


def _body(code: str, message: str, details: dict[str, Any], request_id: str) -> dict[str, Any]:
    error = {"code": code, "message": message, "details": details}
    return {"error": error, "request_id": request_id, "detail": message}


_WORDING = _Wording(STATUS, _OF_STATUS, _details, _body)
to_wire = _WORDING.to_wire
invalid = _WORDING.invalid
http_error = _WORDING.http_error
fault = _WORDING.fault
