"""A page that shows the OpenAPI document, made on the server: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{margin-bottom:0}h2{border-bottom:1px solid #ccc;margin-top:2.5rem}code,pre{font:14px/1.4 ui-monospace,monospace}
details{border:1px solid #ddd;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}summary{cursor:pointer}
.method{display:inline-block;min-width:4.5rem;font-weight:700}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;border-top:1px solid #eee;padding:.25rem .5rem}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}details{border-color:#444}td,th{border-color:#333}}
"""


def render(document: Mapping[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    about = {tag["name"]: tag.get("description", "") for tag in document.get("tags", [])}
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["Other"])[0]
            groups.setdefault(tag, []).append(_operation(document, method, path, operation))
    sections = "".join(
        f"<h2>{escape(tag)}</h2><p>{escape(about.get(tag, ''))}</p>{''.join(parts)}" for tag, parts in groups.items()
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])} API</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info.get('summary', ''))} "
        f"Machine-readable: <a href=/openapi.json>/openapi.json</a>.</p>"
        f"<p>{escape(info.get('description', ''))}</p>{sections}</html>"
    )


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(_row(*row) for row in _inputs(document, operation))
    answers = "".join(
        _row(status, _type_name(answer), answer.get("description", ""))
        for status, answer in operation["responses"].items()
    )
    keys = " or ".join(name for way in operation.get("security", []) for name in way) or "none"
    return (
        f"<details><summary><span class=method>{method.upper()}</span> <code>{escape(path)}</code></summary>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        f"<p>Credential: {escape(keys)}</p>"
        + (f"<h4>Request</h4><table>{rows}</table>" if rows else "")
        + f"<h4>Answers</h4><table>{answers}</table></details>"
    )


def _row(name: str, kind: str, text: str) -> str:
    return f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"


def _inputs(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for parameter in operation.get("parameters", []):
        yield parameter["name"], _kind(parameter.get("schema", {})), f"in {parameter['in']}"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content.get("schema", {}))
        required = schema.get("required", [])
        for name, field in schema.get("properties", {}).items():
            yield name, _kind(field), f"{media_type}, required" if name in required else media_type


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if not reference:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_kind(option) for option in options)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "$ref" in schema:
        # A name that several wire formats have is told apart by its module, which says nothing to readers.
        return str(schema["$ref"]).rpartition("/")[2].rpartition("__")[2]
    if schema.get("type") == "array":
        return f"{_kind(schema.get('items', {}))}[]"
    default = f" = {schema['default']}" if schema.get("default") not in (None, "") else ""
    return f"{schema.get('format') or schema.get('type', 'any')}{default}"


def _type_name(answer: Mapping[str, Any]) -> str:
    schemas = [content.get("schema", {}) for content in answer.get("content", {}).values()]
    return ", ".join(_kind(schema) for schema in schemas if schema)
