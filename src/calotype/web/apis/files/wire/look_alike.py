"""Pictures that look like another one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from calotype.domain.look_alike import DEFAULT_DISTANCE, HASH_BITS
from calotype.web.apis.files.wire.file import FileItem
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireInt


class SimilarQuery(Wire):
    """Query of `similar`."""

    max_distance: Annotated[WireInt, Field(ge=0, le=HASH_BITS)] = DEFAULT_DISTANCE
    limit: Annotated[WireInt, Field(ge=1, le=100)] = 20


class SimilarItem(Wire):
    """One look-alike: differing bits of 64, the share of equal ones, and the file as in a listing."""

    distance: int
    similarity: float
    file: FileItem


class SimilarAnswer(Wire):
    """The nearest look-alikes; `total_count` also counts those beyond the limit."""

    image_id: UUID
    max_distance: int
    results: list[SimilarItem]
    total_count: int
