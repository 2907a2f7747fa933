"""What the OpenAPI document says of the answers of all routes of the Analysis API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from calotype.web.apis.analysis.wire.error import ErrorAnswer
from calotype.web.apis.analysis.wire.event import CompleteEvent, ErrorEvent, ProgressEvent, ResultEvent


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


TAGS = [
    {"name": "Analysis API: sessions", "description": "Pictures that are to be analysed."},
    {"name": "Analysis API: analyses", "description": "Analyses of pictures, live or one at a time."},
    {"name": "Analysis API: credits", "description": "What is left to analyse with, and what became of the rest."},
]
CREDIT_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "No valid key"},
    422: {"model": ErrorAnswer, "description": "Malformed request"},
    429: {"model": ErrorAnswer, "description": "Too many requests"},
}
ENDING_ERRORS: dict[int | str, dict[str, Any]] = {
    **CREDIT_ERRORS,
    404: {"model": ErrorAnswer, "description": "No such session"},
}
SESSION_ERRORS: dict[int | str, dict[str, Any]] = {
    **ENDING_ERRORS,
    410: {"model": ErrorAnswer, "description": "The session has expired"},
}
_TOO_LARGE_OR_NONE: dict[int | str, dict[str, Any]] = {
    413: {"model": ErrorAnswer, "description": "Too large, or the tenant has no room left"},
    415: {"model": ErrorAnswer, "description": "No picture"},
}
OPENING_ERRORS: dict[int | str, dict[str, Any]] = {**CREDIT_ERRORS, **_TOO_LARGE_OR_NONE}
UPLOAD_ERRORS: dict[int | str, dict[str, Any]] = {**SESSION_ERRORS, **_TOO_LARGE_OR_NONE}
ANALYSIS_ERRORS: dict[int | str, dict[str, Any]] = {
    **SESSION_ERRORS,
    402: {"model": ErrorAnswer, "description": "Too few credits"},
    404: {"model": ErrorAnswer, "description": "No such session or image"},
}
SINGLE_ERRORS: dict[int | str, dict[str, Any]] = {
    **ANALYSIS_ERRORS,
    502: {"model": ErrorAnswer, "description": "The analysis failed; it costs nothing"},
}

_EVENTS: dict[str, type[BaseModel]] = {
    "progress": ProgressEvent,
    "result": ResultEvent,
    "error": ErrorEvent,
    "complete": CompleteEvent,
}
EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: "
        + ", ".join(f"`{name}` with {', '.join(_names(model))}" for name, model in _EVENTS.items()),
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
