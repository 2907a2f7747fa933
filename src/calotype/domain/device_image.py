"""What a device says of an image it sends, and the ids such images get."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from calotype.domain.annotation import Annotation, annotations_of
from calotype.domain.custom_metadata import CustomMetadata, check_depth, custom_metadata
from calotype.domain.errors import InvalidInput
from calotype.domain.picture import CaptureTime
from calotype.domain.values import clean_text

MAX_MODEL_ID_LENGTH = 255
MAX_MODEL_VERSION_LENGTH = 64
CLIENT = "client"
"""Where a time of capture came from when its device said it."""

_OWN_KEYS = frozenset({"model_id", "model_version", "annotations", "captured_at"})
_NUMBERS = 2**32
_SPREAD = 0x9E3779B1  # odd, so that multiplying by it modulo 2^32 gives every number once (Knuth, TAOCP 3, 6.4)


@dataclass(frozen=True, slots=True)
class DeviceMetadata:
    """What was said of one image; `custom` are the sender's own keys, `text` is all of it as JSON in one way of writing it."""

    text: str = ""
    model_id: str | None = None
    model_version: str | None = None
    annotations: tuple[Annotation, ...] = ()
    captured: CaptureTime | None = None
    custom: CustomMetadata | None = None


@dataclass(frozen=True, slots=True)
class DeviceImage:
    """An image that has joined a batch; `is_duplicate` when the tenant held the same bytes already."""

    asset_id: UUID
    batch_id: UUID
    object_key: str
    is_duplicate: bool


def device_metadata(value: Any, place: str = "metadata") -> DeviceMetadata:
    """Check what was said of an image, a JSON object, or None. Raises InvalidInput, naming what is wrong below `place`."""
    if value is None:
        return DeviceMetadata()
    if not isinstance(value, dict):
        raise InvalidInput(f"{place} must be a JSON object", field=place)
    check_depth(value, place)
    return DeviceMetadata(
        json.dumps(value, sort_keys=True),
        _text(value, "model_id", MAX_MODEL_ID_LENGTH, place),
        _text(value, "model_version", MAX_MODEL_VERSION_LENGTH, place),
        annotations_of(value.get("annotations"), f"{place}.annotations"),
        _captured(value.get("captured_at"), f"{place}.captured_at"),
        custom_metadata({key: part for key, part in value.items() if key not in _OWN_KEYS}, place),
    )


def _text(value: dict[str, Any], key: str, longest: int, place: str) -> str | None:
    place = f"{place}.{key}"
    found = value.get(key)
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > longest:
        raise InvalidInput(f"{place} must be a text of at most {longest} characters", field=place)
    return clean_text(found, place)


def _captured(value: Any, place: str) -> CaptureTime | None:
    if value is None:
        return None
    fault = InvalidInput(f"{place} must be an ISO 8601 time", field=place)
    if not isinstance(value, str):
        raise fault
    try:
        said = datetime.fromisoformat(value.strip())
        offset = said.utcoffset()
        if offset is None:
            return CaptureTime(said, CLIENT, None, CLIENT)
        # An offset is kept in whole minutes; what is beyond them goes into the wall time, so that the moment stays.
        minutes = int(offset / timedelta(minutes=1))
        wall = said.astimezone(UTC).replace(tzinfo=None) + timedelta(minutes=minutes)
    except (ValueError, OverflowError):  # some moments near the ends of the calendar exist in no other zone
        raise fault from None
    return CaptureTime(wall, CLIENT, minutes, CLIENT)


def image_id_of(number: int) -> UUID:
    """A new id whose first 32 bits belong to a number alone, for 2^32 numbers; the others are random, as in any UUIDv4."""
    return UUID(bytes=(number * _SPREAD % _NUMBERS).to_bytes(4) + uuid4().bytes[4:])


def number_of(digits: str) -> int:
    """The number to which the first eight hexadecimal digits of an id belong."""
    return int(digits, 16) * pow(_SPREAD, -1, _NUMBERS) % _NUMBERS
