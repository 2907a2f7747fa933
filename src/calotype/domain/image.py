"""An image as clients of image APIs see it: an asset and what its client says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import Asset, State
from calotype.domain.custom_metadata import CustomMetadata

IMAGE = "image"
"""The media type of the assets that are images."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What is wanted of one uploaded image: whether it is to be found by what it shows, and what is said of it."""

    index: bool = True
    custom: CustomMetadata | None = None


@dataclass(frozen=True, slots=True)
class LibraryImage:
    """One image of the library; `document` is its custom metadata as JSON text.

    `indexing` is the state of what makes it searchable, None or SKIPPED when that was never wanted.
    """

    id: UUID
    uploaded_at: datetime
    indexing: State | None
    document: str | None


def image_of(asset: Asset, document: str | None) -> LibraryImage:
    """An asset as an image."""
    return LibraryImage(asset.id, asset.created_at, asset.description_status, document)
