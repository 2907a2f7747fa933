"""What a client may still upload."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import WireInt


class QuotaQuery(Wire):
    """Query of `quota-check`."""

    file_count: Annotated[WireInt, Field(ge=1)]


class QuotaAnswer(Wire):
    """Whether so many files may be uploaded, and what is left."""

    can_proceed: bool
    requested: int
    available: int
    monthly_limit: int
    current_usage: int
    prepaid_credits: int = 0
    max_batch_size: int
    max_concurrent_uploads: int
    message: str | None
