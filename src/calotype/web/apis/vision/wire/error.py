"""The error body of the Vision API."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Error(BaseModel):
    """What was wrong; `param` is a dotted path such as `images[1]`."""

    type: str
    code: str
    message: str
    param: str | None
    details: dict[str, Any] | None


class ErrorAnswer(BaseModel):
    """The body of every answer that is no success."""

    error: Error
