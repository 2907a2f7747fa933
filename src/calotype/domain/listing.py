"""Which assets a listing asks for, and the page it gets."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from calotype.domain.asset import Asset
from calotype.domain.document import LibraryDocument
from calotype.domain.link import LibraryLink
from calotype.domain.video import LibraryVideo


class SearchMode(enum.StrEnum):
    """Which texts of an asset a search looks at."""

    ALL = "all"
    METADATA = "metadata"
    VISIBLE_TEXT = "visible_text"


class SortKey(enum.StrEnum):
    """What a listing is ordered by; ties always break on the id."""

    CREATED_AT = "created_at"
    CONTENT_CREATED_AT = "content_created_at"
    TITLE = "title"
    SIZE_BYTES = "size_bytes"


@dataclass(frozen=True, slots=True)
class RecordedRange:
    """A range of recording times in Unix seconds, compared without rounding; None is an open end.

    What was recorded at an unknown time counts as recorded when it was uploaded.
    """

    lowest: Decimal | None = None
    highest: Decimal | None = None
    includes_lowest: bool = True
    includes_highest: bool = True


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """Conditions that all must hold; None means "do not care"."""

    search: str | None = None
    search_mode: SearchMode = SearchMode.ALL
    tags: tuple[str, ...] = ()
    media_types: tuple[str, ...] = ()
    folder_id: UUID | None = None
    has_description: bool | None = None
    ids: tuple[UUID, ...] | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    recorded: RecordedRange | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a list: at most `limit` entries after the first `offset`."""

    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Order and window of a listing."""

    sort_by: SortKey = SortKey.CONTENT_CREATED_AT
    descending: bool = True
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True)
class AssetPage:
    """One window of a listing and the exact number of all matches, with what is known of videos, documents and links in it."""

    assets: tuple[Asset, ...]
    total_count: int
    offset: int
    videos: Mapping[UUID, LibraryVideo] = field(default_factory=dict)
    documents: Mapping[UUID, LibraryDocument] = field(default_factory=dict)
    links: Mapping[UUID, LibraryLink] = field(default_factory=dict)

    @property
    def has_more(self) -> bool:
        """Whether anything follows this window."""
        return self.offset + len(self.assets) < self.total_count
