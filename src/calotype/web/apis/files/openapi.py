"""What the OpenAPI document says of the answers of all routes of the Files API."""

from __future__ import annotations

from typing import Any

from calotype.web.apis.files.wire.error import ErrorAnswer

TAGS = [
    {
        "name": "Files API: uploads",
        "description": "Files in one request, in batches, past the server, or in chunks; and what became of them.",
    },
    {
        "name": "Files API: files",
        "description": "The library: what is listed, searched, changed, deleted, restored and downloaded.",
    },
    {"name": "Files API: upload sessions", "description": "Batches of uploads while they are worked on."},
    {"name": "Files API: folders", "description": "A tree of folders that files lie in."},
    {"name": "Files API: colours", "description": "The colours of pictures, and pictures by their colours."},
    {"name": "Files API: links", "description": "Web pages that are saved like files."},
    {"name": "Files API: documents", "description": "Texts, their chunks, and a search among them."},
    {"name": "Files API: videos", "description": "Analyses of videos, and their scenes."},
    {"name": "Files API: agents", "description": "Searches whose answers are made for language models."},
]
ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "No valid API key"},
    404: {"model": ErrorAnswer, "description": "Not found"},
    422: {"model": ErrorAnswer, "description": "Malformed request"},
    429: {"model": ErrorAnswer, "description": "Too many requests"},
}
_FURTHER = {
    400: "Not possible for this file, or no address of a web page",
    402: "This month's uploads are used up",
    409: "Not possible in the state things are in",
    410: "The upload has expired",
    413: "Too large, or the storage quota would be exceeded",
    415: "A file of no supported type",
}


def further(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route refuses besides what all of them do; 413 for long bodies and 503 are added to all."""
    return {status: {"model": ErrorAnswer, "description": _FURTHER[status]} for status in statuses}


def redirect(description: str) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that redirects to a signed link."""
    return {
        302: {"description": description, "headers": {"Location": {"schema": {"type": "string"}}}},
        **ERRORS,
    }
