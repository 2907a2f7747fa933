"""Annotations: what a model, or a person, saw at which place of a picture."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calotype.domain.errors import InvalidInput
from calotype.domain.values import clean_text

MAX_ANNOTATIONS = 1_000
MAX_CLASS_LENGTH = 255
MAX_POLYGON_POINTS = 10_000
ROUNDING = 1e-6
"""By how much a box may leave its picture, because its centre and its size were rounded."""

_KEYS = frozenset({"class_value", "type", "geometry", "confidence"})


class AnnotationType(enum.StrEnum):
    """How the place is told."""

    BBOX = "bbox"
    POLYGON = "polygon"
    POINT = "point"
    CLASSIFICATION = "classification"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One thing seen in a picture.

    `geometry` is in shares of the upright picture's width and height, 0 to 1: a box is (x of its centre, y of its centre, width,
    height), a polygon (x1, y1, x2, y2, …), a point (x, y); a classification, which is of the whole picture, has none.
    `confidence` is 0 to 1; `extra` what else was said of it, in the sender's own keys.
    """

    class_value: str
    type: AnnotationType
    geometry: tuple[float, ...] = ()
    confidence: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def annotations_of(value: Any, place: str = "annotations") -> tuple[Annotation, ...]:
    """Check a JSON array of annotations; None means there are none.

    Raises InvalidInput, naming what is wrong as `annotations[2].geometry`.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _fault(place, "must be an array")
    if len(value) > MAX_ANNOTATIONS:
        raise _fault(place, f"may have at most {MAX_ANNOTATIONS} entries, not {len(value)}")
    return tuple(_annotation(item, f"{place}[{index}]") for index, item in enumerate(value))


def _annotation(value: Any, place: str) -> Annotation:
    if not isinstance(value, dict):
        raise _fault(place, "must be an object")
    kind = _type(value, place)
    geometry = _geometry(kind, value.get("geometry"), f"{place}.geometry")
    confidence = value.get("confidence")
    if confidence is not None and not _is_share(confidence):
        raise _fault(f"{place}.confidence", "must be a number from 0 to 1")
    return Annotation(
        _class_value(value, place),
        kind,
        geometry,
        None if confidence is None else float(confidence),
        # What says nothing, such as a confidence of null, is given back as it was sent, too.
        {key: part for key, part in value.items() if key not in _KEYS or part is None or part == []},
    )


def _class_value(value: Mapping[str, Any], place: str) -> str:
    place = f"{place}.class_value"
    text = value.get("class_value")
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_CLASS_LENGTH:
        raise _fault(place, f"must be a text of 1 to {MAX_CLASS_LENGTH} characters")
    return clean_text(text, place)


def _type(value: Mapping[str, Any], place: str) -> AnnotationType:
    try:
        return AnnotationType(str(value.get("type")))
    except ValueError:
        raise _fault(f"{place}.type", f"must be {', '.join(AnnotationType)}") from None


def _geometry(kind: AnnotationType, value: Any, place: str) -> tuple[float, ...]:
    if kind is AnnotationType.CLASSIFICATION:
        if value is None or value == []:
            return ()
        raise _fault(place, "must be absent: a classification is of the whole picture")
    if not isinstance(value, list) or not all(_is_share(number) for number in value):
        raise _fault(place, "must be an array of numbers from 0 to 1")
    _CHECKS[kind](value, place)
    return tuple(float(number) for number in value)


def _check_box(value: Sequence[float], place: str) -> None:
    if len(value) != 4:
        raise _fault(place, "of a bbox must be [x_center, y_center, width, height]")
    for center, size in ((value[0], value[2]), (value[1], value[3])):
        if center - size / 2 < -ROUNDING or center + size / 2 > 1 + ROUNDING:
            raise _fault(place, "of a bbox must not leave the picture")


def _check_polygon(value: Sequence[float], place: str) -> None:
    if len(value) < 6 or len(value) % 2:
        raise _fault(place, "of a polygon must be [x1, y1, x2, y2, …] of three points or more")
    if len(value) > 2 * MAX_POLYGON_POINTS:
        raise _fault(place, f"of a polygon may have at most {MAX_POLYGON_POINTS} points")


def _check_point(value: Sequence[float], place: str) -> None:
    if len(value) != 2:
        raise _fault(place, "of a point must be [x, y]")


_CHECKS = {
    AnnotationType.BBOX: _check_box,
    AnnotationType.POLYGON: _check_polygon,
    AnnotationType.POINT: _check_point,
}


def _is_share(value: Any) -> bool:
    # Python counts true and false among the numbers; JSON does not. Whatever is not finite is not between the two either.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _fault(place: str, what: str) -> InvalidInput:
    return InvalidInput(f"{place} {what}", field=place)
