"""The one error body of the Analysis API."""

from __future__ import annotations

from typing import Any

from calotype.web.apis.analysis.wire.values import CamelWire


class Error(CamelWire):
    """What went wrong: a stable code, a sentence for people, details for programs."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorAnswer(CamelWire):
    """The body of every answer that is no success."""

    error: Error
    request_id: str
