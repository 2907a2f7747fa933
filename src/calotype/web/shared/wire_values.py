"""Values as they stand in queries, forms and JSON bodies, and how strictly each is read."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from calotype.domain.errors import InvalidInput
from calotype.domain.folder import clean_folder_name
from calotype.domain.link import MAX_TITLE as MAX_LINK_TITLE
from calotype.domain.values import clean_tags, clean_text, clean_title, split_list

T = TypeVar("T")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
MAX_INT = 2**63 - 1
MAX_IDS = 10_000  # where a format itself sets no limit
MAX_WORDS = 100  # of a list whose words are known and few


def _rule(check: Callable[[Any], T]) -> Callable[[Any], T]:
    """Let a domain rule speak as a validation error."""

    def validate(value: Any) -> T:
        try:
            return check(value)
        except InvalidInput as error:
            raise PydanticCustomError("value_error", "{message}", {"message": error.message}) from error

    return validate


def parse_bool(value: Any) -> bool:
    """true/false/1/0/yes/no/on/off in any case."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise PydanticCustomError("bool_parsing", "Input should be true, false, 1, 0, yes, no, on or off")


def parse_int(value: Any) -> int:
    """A plain decimal within 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INT:
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()) and abs(int(value)) <= MAX_INT:
        return int(value)
    raise PydanticCustomError("int_parsing", "Input should be a plain decimal integer")


def parse_json_int(value: Any) -> int:
    """An integer of a JSON body: a number, not a string."""
    if isinstance(value, str):
        raise PydanticCustomError("int_type", "Input should be an integer")
    return parse_int(value)


def parse_json_bool(value: Any) -> bool:
    """`true` or `false` of a JSON body, and nothing that only resembles them."""
    if isinstance(value, bool):
        return value
    raise PydanticCustomError("bool_type", "Input should be true or false")


def parse_json_float(value: Any) -> float:
    """A finite number of a JSON body: not a string, not `true`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    raise PydanticCustomError("float_type", "Input should be a finite number")


def parse_uuid(value: Any) -> UUID:
    """A UUID in its usual form, in any letter case."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _UUID.fullmatch(value.strip()):
        return UUID(value.strip())
    raise PydanticCustomError("uuid_parsing", "Input should be a UUID")


def parse_time(value: Any, *, end_of_day: bool = False) -> datetime:
    """An ISO 8601 time with any offset, UTC without one; a bare date means its beginning, or its end."""
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "Input should be an ISO 8601 time")
    # A plus sign that was not percent-encoded arrives as a space.
    text = re.sub(r" (\d{2}:?\d{2})$", r"+\1", value.strip())
    try:
        moment = datetime.fromisoformat(text)
        if end_of_day and _is_bare_date(text):
            moment = datetime.combine(moment, time.max)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("datetime_parsing", "Input should be an ISO 8601 time") from error


def _is_bare_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def split_multi(value: Any) -> list[str]:
    """A multi-value query parameter: repeated keys and comma lists, mixed; repeats dropped. Raises InvalidInput for NUL."""
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(item for text in values for item in split_list(clean_text(str(text), "the list"))))


def _unique(ids: list[UUID]) -> list[UUID]:
    if len(set(ids)) < len(ids):
        raise PydanticCustomError("value_error", "The ids must be unique")
    return ids


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    return clean_text(value, "the text")


def _title(value: Any) -> str | None:
    return clean_title(_text(value)) if value is not None else None


def _link_title(value: Any) -> str | None:
    return clean_title(_text(value), most=MAX_LINK_TITLE) if value is not None else None


def _folder_name(value: Any) -> str:
    return clean_folder_name(_text(value))


def _tags_of_form(value: Any) -> tuple[str, ...]:
    return clean_tags(split_list(_text(value)))


def _tags_of_json(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise PydanticCustomError("list_type", "Input should be a valid array")
    return clean_tags([_text(item) for item in value])


_STRING_ARRAY = {"type": "array", "items": {"type": "string"}}
WireBool = Annotated[bool, BeforeValidator(parse_bool)]
WireInt = Annotated[int, BeforeValidator(parse_int)]
JsonInt = Annotated[int, BeforeValidator(parse_json_int)]
JsonBool = Annotated[bool, BeforeValidator(parse_json_bool)]
JsonFloat = Annotated[float, BeforeValidator(parse_json_float)]
WireUuid = Annotated[UUID, BeforeValidator(parse_uuid)]
ManyUuids = Annotated[list[WireUuid], Field(max_length=MAX_IDS)]
UniqueUuids = Annotated[list[WireUuid], AfterValidator(_unique)]
WireTime = Annotated[datetime, BeforeValidator(parse_time)]
WireEndTime = Annotated[datetime, BeforeValidator(lambda value: parse_time(value, end_of_day=True))]
WireText = Annotated[str, BeforeValidator(_rule(_text))]
Title = Annotated[str | None, BeforeValidator(_rule(_title))]
TrimmedText = Annotated[str, BeforeValidator(_rule(lambda value: _text(value).strip()))]
LinkTitle = Annotated[str | None, BeforeValidator(_rule(_link_title))]
FolderName = Annotated[str, BeforeValidator(_rule(_folder_name))]
# A program that sends what is the default anyway must not send a list, which would be a tag of that name.
FormTags = Annotated[
    tuple[str, ...],
    BeforeValidator(_rule(_tags_of_form)),
    WithJsonSchema({"type": "string"}),
    Field(json_schema_extra={"default": ""}),
]
JsonTags = Annotated[tuple[str, ...], BeforeValidator(_rule(_tags_of_json)), WithJsonSchema(_STRING_ARRAY)]
Multi = Annotated[list[str], BeforeValidator(_rule(split_multi)), WithJsonSchema(_STRING_ARRAY)]
MultiUuid = Annotated[
    list[UUID],
    BeforeValidator(_rule(lambda value: list(dict.fromkeys(parse_uuid(item) for item in split_multi(value))))),
    WithJsonSchema({"type": "array", "items": {"type": "string", "format": "uuid"}}),
]
