"""What the OpenAPI document says of routes whose bodies are parsed as they arrive, and of the answers that all routes share."""

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


_UNUSED = {"HTTPValidationError", "ValidationError"}  # the framework's own bodies of a 422, which no answer has


def complete(document: dict[str, Any]) -> None:
    """Add what the gate answers before any route is reached, and drop what the framework would answer.

    An operation's refusals all have one body, that of its 401; those that ask for no key have none.
    """
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            if _names_unused(answers.get("422")):
                del answers["422"]
            if "401" in answers:
                refusal = answers["401"]["content"]
                answers.setdefault("503", {"description": "Unavailable for the moment", "content": refusal})
                if "requestBody" in operation:
                    answers.setdefault("413", {"description": "The body is too large", "content": refusal})
            operation["responses"] = dict(sorted(answers.items()))
    schemas = document.get("components", {}).get("schemas", {})
    for name in _UNUSED & schemas.keys():
        del schemas[name]


def _names_unused(answer: dict[str, Any] | None) -> bool:
    content = answer.get("content", {}) if answer else {}
    return any(part.get("schema", {}).get("$ref", "").rpartition("/")[2] in _UNUSED for part in content.values())
