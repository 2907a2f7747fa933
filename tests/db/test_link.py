"""Rows of links: what is known of a page comes back as it was, and whose a link is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from calotype.db.asset import delete_asset, insert_asset
from calotype.db.engine import pipelined
from calotype.db.link import (
    insert_link,
    lock_urls,
    page_values,
    select_held_urls,
    select_link,
    select_links,
    select_unfinished_links,
    update_link,
)
from calotype.db.trash import update_deleted
from calotype.domain.asset import UploadMethod
from calotype.domain.link import CrawlStatus, Link, OpenGraph, PageContent, PageImage
from tests.db.rows import LATER, NOW, START, new_asset

URL = "https://example.org/"
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20)
MAYBE = st.none() | TEXT


async def add_link(connection, scope, url=URL, status=CrawlStatus.QUEUED, now=NOW):
    """A link of a tenant; returns it."""
    link = Link(uuid4(), url, "example.org", status)
    values = {
        "media_type": "link",
        "upload_method": UploadMethod.LINK,
        "checksum": "",
        "object_key": "",
        "size_bytes": 0,
    }
    plain = {"variant_status": None, "description_status": None}
    async with pipelined(connection) as pipeline:
        await insert_asset(pipeline, new_asset(scope.tenant_id, id=link.asset_id, **values, **plain), "", now)
        await insert_link(pipeline, scope, link, url)
    return link


async def test_a_new_link_knows_nothing_of_its_page(database, scope, other_scope):
    """It comes back as it was stored, to its own tenant; in the trash, too; of other assets there is none."""
    async with database.write() as connection:
        link = await add_link(connection, scope)
    async with database.read() as connection:
        assert await select_link(connection, scope, link.asset_id) == link
        assert await select_links(connection, scope, [link.asset_id, uuid4()]) == {link.asset_id: link}
        assert await select_links(connection, scope, []) == {}
        assert await select_link(connection, other_scope, link.asset_id) is None
    async with database.write() as connection:
        await update_deleted(connection, scope, [link.asset_id], LATER)
        assert await select_link(connection, scope, link.asset_id) == link
        await delete_asset(connection, scope.any(), link.asset_id)
        assert await select_link(connection, scope, link.asset_id) is None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    graph=st.builds(OpenGraph, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE),
    images=st.lists(st.builds(PageImage, TEXT, MAYBE, st.none() | st.integers(0, 2**31), st.none()), max_size=3),
    words=st.tuples(MAYBE, MAYBE, MAYBE, MAYBE, MAYBE),
)
async def test_whatever_a_page_says_comes_back_as_it_was(database, scope, graph, images, words):
    """Any text that can be stored, in one statement or within a pipeline; another tenant's scope changes nothing."""
    title, icon, canonical, language, charset = words
    page = PageContent(title, graph, icon, canonical, "unused", language, charset, tuple(images))
    async with database.write() as connection:
        link = await add_link(connection, scope)
        await update_link(connection, scope, link.asset_id, {"crawled_at": NOW, "crawl_status": "completed"})
        async with pipelined(connection) as pipeline:
            await update_link(pipeline, scope, link.asset_id, page_values(page, "https://example.org/found"))
        found = await select_link(connection, scope, link.asset_id)
    assert found == Link(
        link.asset_id,
        link.url,
        link.domain,
        CrawlStatus.COMPLETED,
        crawled_at=NOW,
        found_at="https://example.org/found",
        canonical_url=canonical,
        page_title=title,
        favicon_url=icon,
        language=language,
        charset=charset,
        open_graph=graph,
        images=tuple(images),
    )


async def test_nobody_changes_another_tenants_link(database, scope, other_scope):
    """Not even with its id."""
    async with database.write() as connection:
        link = await add_link(connection, scope)
        await update_link(connection, other_scope, link.asset_id, {"crawl_error": "theirs"})
        assert await select_link(connection, scope, link.asset_id) == link


async def test_a_url_is_compared_as_a_whole(database, scope, other_scope):
    """Live links of the tenant with exactly this form of it."""
    async with database.write() as connection:
        link = await add_link(connection, scope, "https://example.org/a'b\\c%d:x")
        assert await select_held_urls(connection, scope, ["https://example.org/a'b\\c%d:x"])
        assert await select_held_urls(connection, scope, ["https://example.org/A'b\\c%d:x"]) == set()
        assert await select_held_urls(connection, other_scope, ["https://example.org/a'b\\c%d:x"]) == set()
        await update_deleted(connection, scope, [link.asset_id], LATER)
        assert await select_held_urls(connection, scope, ["https://example.org/a'b\\c%d:x"]) == set()


async def test_one_at_a_time_decides_about_a_url(database, scope, other_scope):
    """Whoever asks for the same one waits until the first has decided; others do not."""
    async with database.write() as first, database.write() as second, database.write() as third:
        await lock_urls(first, scope, [URL])
        await lock_urls(third, other_scope, [URL])
        await lock_urls(third, scope, [URL + "b"])
        waiting = asyncio.ensure_future(lock_urls(second, scope, [URL]))
        await first.rollback()
        await waiting


async def test_unfinished_links_are_found_in_their_order(database, scope):
    """Live ones that are queued or being crawled, older than a moment, a window at a time; the locked are left out."""
    async with database.write() as connection:
        made = [await add_link(connection, scope, status=status) for status in CrawlStatus]
        late = await add_link(connection, scope, now=LATER)
        trashed = await add_link(connection, scope)
        await update_deleted(connection, scope, [trashed.asset_id], LATER)

    async def mine(connection, before, after):
        found = await select_unfinished_links(connection, before, after, 1000)
        return [key for tenant_id, key, _ in found if tenant_id == scope.tenant_id]

    waiting = sorted(
        link.asset_id for link in made if link.crawl_status in {CrawlStatus.QUEUED, CrawlStatus.PROCESSING}
    )
    async with database.write() as connection, database.write() as other:
        assert await mine(connection, LATER, START) == waiting
        assert await mine(other, LATER, START) == []
    async with database.write() as connection:
        assert await mine(connection, LATER, (NOW, waiting[0])) == waiting[1:]
        assert await mine(connection, LATER + timedelta(days=1), START) == [*waiting, late.asset_id]
        assert len(await select_unfinished_links(connection, LATER, START, 1)) == 1


@pytest.mark.parametrize("status", ["", "skipped", "QUEUED"])
async def test_a_status_is_one_of_five(database, scope, status):
    """The database refuses any other."""
    async with database.write() as connection:
        link = await add_link(connection, scope)
        with pytest.raises(IntegrityError):
            await update_link(connection, scope, link.asset_id, {"crawl_status": status})
        await connection.rollback()
