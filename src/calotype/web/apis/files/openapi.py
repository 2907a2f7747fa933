"""What the OpenAPI document says of the answers of all routes of the Files API."""

from __future__ import annotations

from typing import Any

from calotype.web.apis.files.wire.error import ErrorAnswer

ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "No valid API key"},
    404: {"model": ErrorAnswer, "description": "Not found"},
    422: {"model": ErrorAnswer, "description": "Malformed request"},
    429: {"model": ErrorAnswer, "description": "Too many requests"},
}


def redirect(description: str) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that redirects to a signed link."""
    return {
        302: {"description": description, "headers": {"Location": {"schema": {"type": "string"}}}},
        **ERRORS,
    }
