"""JSON texts of strangers, read so that every number keeps how it was written."""

from __future__ import annotations

import json
import math
from typing import Any

from calotype.domain.custom_metadata import WrittenFloat
from calotype.domain.errors import InvalidInput


def load_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, for numbers that are not finite and for too deep nesting as well."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("too deeply nested") from error


def load_object(text: bytes, what: str, field: str) -> dict[str, Any]:
    """The JSON object that bytes in UTF-8 are, with a mark of order before them or not. Raises InvalidInput, naming `what`."""
    try:
        value = load_json(text.decode("utf-8-sig"))
    except ValueError as error:
        raise InvalidInput(f"{what} must be valid JSON", field=field) from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} must be a JSON object", field=field)
    return value


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> WrittenFloat:
    number = WrittenFloat.read(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
