"""What is around every answer of the Devices API, and around every list."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireInt

Data = TypeVar("Data")


class Answer(Wire, Generic[Data]):
    """A success."""

    success: bool = True
    data: Data


class WindowQuery(Wire):
    """Which part of a list."""

    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20
    offset: Annotated[WireInt, Field(ge=0)] = 0


class Page(Wire, Generic[Data]):
    """That part of the list."""

    items: list[Data]
    total: int
    limit: int
    offset: int
