"""The URLs that stand in answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

Link = Callable[[UUID], str]
"""Makes the signed URL of an image, or of one form of a video."""


@dataclass(frozen=True, slots=True)
class VideoLinks:
    """Makes the signed URLs of a video: its bytes, one frame of it, its storyboard."""

    original: Link
    thumbnail: Link
    storyboard: Link
