"""The one error body."""

from __future__ import annotations

from typing import Any

from calotype.web.shared.wire_model import Wire


class ErrorBody(Wire):
    """The `error` of an error answer."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorAnswer(Wire):
    """The body of every 4xx and 5xx."""

    success: bool = False
    error: ErrorBody
    request_id: str
