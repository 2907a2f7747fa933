"""What all requests have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from calotype.web.apis.vision.wire.values import parse_fields


class Request(BaseModel):
    """The base of all requests: unknown fields are ignored, null and empty strings are the same as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _present(cls, value: Any) -> Any:
        return parse_fields(value)
