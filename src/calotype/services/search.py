"""Listing and finding assets."""

from __future__ import annotations

from dataclasses import replace

from calotype.db.engine import Database
from calotype.db.listing import select_page
from calotype.domain.listing import AssetFilter, AssetPage, PageRequest
from calotype.domain.scope import Scope
from calotype.services.library_document import library_documents, library_links
from calotype.services.library_video import library_videos


class SearchService:
    """One window of what a scope holds, and how much there is in all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, scope: Scope, wanted: AssetFilter, page: PageRequest) -> AssetPage:
        """The window and the exact count, of one and the same moment."""
        async with self._database.snapshot() as connection:
            found = await select_page(connection, scope, wanted, page)
            return replace(
                found,
                videos=await library_videos(connection, scope, found.assets),
                documents=await library_documents(connection, scope, found.assets),
                links=await library_links(connection, scope, found.assets),
            )
