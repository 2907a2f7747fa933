"""Successful answers of the Devices API."""

from __future__ import annotations

import json
from datetime import datetime

from pydantic import BaseModel
from starlette.responses import Response


def success(data: BaseModel, status: int = 200) -> Response:
    """The envelope of every success."""
    body = {"success": True, "data": data.model_dump(mode="python")}
    # Escaped, because what is repeated of a request may hold halves of surrogate pairs.
    return Response(json.dumps(body, default=_text), status, media_type="application/json")


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(type(value))
