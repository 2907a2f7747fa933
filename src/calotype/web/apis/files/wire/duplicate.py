"""Asking which contents are stored already."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from calotype.web.shared.wire_model import Wire

MAX_HASHES = 250
_FORM = re.compile(r"(?:sha256:)?[0-9a-fA-F]{64}")


def _hash(value: str) -> str:
    if not _FORM.fullmatch(value):
        raise PydanticCustomError("hash", "Input should be 64 hexadecimal digits, bare or after sha256:")
    return value


WireHash = Annotated[str, StringConstraints(strict=True), AfterValidator(_hash)]


class DuplicatesRequest(Wire):
    """Body of `check-duplicates`: SHA-256 sums."""

    hashes: Annotated[list[WireHash], Field(min_length=1, max_length=MAX_HASHES)]


class DuplicatesAnswer(Wire):
    """The sums as they were sent, each in one of the lists."""

    duplicates: list[str]
    unique: list[str]
