"""What the OpenAPI document says of routes whose bodies are parsed as they arrive, and of what all routes have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel

from calotype.web.shared.credential import API_KEY, BEARER, DEVICE_KEY, SIGNED_LINK
from calotype.web.shared.wire_format import WireFormat, asking

DESCRIPTION = """Four APIs over one library; each has error bodies of its own. Keys are made with `calotype keys create`.

Every answer has `X-Request-ID`; those to requests with a key also tell of its rate limit in their headers. A method that a path
does not have is answered with 405 and `Allow`, a path that is not known with 404, both in the error body of the API that the path
belongs to (of the Vision API where it belongs to none)."""
_SCHEMES: dict[str, dict[str, Any]] = {
    BEARER: {"type": "http", "scheme": "bearer", "description": "An API key"},
    API_KEY: {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "An API key"},
    DEVICE_KEY: {"type": "apiKey", "in": "header", "name": "X-Device-Key", "description": "The key of one device"},
    SIGNED_LINK: {
        "type": "apiKey",
        "in": "query",
        "name": "sig",
        "description": "The signature of a link that the server gave out, valid with the rest of that link only",
    },
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
_UNUSED = {"HTTPValidationError", "ValidationError"}  # the framework's own bodies of a 422, which no answer has
_MODULE = re.compile(r"calotype__web__apis__(?P<api>\w+?)__wire__(?P<noun>\w+?)__(?P<model>\w+)")
# Where our own check comes before a limit, pydantic writes the limit as it calls it, which is no word of JSON Schema.
_LIMITS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
_REFERENCE = "#/components/schemas/"


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


def operation_id(route: APIRoute) -> str:
    """The name of an operation, as `files_list_folders`: its API, the first word of its tag, and what is done there."""
    api = str(route.tags[0]).partition(" ")[0].lower() if route.tags else "hidden"
    return f"{api}_{route.name}"


def complete(document: dict[str, Any], formats: Sequence[WireFormat]) -> None:
    """Add what the gate asks for and answers before any route is reached, and drop what the framework would answer.

    An operation's refusals all have one body, that of its 401; those that ask for no key have none.
    """
    for path, operations in document["paths"].items():
        wire = asking(path, formats)
        for operation in operations.values():
            operation["security"] = [{name: []} for name in wire.credentials(path)] if wire else []
            answers = operation["responses"]
            if _names_unused(answers.get("422")):
                del answers["422"]
            if "401" in answers:
                _add_refusals(answers, has_body="requestBody" in operation)
            operation["responses"] = dict(sorted(answers.items()))
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.get("schemas", {})
    for name in _UNUSED & schemas.keys():
        del schemas[name]
    for part in _parts(document):
        # A field may be called so itself, and then stands an object there.
        if part.get("type") in ("integer", "number"):
            for name in _LIMITS.keys() & part.keys():
                part[_LIMITS[name]] = part.pop(name)
    _name_readably(document, schemas)


def _add_refusals(answers: dict[str, Any], *, has_body: bool) -> None:
    refusal = answers["401"]["content"]
    answers.setdefault("500", {"description": "An unexpected fault", "content": refusal})
    answers.setdefault("503", {"description": "Unavailable for the moment", "content": refusal})
    if has_body:
        answers.setdefault("413", {"description": "The body is too large", "content": refusal})
    for status in ("429", "503"):
        answers[status]["headers"] = _RETRY_AFTER


def _names_unused(answer: dict[str, Any] | None) -> bool:
    content = answer.get("content", {}) if answer else {}
    return any(part.get("schema", {}).get("$ref", "").rpartition("/")[2] in _UNUSED for part in content.values())


def _name_readably(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Call models by names that programs made from the document can bear; where two have one, the framework names modules.

    What makes programs goes by titles, so these are made unlike each other too.
    """
    named = {name: found for name in schemas if (found := _MODULE.fullmatch(name))}
    short = {name: found["api"].title() + found["model"] for name, found in named.items()}
    count = Counter([*short.values(), *schemas])
    for name, found in named.items():
        if count[short[name]] > 1:
            short[name] = found["api"].title() + found["noun"].title().replace("_", "") + found["model"]
    short |= {name: re.sub("_+", "", name) for name in schemas if name not in named and "_" in name}
    for name, better in short.items():
        schemas[better] = {**schemas.pop(name), "title": better}
    for part in _parts(document):
        reference = part.get("$ref")
        if isinstance(reference, str):
            part["$ref"] = _REFERENCE + short.get(
                reference.removeprefix(_REFERENCE), reference.removeprefix(_REFERENCE)
            )


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document, however deep."""
    if isinstance(part, list):
        for one in part:
            yield from _parts(one)
    elif isinstance(part, dict):
        yield part
        for one in part.values():
            yield from _parts(one)
