"""What the OpenAPI document says of routes whose bodies are parsed as they arrive."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


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
