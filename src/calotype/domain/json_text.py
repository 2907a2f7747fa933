"""JSON texts of strangers, read so that every number keeps how it was written."""

from __future__ import annotations

import json
import math
from typing import Any

from calotype.domain.custom_metadata import WrittenFloat


def load_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, for numbers that are not finite and for too deep nesting as well."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("too deeply nested") from error


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> WrittenFloat:
    number = WrittenFloat.read(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
