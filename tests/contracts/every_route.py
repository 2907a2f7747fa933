"""Requests for every route of the server's own document: each parameter filled, ids by those of somebody's things."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from tests.contracts.analysis_attempts import DOCUMENTED as ANALYSIS
from tests.contracts.documented import IDS, PLAIN
from tests.contracts.photos import photo

KINDS: dict[str, tuple[str, ...]] = {
    "batch_id": ("batch", "closed"),
    "device_id": ("device",),
    "document_id": ("document", "image"),
    "document_ids": ("document",),
    "file_id": ("image", "video", "document", "link", "trashed", "announced", "shot"),
    "file_ids": ("image", "video", "document", "link", "trashed"),
    "folder_id": ("folder",),
    "group_id": ("group",),
    "group_ids": ("group",),
    "hashes": ("hash",),
    "id": ("picture",),
    "ids": ("image", "video", "document", "link"),
    "image_id": ("image", "trashed", "announced", "shot"),
    "image_ids": ("image", "trashed"),
    "job_id": ("job",),
    "link_id": ("link", "image"),
    "media_id": ("video", "sending"),
    "new_parent_id": ("folder",),
    "object_key": ("object",),
    "parent_id": ("folder",),
    "scene_id": ("scene",),
    "sessionId": ("analysis",),
    "session_id": ("session",),
    "uploadPath": ("place",),
    "upload_id": ("upload",),
    "video_id": ("video",),
    "video_ids": ("video",),
    "webhook_id": ("webhook",),
}
"""Which things each name of an id may stand for; all of them are tried."""

VALUES: dict[str, Any] = {
    "chunk_number": 1,
    "content_type": "video/mp4",
    "duration_seconds": 1.0,
    "etag": "0" * 32,
    "events": ["asset.failed"],
    "filename": "mine.mp4",
    "format": "coco",
    "hex_code": "#808080",
    "index": "false",
    "mode": "delete_all",
    "originalFilename": "mine.jpg",
    "query": "secret",
    "search": "secret",
    "size_bytes": 1000,
    "status": "deleted",
    "title": "mine",
    "tags": ["mine"],
    "url": "https://hooks.example.com/mine",
    "variant_type": "original",
    "video_name": "mine",
}
"""What is sent under names that are no ids, where a route asks for them; others are left out."""

_numbers = itertools.count()
_PICTURES = {"file": "mine.jpg", "files": "mine.jpg", "image": "mine.jpg", "images": "mine.jpg"}


class Route(NamedTuple):
    """A route as the document has it."""

    method: str
    path: str
    operation: dict[str, Any]

    @property
    def is_for_devices(self) -> bool:
        """Whether it is called with a device's key."""
        return self.path.startswith("/api/device/")


def routes(document: Mapping[str, Any]) -> list[Route]:
    """All routes of a document."""
    return [
        Route(method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


@dataclass
class Attempts:
    """Makes requests from a document."""

    document: Mapping[str, Any]

    def of(self, route: Route, things: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The requests for a route that are worth trying with somebody's things, as options of a client; one at least."""
        names = self.names(route)
        widest = max((len(KINDS[name]) for name in names & IDS), default=1)
        for turn in range(widest):
            chosen = {name: things[kinds[turn % len(kinds)]] for name, kinds in KINDS.items()}
            if route.path.startswith(ANALYSIS):
                chosen["session_id"] = things["analysis"]  # the one word that means two kinds of things
            yield self._request(route, chosen)

    def names(self, route: Route) -> set[str]:
        """The names of all its parameters and of all keys of its body."""
        found = {parameter["name"] for parameter in route.operation.get("parameters", [])}
        return found | self._keys(self._body(route)[1])

    def _request(self, route: Route, chosen: Mapping[str, str]) -> dict[str, Any]:
        path, query = route.path, {}
        for parameter in route.operation.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", chosen.get(name) or str(VALUES[name]))
            elif parameter["in"] == "query" and (name in chosen or parameter.get("required")):
                query[name] = chosen.get(name) or VALUES.get(name, 1)
        options: dict[str, Any] = {"method": route.method, "url": path, "params": query}
        kind, schema = self._body(route)
        if kind == "application/json":
            options["json"] = self._filled(schema, chosen)
        elif kind:
            fields = self._filled(schema, chosen)
            pictures = [(name, (_PICTURES[name], photo())) for name in self._properties(schema) if name in _PICTURES]
            texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
            options |= {"data": texts, "files": pictures or None}
        return options

    def _body(self, route: Route) -> tuple[str, dict[str, Any]]:
        content = route.operation.get("requestBody", {}).get("content", {})
        for kind in ("application/json", "multipart/form-data"):
            if kind in content and not (kind == "application/json" and "/upload" in route.path and len(content) > 1):
                return kind, content[kind]["schema"]
        assert not content, f"{route.path} takes a body that nobody knows here"
        return "", {}

    def _filled(self, schema: dict[str, Any], chosen: Mapping[str, str], name: str = "") -> Any:
        """A value that fits a schema, with ids in all places for them and otherwise what VALUES says."""
        schema = self._real(schema)
        if "properties" in schema:
            wanted = {
                key: part for key, part in schema["properties"].items() if key in chosen or key in {*VALUES, "name"}
            }
            required = {key: schema["properties"][key] for key in schema.get("required", []) if key not in _PICTURES}
            nested = {key: part for key, part in schema["properties"].items() if self._keys(part) & IDS}
            return {key: self._filled(part, chosen, key) for key, part in {**required, **nested, **wanted}.items()}
        if "items" in schema or schema.get("type") == "array":
            one = self._filled(schema.get("items", {}), chosen, name)
            return one if isinstance(one, list) else [one]
        if name in chosen:
            return chosen[name]
        if "enum" in schema:
            return schema["enum"][0]
        return VALUES.get(name) or f"mine {next(_numbers)}"  # no name twice, which would be another answer

    def _real(self, schema: dict[str, Any]) -> dict[str, Any]:
        while True:
            if "$ref" in schema:
                schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            elif "anyOf" in schema or "allOf" in schema:
                schema = (schema.get("anyOf") or schema["allOf"])[0]
            else:
                return schema

    def _properties(self, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._real(schema).get("properties", {})
        return found

    def _keys(self, schema: dict[str, Any]) -> set[str]:
        real = self._real(schema) if schema else {}
        parts = [*real.get("properties", {}).values(), *([real["items"]] if "items" in real else [])]
        return set(real.get("properties", {})).union(*(self._keys(part) for part in parts))


def unknown(names: set[str]) -> set[str]:
    """Names that neither this table nor the one beside it has heard of."""
    return (names & IDS) - KINDS.keys() | names - IDS - PLAIN


def shape(answer: httpx.Response) -> Any:
    """Status, headers' names, and form of an answer: its keys and kinds of values, and what it says in words of errors."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    body = _shape(answer.json()) if kind == "application/json" else kind
    return answer.status_code, sorted(set(answer.headers) - {"set-cookie"}), body


def _shape(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _shape(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_shape(part) for part in value]
    if name in {"code", "type", "message", "msg", "param"} or isinstance(value, bool) or value is None:
        return value
    return type(value).__name__
