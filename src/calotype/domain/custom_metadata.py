"""Custom metadata: what a client says of an image in its own words and keys, kept and given back as it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from calotype.domain.errors import InvalidInput

_RECORDED = "recorded_timestamp_utc"
_CAPTION = "caption"
_LONGEST_TEXT = 20_000  # characters; beyond this more words say little more
_DEEPEST = 100
_MOST_DIGITS = 400


class WrittenFloat(float):
    """A number with a fraction that knows how it was written, since a float may have had to round it."""

    text: str

    @classmethod
    def read(cls, text: str) -> WrittenFloat:
        """The number of a JSON text."""
        number = cls(text)
        number.text = text
        return number


@dataclass(frozen=True, slots=True)
class CustomMetadata:
    """One image's custom metadata as JSON text, what of it a search finds, and when the image was recorded, if it says so.

    The document is ASCII: escapes keep what neither a database nor UTF-8 could hold, such as NUL and halves of surrogate pairs.
    `recorded_timestamp` is Unix seconds, exactly as written; `size_bytes` that of the JSON text in UTF-8, as clients count it.
    """

    document: str
    recorded_timestamp: Decimal | None
    text: str
    size_bytes: int


def custom_metadata(value: Mapping[str, Any], field: str = "metadata") -> CustomMetadata | None:
    """Make it of a JSON object; None of an empty one. Numbers stay the numbers they are: 1 and 1.0, however long.

    Raises InvalidInput, naming `field`, for more than 100 levels of nesting.
    """
    if not value:
        return None
    check_depth(value, field)
    document = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    plain = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    size = len(plain.encode("utf-8", "surrogatepass"))
    return CustomMetadata(document, decimal_of(value.get(_RECORDED)), _text(value), size)


def check_depth(value: Mapping[str, Any], field: str) -> None:
    """Refuse a JSON object of more than 100 levels, which nothing could write again. Raises InvalidInput, naming `field`."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        level = [part for nested in level for part in _parts(nested) if isinstance(part, dict | list)]
        if not level:
            return
    raise InvalidInput(f"{field} may have at most {_DEEPEST} levels", field=field)


def searchable_text(document: str) -> str:
    """The words of a JSON text: the value of `caption` first, then all other strings in their order, a line each."""
    return _text(json.loads(document))


def _text(value: Mapping[str, Any]) -> str:
    caption = value.get(_CAPTION)
    first = [caption] if isinstance(caption, str) else []
    rest = _strings({key: part for key, part in value.items() if not (first and key == _CAPTION)})
    # Neither a database nor a model takes NUL characters and halves of surrogate pairs.
    text = "\n".join(part for part in (*first, *rest) if part.strip()).replace("\x00", " ")
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode()


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in _parts(value):
            yield from _strings(part)


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def decimal_of(value: Any) -> Decimal | None:
    """The exact value of a JSON number; None of anything else, and of numbers longer than 400 digits."""
    # Python counts true and false among the numbers; JSON does not.
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    number = Decimal(value.text if isinstance(value, WrittenFloat) else str(value))
    # No index could hold more digits, and no clock needs them.
    is_short = abs(number.adjusted()) < _MOST_DIGITS and len(number.as_tuple().digits) <= _MOST_DIGITS
    return number if is_short else None
