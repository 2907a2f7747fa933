"""Searching images by meaning."""

from __future__ import annotations

from calotype.db.engine import Database
from calotype.domain.image_search import FoundImage, ImageQuery
from calotype.domain.scope import Scope


class ImageSearchService:
    """Not there yet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, scope: Scope, query: ImageQuery) -> list[FoundImage]:
        """Nothing."""
        del scope, query
        return []
