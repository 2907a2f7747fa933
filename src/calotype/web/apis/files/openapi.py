"""What the OpenAPI document says of routes whose bodies are parsed as they arrive."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from calotype.web.apis.files.wire.error import ErrorAnswer

ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "No valid API key"},
    404: {"model": ErrorAnswer, "description": "Not found"},
    422: {"model": ErrorAnswer, "description": "Malformed request"},
    429: {"model": ErrorAnswer, "description": "Too many requests"},
}


def multipart_body(form: type[BaseModel], file_field: str | None = None, *, several: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a multipart route: its text fields, and its file (or files) where it has one."""
    schema = form.model_json_schema()
    if file_field is not None:
        file: dict[str, Any] = {"type": "string", "format": "binary"}
        if several:
            file = {"type": "array", "items": file}
        schema["properties"] = {file_field: file, **schema["properties"]}
        schema["required"] = [file_field, *schema.get("required", [])]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def redirect(description: str) -> dict[int | str, dict[str, Any]]:
    """The answer of a route that redirects to a signed link."""
    return {
        302: {"description": description, "headers": {"Location": {"schema": {"type": "string"}}}},
        **ERRORS,
    }
