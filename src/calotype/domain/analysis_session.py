"""Sessions: images that are uploaded together to be analysed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

MOST_IMAGES = 10_000
"""Images of one session, all its uploads together."""


@dataclass(frozen=True, slots=True)
class SessionImage:
    """An image of a session: `number` counts from 1 in it.

    `upload_path` is only a token that looks like a path: it is compared, and nothing is ever opened by it. `fault` says why its
    file cannot be read as a whole, where it cannot.
    """

    number: int
    asset_id: UUID
    upload_path: str
    original_filename: str
    size_bytes: int
    fault: str | None = None

    @property
    def id(self) -> str:
        """What clients call it, unique in its session."""
        return image_id_of(self.number)


@dataclass(frozen=True, slots=True)
class AnalysisSession:
    """A session with its images, in the order they came; `is_expired` by the database's clock."""

    id: str
    created_at: datetime
    expires_at: datetime
    is_expired: bool
    images: tuple[SessionImage, ...] = ()


def image_id_of(number: int) -> str:
    """The id of the image of a number."""
    return f"img_{number:03d}"


def number_of(image_id: str) -> int | None:
    """The number of an image's id, None where it is none of ours."""
    digits = image_id.removeprefix("img_")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
        return None
    number = int(digits)
    return number if image_id_of(number) == image_id else None
