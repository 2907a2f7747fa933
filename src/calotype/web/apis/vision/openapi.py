"""What the OpenAPI document says of bodies that come in three encodings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from calotype.web.apis.vision.wire.error import ErrorAnswer

TAGS = [
    {"name": "Vision API: images", "description": "Images: uploads, lists, searches, deletion."},
    {"name": "Vision API: videos", "description": "Videos: uploads, lists, searches, deletion."},
    {"name": "Vision API: groups of videos", "description": "Groups that videos are uploaded into."},
]
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "Malformed request"},
    401: {"model": ErrorAnswer, "description": "No valid API key"},
    404: {"model": ErrorAnswer, "description": "Not found"},
    429: {"model": ErrorAnswer, "description": "Too many requests"},
}
BODY_ERRORS: dict[int | str, dict[str, Any]] = {
    415: {"model": ErrorAnswer, "description": "Neither JSON nor a form, or a file of no supported type"},
}
CONFLICTS: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorAnswer, "description": "Not possible for this group"},
}
UPLOAD_ERRORS: dict[int | str, dict[str, Any]] = {
    **BODY_ERRORS,
    403: {"model": ErrorAnswer, "description": "This month's uploads are used up"},
}
_ENCODINGS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


def body(model: type[BaseModel], *, files: str | None = None) -> dict[str, Any]:
    """The `openapi_extra` of a route with such a body; `files` names the file parts of its multipart form."""
    schema = model.model_json_schema()
    schema = _inlined(schema, schema.pop("$defs", {}))
    content = {encoding: {"schema": schema} for encoding in _ENCODINGS}
    if files is not None:
        parts = {"type": "array", "items": {"type": "string", "format": "binary"}}
        form = {**schema, "properties": {files: parts, **schema.get("properties", {})}}
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"content": content}}


def query(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose query has a model."""
    properties = model.model_json_schema()["properties"]
    return {"parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with its parts in their places, because a part of an extra is in no list of the document."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items()}
