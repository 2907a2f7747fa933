"""Bookmarks become links once, whoever saves them at the same time, and in the folders they are said to lie in."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from calotype.domain.bookmark import Bookmark
from calotype.domain.errors import NotFound
from calotype.services.bookmark import BookmarkTerms
from calotype.services.importer import BOOKMARKS_AT_ONCE, FoundFile, ImportKind, ImportOutcome, ImportTerms
from calotype.services.link import NewLink


@pytest.fixture
def bookmarks(library):
    """The service that saves them."""
    return library.services.importer._bookmarks


def numbered(count):
    """Bookmarks to as many pages."""
    return [Bookmark(f"https://site.example/{number}", f"Page {number}") for number in range(count)]


def links(library):
    """(URL, title, tags, state of the crawl, name of the folder) of all live links of a tenant, by time."""
    return library.sql(
        "SELECT url, title, tags, crawl_status, folder.name FROM link JOIN asset ON asset.id = asset_id "
        "LEFT JOIN folder ON folder.id = folder_id WHERE link.tenant_id = %s AND deleted_at IS NULL "
        "ORDER BY asset.created_at",
        library.scope.tenant_id,
    )


async def test_bookmarks_are_saved_in_their_order_with_what_is_said_of_them(library, bookmarks):
    """Title, tags and folder are kept, tags that no link can have are named, and a crawl is queued behind all else."""
    given = [
        Bookmark("https://b.example", "B", ("own", "x" * 51), ("In/side",)),
        Bookmark("https://a.example/", None, (), ("In/side", "Deep")),
        Bookmark("http://[bad", "Bad"),
        Bookmark(f"https://long.example/{'x' * 2048}"),
    ]

    done = await bookmarks.save(library.scope, given, BookmarkTerms(("all",), ("Web",), with_folders=True))

    assert [each.bookmark for each in done] == given
    assert [bool(each.link_id) for each in done] == [True, True, False, False]
    assert done[0].left_out == ("x" * 51,)
    assert "IPv6" in done[2].fault
    assert "2048" in done[3].fault
    assert links(library) == [
        ("https://b.example", "B", ["all", "own"], "queued", "In-side"),
        ("https://a.example/", None, ["all"], "queued", "Deep"),
    ]
    queued = library.sql(
        "SELECT priority FROM procrastinate_jobs WHERE args->>'asset_id' = ANY(%s)",
        [str(each.link_id) for each in done[:2]],
    )
    assert queued == [(0,), (0,)]


async def test_what_is_held_is_left_as_it_is(library, bookmarks):
    """URLs are compared by their form, also within one export; a link in the trash counts for nothing; folders stay unmade."""
    terms = BookmarkTerms(crawl=False)
    first = await library.services.links.save(library.scope, "HTTPS://Site.Example:443/#top", title="Mine")
    given = [
        Bookmark("https://site.example", folders=("f",)),
        Bookmark("https://new.example"),
        Bookmark("https://new.example/#again", folders=("f",)),
    ]

    done = await bookmarks.save(library.scope, given, BookmarkTerms(with_folders=True, crawl=False))

    assert [bool(each.link_id) for each in done] == [False, True, False]
    assert all(each.fault is None for each in done)
    assert library.sql("SELECT 1 FROM folder WHERE tenant_id = %s", library.scope.tenant_id) == []
    assert [row[3] for row in links(library)] == ["queued", "pending"]
    assert not any(each.link_id for each in await bookmarks.save(library.scope, given, terms))
    await library.services.trash.delete(library.scope, first.asset.id)
    assert [bool(each.link_id) for each in await bookmarks.save(library.scope, given, terms)] == [True, False, False]
    assert (await (await library.neighbour()).services.links.held(library.scope, ["https://new.example"])) == [True]


async def test_exports_that_are_imported_at_once_make_each_link_once(library, twin):
    """Two processes and two orders of the same bookmarks: no link twice, and nobody waits for ever."""
    given = numbered(60)
    savers = [services.importer._bookmarks for services in (library.services, twin) * 2]
    orders = [given, given[::-1], given[30:] + given[:30], given[::-1]]

    done = await asyncio.gather(
        *(
            saver.save(library.scope, order, BookmarkTerms(folder=("One",)))
            for saver, order in zip(savers, orders, strict=True)
        )
    )

    assert sum(bool(each.link_id) for some in done for each in some) == 60
    assert sorted(row[0] for row in links(library)) == sorted(each.url for each in given)


async def test_a_folder_that_is_removed_meanwhile_is_made_again(library, bookmarks, monkeypatch):
    """Between the making of the folder and the links in it somebody may remove it."""
    ensure = library.services.folders.ensure
    removed = []

    async def ensure_and_lose(scope, names):
        folder_id = await ensure(scope, names)
        if not removed:
            removed.append(folder_id)
            library.sql("DELETE FROM folder WHERE id = %s", folder_id)
        return folder_id

    monkeypatch.setattr(library.services.folders, "ensure", ensure_and_lose)
    await bookmarks.save(library.scope, numbered(3), BookmarkTerms(folder=("Web",)))
    assert [row[4] for row in links(library)] == ["Web"] * 3
    assert len(removed) == 1
    nowhere = NewLink("https://nowhere.example", folder_id=uuid4())
    with pytest.raises(NotFound):
        await library.services.links.save_missing(library.scope, [nowhere], crawl=False)


async def test_a_file_is_read_as_bookmarks_only_where_links_are_wanted(library, tmp_path):
    """Content decides, not the name; what cannot be read and what is no export has none."""

    async def steps(path, **terms):
        """How many entries a file has, and what became of them in each step."""
        found = library.services.importer.take(library.scope, FoundFile(path), ImportTerms(**terms))
        return [(step.of, [(done.outcome, done.url) for done in step.done]) async for step in found]

    export = tmp_path / "notes.txt"
    items = "".join(f'<DT><A HREF="https://a.example/{number}">A</A>' for number in range(BOOKMARKS_AT_ONCE + 1))
    export.write_text(f"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL>{items}")
    urls = [f"https://a.example/{number}" for number in range(BOOKMARKS_AT_ONCE + 1)]
    assert await steps(export) == [
        (101, []),
        (101, [(ImportOutcome.IMPORTED, url) for url in urls[:BOOKMARKS_AT_ONCE]]),
        (101, [(ImportOutcome.IMPORTED, urls[-1])]),
    ]
    page = tmp_path / "bookmarks.html"
    page.write_text("<!DOCTYPE html><a href=https://a.example>A</a>")
    for path, outcome in ((page, "ignored"), (tmp_path / "nowhere.html", "failed"), (tmp_path, "failed")):
        assert await steps(path) == [(1, [(outcome, None)])]
    without = frozenset(ImportKind) - {ImportKind.LINKS}
    assert await steps(export, kinds=without) == [(1, [("ignored", None)])]
    assert library.objects() == set()
