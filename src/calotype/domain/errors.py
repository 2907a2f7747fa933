"""Every way in which a request or a job can be refused, before it has any HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CalotypeError(Exception):
    """The base of all refusals: a stable code, a sentence for people, and context for programs."""

    code = "error"

    def __init__(self, message: str, /, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.context: Mapping[str, Any] = context


class NotFound(CalotypeError):
    """The object does not exist, or belongs to somebody else, which must look the same."""

    code = "not_found"


class NotReady(NotFound):
    """The object will exist soon; asking again in a moment is worthwhile."""

    code = "not_ready"


class SessionNotFound(NotFound):
    """There is no such analysis session."""

    code = "session_not_found"


class ImageNotFound(NotFound):
    """There is no such image in the session, or it was deleted."""

    code = "image_not_found"


class Conflict(CalotypeError):
    """The present state of the object forbids the operation."""

    code = "conflict"


class DuplicateImage(Conflict):
    """The same bytes are held already; `image_id` and, where a device sent them, `batch_id` are in the context."""

    code = "duplicate_image"


class IdempotencyConflict(Conflict):
    """An idempotency key was used before, for another request."""

    code = "idempotency_conflict"


class BatchClosed(Conflict):
    """The batch is closed and takes no more images; `batch_id` is in the context."""

    code = "batch_closed"


class InvalidInput(CalotypeError):
    """A value is malformed; `field` in the context names it."""

    code = "invalid_input"


class EmptyFile(InvalidInput):
    """A file without a single byte was sent."""

    code = "empty_file"


class Refused(CalotypeError):
    """The request is well-formed but asks for what this object cannot do."""

    code = "refused"


class NotAllowed(CalotypeError):
    """The principal is known but may not do this."""

    code = "not_allowed"


class Unauthenticated(CalotypeError):
    """No valid credential came with the request."""

    code = "unauthenticated"


class CredentialExpired(Unauthenticated):
    """The credential was valid once and has expired."""

    code = "credential_expired"


class QuotaExceeded(CalotypeError):
    """The tenant's storage quota would be exceeded."""

    code = "quota_exceeded"


class UsageLimitExceeded(CalotypeError):
    """The tenant's uploads of this month are used up."""

    code = "usage_limit_exceeded"


class InsufficientCredits(CalotypeError):
    """The tenant has too few credits; `required` and `available` are in the context."""

    code = "insufficient_credits"


class Unsupported(CalotypeError):
    """The content is of a kind that is not accepted."""

    code = "unsupported"


class UndecodablePicture(CalotypeError):
    """The content is a picture by its signature, but cannot be decoded or is larger than allowed."""

    code = "undecodable_picture"


class IncompletePicture(UndecodablePicture):
    """The content is the beginning of a picture, or a damaged one: its file is not whole."""

    code = "incomplete_picture"


class TooManyPixels(UndecodablePicture):
    """The picture has more pixels, all frames counted, than its limit; `limit` and `actual` are in the context."""

    code = "too_many_pixels"


class UndecodableVideo(CalotypeError):
    """The content is a video by its signature, but nothing of it can be decoded, or it is larger than allowed."""

    code = "undecodable_video"


class UndecodableDocument(CalotypeError):
    """The content is a document by its signature, but cannot be read: damaged, protected, or made to exhaust whoever reads it."""

    code = "undecodable_document"


class TooLarge(CalotypeError):
    """The content is larger than its limit; `limit` and, where known, `actual` are in the context."""

    code = "too_large"


class Expired(CalotypeError):
    """The time in which this could be done is over."""

    code = "expired"


class RateLimited(CalotypeError):
    """Too many requests; `retry_after` (seconds) is in the context."""

    code = "rate_limited"


class AnalysisFailed(CalotypeError):
    """An image could not be analysed; `reason` in the context is the code of why."""

    code = "analysis_failed"


class Unavailable(CalotypeError):
    """Something the operation needs (database, object store, model) cannot be reached now.

    `of` in the context is "model" where that is it, which has been tried several times already.
    """

    code = "unavailable"


class DescriptionFailed(CalotypeError):
    """A model's answer about a picture or a sound cannot be used, or it refused to answer; asking again will not help."""

    code = "description_failed"


class SandboxFailure(CalotypeError):
    """A limited child process did not live to answer: it crashed, ran out of memory, or out of time."""

    code = "sandbox_failure"


class AddressNotAllowed(CalotypeError):
    """A URL must not be fetched: its form, or an address it leads to, is not allowed."""

    code = "address_not_allowed"


class DownloadFailed(CalotypeError):
    """A URL could not be fetched; the message names the kind of failure, never an address.

    `is_passing` in the context tells that trying again later may help, `is_refusal` that the server refused whoever asked.
    """

    code = "download_failed"
