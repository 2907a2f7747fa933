"""What is wrong with a request that does not fit its model, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LONGEST_NAME = 100  # characters
MOST_FAULTS = 50
"""Faults of one request that are told; more would be of no use to anybody."""


def field_faults(errors: Sequence[Any]) -> list[dict[str, str]]:
    """`field` (such as `images[0].id`) and `message` of each fault, from errors as pydantic lists them."""
    return [_fault(error) for error in errors[:MOST_FAULTS]]


def summed_up(errors: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """One message for all faults, and its details: the first is named, several are all listed."""
    faults = field_faults(errors)
    first = faults[0]
    details: dict[str, Any] = {"field": first["field"]}
    if len(faults) > 1:
        details["errors"] = faults
    return f"{first['field']}: {first['message']}", details


def _fault(error: Any) -> dict[str, str]:
    # Of a body that is no JSON the framework tells the position, which is no field.
    location: Sequence[str | int] = () if error["type"] == "json_invalid" else error["loc"]
    steps = location[1:] if len(location) > 1 and location[0] in {"body", "query", "path"} else location
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{_short(str(step))}" for step in steps)
    return {"field": path.lstrip(".") or "body", "message": str(error["msg"])}


def _short(name: str) -> str:
    # Names are the client's, and an answer must not grow with them.
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
