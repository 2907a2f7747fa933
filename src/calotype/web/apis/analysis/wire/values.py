"""How the Analysis API names and writes things: camelCase, and times in whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from calotype.web.shared.wire_model import Wire


class CamelWire(Wire):
    """The base of models: Python's names inside, camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


def time_to_wire(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC, without fractions of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


WireMoment = Annotated[
    datetime, PlainSerializer(time_to_wire), WithJsonSchema({"type": "string", "format": "date-time"})
]
