"""Budgets: how many calls of one kind a key may make within any 24 hours."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta

WINDOW = timedelta(hours=24)


class Budget(enum.StrEnum):
    """What calls may be counted for."""

    IMAGE_UPLOADS = "image_uploads"
    IMAGE_SEARCHES = "image_searches"
    VIDEO_UPLOADS = "video_uploads"
    VIDEO_SEARCHES = "video_searches"


@dataclass(frozen=True, slots=True)
class BudgetState:
    """Where a key's budget stands after a call; `reset` is the number of seconds until a call counted earlier is forgotten."""

    is_allowed: bool
    limit: int
    remaining: int
    reset: int
