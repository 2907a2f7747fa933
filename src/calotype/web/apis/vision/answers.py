"""Answers in JSON, custom metadata inside them as the text it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json_answer(value: Mapping[str, Any]) -> Response:
    """A 200 with exactly these keys; what is put in must be valid Unicode."""
    return Response(orjson.dumps(value), media_type="application/json")


def echo_answer(value: Mapping[str, Any]) -> Response:
    """A 200 that repeats what the client sent, escaped, because that may hold halves of surrogate pairs."""
    return Response(json.dumps(value), media_type="application/json")
