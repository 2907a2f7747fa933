"""Successful answers of the Analysis API."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.responses import Response


def json_answer(model: BaseModel, status: int = 200) -> Response:
    """A body with the names of the wire."""
    return Response(model.model_dump_json(by_alias=True), status, media_type="application/json")
