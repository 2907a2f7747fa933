"""Successful answers of the Devices API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


def success(data: Mapping[str, Any], status: int = 200) -> Response:
    """The envelope of every success."""
    # Escaped, because what is repeated of a request may hold halves of surrogate pairs.
    return Response(json.dumps({"success": True, "data": data}), status, media_type="application/json")
