"""Values as clients of the Vision API write them, read as leniently as its rules say and no more."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from calotype.domain.custom_metadata import WrittenFloat
from calotype.domain.json_text import load_json
from calotype.web.shared.wire_values import parse_time

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LONGEST_NUMBER = 400  # characters
MAX_IDS = 1_000
MAX_FIELDS = 5_000
MAX_MAP = 500  # characters of a map of strings as JSON text


class FormValues(list[str]):
    """All values that a form has under one name."""


def is_absent(value: Any) -> bool:
    """Whether a value means the same as none at all: null, an empty string, or nothing but empty strings."""
    if isinstance(value, FormValues):
        return not any(value)
    return value is None or value == ""


def single(value: Any) -> Any:
    """The value where one is meant: the last of several."""
    return value[-1] if isinstance(value, FormValues) and value else value


def _fault(message: str) -> PydanticCustomError:
    return PydanticCustomError("value_error", "{message}", {"message": message})


def parse_bool(value: Any) -> bool:
    """JSON true and false, 1 and 0, or the words true, false, 1, 0, yes, no, on, off in any case."""
    value = single(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _fault("must be true or false")


def parse_number(value: Any) -> Decimal:
    """A finite JSON number or a numeric string, exactly as it is written."""
    value = single(value)
    # An integer may be larger than any float, and then cannot even be asked whether it is finite.
    if not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
        return Decimal(value.text if isinstance(value, WrittenFloat) else str(value))
    text = value.strip() if isinstance(value, str) else ""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return Decimal(text)
    raise _fault("must be a number")


def _parse_int(value: Any) -> int:
    try:
        number = parse_number(value)
    except PydanticCustomError:
        raise _fault("must be a whole number") from None
    if number != number.to_integral_value():
        raise _fault("must be a whole number")
    return int(number)


def _parse_float(value: Any) -> float:
    return float(parse_number(value))


def _parse_text(value: Any) -> str:
    value = single(value)
    if not isinstance(value, str):
        raise _fault("must be a string")
    if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _fault("must be valid Unicode text without NUL characters")
    return value


def parse_object(value: Any) -> dict[str, Any]:
    """A JSON object, or its JSON text."""
    value = single(value)
    if isinstance(value, str):
        value = _parsed(value, "must be a JSON object")
    if not isinstance(value, dict):
        raise _fault("must be a JSON object")
    return value


def parse_fields(value: Any) -> dict[str, Any]:
    """The fields of a JSON object, or of its JSON text, at most 5000; those without a value are left out."""
    fields = parse_object(value)
    # Each may be a fault of its own, and all faults are told.
    if len(fields) > MAX_FIELDS:
        raise _fault(f"may have at most {MAX_FIELDS} fields")
    return {name: field for name, field in fields.items() if not is_absent(field)}


def _parsed(text: str, otherwise: str) -> Any:
    try:
        return load_json(text)
    except ValueError:
        raise _fault(otherwise) from None


def parse_strings(value: Any) -> list[str]:
    """A JSON array of strings, its JSON text, a repeated field, or one plain string, which is a list of one."""
    if isinstance(value, str):
        value = FormValues([value])
    if isinstance(value, FormValues):
        found = [text for text in value if text]
        if len(found) == 1 and found[0].lstrip().startswith("["):
            value = _parsed(found[0], "must be a list of strings")
        else:
            return list(found)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _fault("must be a list of strings")
    return list(value)


def parse_ids(value: Any) -> list[str]:
    """A list of strings whose entries may also be separated by commas; at most 1000, whatever they look like."""
    texts = parse_strings(value)
    # Counted before they are taken apart, because ten million commas would fill the memory.
    if sum(text.count(",") + 1 for text in texts) > MAX_IDS:
        raise _fault(f"may have at most {MAX_IDS} ids")
    return [identity for text in texts for part in text.split(",") if (identity := part.strip())]


def _parse_time(value: Any) -> datetime:
    """An ISO 8601 time; without an offset it is UTC."""
    return parse_time(single(value))


def parse_string_map(value: Any) -> dict[str, str]:
    """A JSON object of strings; numbers and booleans become their JSON text, null is left out, at most 500 characters in all."""
    found = {name: _as_string(entry) for name, entry in parse_object(value).items() if entry is not None}
    if len(json.dumps(found, ensure_ascii=False)) > MAX_MAP:
        raise _fault(f"may have at most {MAX_MAP} characters as JSON text")
    return {_parse_text(name): _parse_text(entry) for name, entry in found.items()}


def _as_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, WrittenFloat):
        return value.text
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise _fault("may hold strings, numbers and booleans only")


T = TypeVar("T")


def _within(parse: Callable[[Any], T], least: float, most: float | None) -> Callable[[Any], T]:
    def validate(value: Any) -> T:
        number: Any = parse(value)
        if number < least or (most is not None and number > most):
            raise _fault(f"must be from {least:g} to {most:g}" if most is not None else f"must be at least {least:g}")
        return number  # type: ignore[no-any-return]  # compared as what it is, returned as T

    return validate


def int_from(least: int, most: int | None = None) -> Any:
    """The validator of a whole number within bounds."""
    return BeforeValidator(_within(_parse_int, least, most))


def float_from(least: float, most: float | None = None) -> Any:
    """The validator of a number within bounds."""
    return BeforeValidator(_within(_parse_float, least, most))


Single = BeforeValidator(single)
"""The validator before types that expect one value."""
LooseBool = Annotated[bool, BeforeValidator(parse_bool)]
LooseText = Annotated[str, BeforeValidator(_parse_text)]
LooseObject = Annotated[dict[str, Any], BeforeValidator(parse_object)]
_STRINGS = {"type": "array", "items": {"type": "string"}}
LooseStrings = Annotated[list[str], BeforeValidator(parse_strings), WithJsonSchema(_STRINGS)]
Ids = Annotated[list[str], BeforeValidator(parse_ids), WithJsonSchema(_STRINGS)]
LooseTime = Annotated[datetime, BeforeValidator(_parse_time)]
StringMap = Annotated[
    dict[str, str],
    BeforeValidator(parse_string_map),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
