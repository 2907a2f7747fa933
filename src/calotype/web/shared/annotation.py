"""Annotations as they are on the wire, in every format that shows them."""

from __future__ import annotations

from typing import Any

from calotype.domain.annotation import Annotation, AnnotationType


def annotation_to_wire(seen: Annotation) -> dict[str, Any]:
    """An annotation as it was sent: a classification without a geometry, no confidence where there was none."""
    wire: dict[str, Any] = {"class_value": seen.class_value, "type": seen.type.value}
    if seen.type is not AnnotationType.CLASSIFICATION:
        wire["geometry"] = list(seen.geometry)
    if seen.confidence is not None:
        wire["confidence"] = seen.confidence
    return {**wire, **seen.extra}
