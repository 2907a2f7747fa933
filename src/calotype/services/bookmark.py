"""Bookmarks of a browser become links."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from calotype.documents.bookmarks import read_bookmarks
from calotype.domain.bookmark import Bookmark, link_folder, link_tags
from calotype.domain.errors import NotFound, Refused
from calotype.domain.job import Urgency
from calotype.domain.link import MAX_URL
from calotype.domain.scope import Scope
from calotype.domain.web_address import normalized
from calotype.services.folder import FolderService
from calotype.services.link import LinkService, NewLink

MAX_EXPORT_BYTES = 256 * 1024 * 1024
"""How large an export may be; most of it are icons."""


@dataclass(frozen=True, slots=True)
class BookmarkTerms:
    """What is done with bookmarks: clean tags for all, the clean path of the folder they come into, whether their own folders
    are made in it, and whether their pages are looked at.
    """

    tags: tuple[str, ...] = ()
    folder: tuple[str, ...] = ()
    with_folders: bool = False
    crawl: bool = True


@dataclass(frozen=True, slots=True)
class SavedBookmark:
    """What became of a bookmark: the id of its new link; else why there is none, or nothing where its URL is held already.

    `left_out` are tags that no link can have.
    """

    bookmark: Bookmark
    link_id: UUID | None = None
    fault: str | None = None
    left_out: tuple[str, ...] = ()


class BookmarkService:
    """Reads exports and saves what is not there yet, so that doing it again changes nothing."""

    def __init__(self, links: LinkService, folders: FolderService) -> None:
        self._links = links
        self._folders = folders

    async def read(self, path: Path) -> list[Bookmark]:
        """All bookmarks of an export, in their order. Raises OSError."""
        # Plainly here: the reader walks the text once, in no library that could be crashed or kept busy.
        return await asyncio.to_thread(lambda: read_bookmarks(path.read_bytes()))

    async def save(self, scope: Scope, bookmarks: Sequence[Bookmark], terms: BookmarkTerms) -> list[SavedBookmark]:
        """Save links for those of some bookmarks that lead to pages no live link leads to, in one transaction.

        What is wrong with one is its outcome alone. Raises Unavailable; nothing is saved then.
        """
        outcomes = [_checked(bookmark) for bookmark in bookmarks]
        missing = await self._missing(scope, outcomes)
        if not missing:
            return outcomes
        new = [bookmarks[place] for place in missing]
        tags = [link_tags(terms.tags, bookmark.tags) for bookmark in new]
        links = [NewLink(each.url, each.title, kept) for each, (kept, _) in zip(new, tags, strict=True)]
        ways = [link_folder(terms.folder, each.folders if terms.with_folders else ()) for each in new]
        try:
            ids = await self._save_in(scope, links, ways, crawl=terms.crawl)
        except NotFound:  # somebody removed a folder in between; it is made again
            ids = await self._save_in(scope, links, ways, crawl=terms.crawl)
        for place, link_id, (_, left_out) in zip(missing, ids, tags, strict=True):
            outcomes[place] = SavedBookmark(bookmarks[place], link_id, left_out=left_out if link_id else ())
        return outcomes

    async def _missing(self, scope: Scope, outcomes: Sequence[SavedBookmark]) -> list[int]:
        """The places of those bookmarks that are to be saved: of several with the same URL the first."""
        good = [place for place, outcome in enumerate(outcomes) if outcome.fault is None]
        urls = [outcomes[place].bookmark.url for place in good]
        held = await self._links.held(scope, urls)
        first: dict[str, int] = {}
        for place, url, is_held in zip(good, urls, held, strict=True):
            if not is_held:
                first.setdefault(normalized(url), place)
        return list(first.values())

    async def _save_in(
        self, scope: Scope, links: Sequence[NewLink], ways: Sequence[tuple[str, ...]], *, crawl: bool
    ) -> list[UUID | None]:
        # Only for what is missing, so that what is left out leaves no empty folders.
        folders = {way: await self._folders.ensure(scope, way) for way in dict.fromkeys(ways)}
        placed = [replace(link, folder_id=folders[way]) for link, way in zip(links, ways, strict=True)]
        return await self._links.save_missing(scope, placed, crawl=crawl, urgency=Urgency.BACKFILL)


def _checked(bookmark: Bookmark) -> SavedBookmark:
    """A bookmark that leads to the web, with what is wrong with its URL."""
    fault = None
    if len(bookmark.url) > MAX_URL:
        fault = f"the URL has more than {MAX_URL} characters"
    else:
        try:
            normalized(bookmark.url)
        except Refused as error:
            fault = error.message
    return SavedBookmark(bookmark, fault=fault)
