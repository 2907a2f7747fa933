"""Saving links: what their rows say, who is a duplicate, and when a page may be looked at again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from calotype.domain.asset import UploadMethod
from calotype.domain.errors import NotFound, RateLimited, Refused
from calotype.domain.job import Urgency
from calotype.domain.link import CrawlStatus
from calotype.domain.listing import SearchMode
from calotype.services.trash import object_keys

URL = "https://Example.org:443/Tides?x=1#top"


async def save(archive, url=URL, **options):
    """Save any link."""
    return await archive.services.links.save(archive.scope, url, **options)


async def test_a_link_is_a_file_without_bytes(archive):
    """It has no key, no checksum and no size, waits for its crawl, and is found by address, title and tags at once."""
    saved = await save(archive, title="North pier", tags=("harbour", "fog"))
    asset = await archive.library.asset(saved.asset.id)
    assert (asset.object_key, asset.checksum, asset.size_bytes, asset.original_filename) == ("", "", 0, "")
    assert (asset.media_type, asset.format, asset.upload_method) == ("link", "html", UploadMethod.LINK)
    assert (asset.variant_status, asset.description_status, asset.text_status) == (None, None, None)
    assert object_keys(asset) == set()
    assert (saved.link.domain, saved.link.url, saved.link.crawl_status) == ("example.org", URL, CrawlStatus.QUEUED)
    assert await archive.link(asset.id) == saved.link
    assert archive.library.jobs(asset.id) == ["crawl"]
    assert archive.steps(asset.id) == [("pending", None)]
    for words in ("example", "tides", "pier", "fog north"):
        assert await archive.found(words) == await archive.found(words, SearchMode.METADATA) == {asset.id}
        assert await archive.found(words, SearchMode.VISIBLE_TEXT) == set()


async def test_a_link_that_nobody_wants_crawled_waits_without_a_job(archive):
    """It is pending, has no step in its history, is found by its address, and upkeep leaves it alone until somebody asks."""
    link = (await save(archive, crawl=False)).link
    assert link.crawl_status is CrawlStatus.PENDING
    assert archive.steps(link.asset_id) == archive.library.jobs(link.asset_id) == []
    assert await archive.found("tides", SearchMode.METADATA) == {link.asset_id}
    archive.library.lose_jobs(link.asset_id)
    await archive.services.upkeep.requeue_missing()
    assert archive.library.jobs(link.asset_id) == []
    await archive.services.links.recrawl(archive.scope, link.asset_id)
    assert archive.library.jobs(link.asset_id) == ["crawl"]
    assert archive.steps(link.asset_id) == [("pending", None)]


async def test_the_same_page_by_the_form_of_its_url_is_a_duplicate(archive):
    """Of this tenant's live links only: those in the trash, of others, and other pages do not count."""
    first = await save(archive)
    assert not first.is_duplicate
    assert (await save(archive, "HTTPS://example.org/Tides?x=1")).is_duplicate
    others = ["https://example.org/tides?x=1", "http://example.org:443/Tides?x=1", "https://example.org/Tides"]
    assert [(await save(archive, url)).is_duplicate for url in others] == [False, False, False]
    neighbour = await archive.library.neighbour()
    assert not (await neighbour.services.links.save(neighbour.scope, URL)).is_duplicate
    again = await archive.library.neighbour()
    gone = await again.services.links.save(again.scope, URL)
    assert await again.services.links.held(again.scope, ["https://EXAMPLE.org/Tides?x=1"]) == [True]
    await again.services.trash.delete(again.scope, gone.asset.id)
    assert await again.services.links.held(again.scope, [URL]) == [False]
    assert not (await again.services.links.save(again.scope, URL)).is_duplicate


async def test_of_many_who_save_a_url_at_once_one_is_first(archive, twin):
    """In whichever process each is saved, and however it spells the URL."""
    services = (archive.services, twin)
    urls = (URL, "https://example.org/Tides?x=1")
    saved = await asyncio.gather(*(services[n % 2].links.save(archive.scope, urls[n % 2]) for n in range(12)))
    assert sorted(one.is_duplicate for one in saved) == [False] + [True] * 11
    assert len({one.asset.id for one in saved}) == 12


async def test_a_link_is_saved_into_a_folder_of_its_tenant_or_not_at_all(archive):
    """An unknown folder, or another tenant's, is not found, and leaves neither row nor job."""
    folder = await archive.services.folders.create(archive.scope, "Tides", None)
    saved = await save(archive, folder_id=folder.id)
    assert saved.asset.folder_id == folder.id
    neighbour = await archive.library.neighbour()
    foreign = await neighbour.services.folders.create(neighbour.scope, "Tides", None)
    before = await archive.found("example")
    for unknown in (uuid4(), foreign.id):
        with pytest.raises(NotFound):
            await save(archive, folder_id=unknown)
    assert await archive.found("example") == before


async def test_links_use_up_nothing(archive):
    """Neither bytes nor uploads of the month: a tenant whose limits are used up may go on saving links."""
    archive.library.sql(
        "UPDATE tenant SET monthly_upload_limit = 0, storage_quota_bytes = 0 WHERE id = %s", archive.scope.tenant_id
    )
    await save(archive)
    assert (await archive.services.quotas.outlook(archive.scope, 1)).uploads_this_month == 0


@pytest.mark.parametrize("url", ["ftp://example.org/", "https://", "javascript:alert(1)", "http://[::1"])
async def test_what_is_no_web_address_is_refused(archive, url):
    """Before anything is written."""
    with pytest.raises(Refused):
        await save(archive, url)


async def test_a_recrawl_is_refused_in_this_order(archive):
    """What is not there, what is no link, what was asked for within the hour, and what is being crawled already."""
    links, document = archive.services.links, await archive.take_in()
    link = (await save(archive, crawl=False)).link
    for scope, asset_id in ((archive.scope, uuid4()), ((await archive.library.neighbour()).scope, link.asset_id)):
        with pytest.raises(NotFound):
            await links.recrawl(scope, asset_id)
    with pytest.raises(Refused, match="not a link"):
        await links.recrawl(archive.scope, document)
    await links.recrawl(archive.scope, link.asset_id)
    with pytest.raises(RateLimited) as refused:
        await links.recrawl(archive.scope, link.asset_id)
    assert 3590 <= refused.value.context["retry_after"] <= 3600
    archive.library.sql("UPDATE link SET recrawl_requested_at = NULL WHERE asset_id = %s", link.asset_id)
    with pytest.raises(Refused, match="being crawled"):
        await links.recrawl(archive.scope, link.asset_id)
    await archive.services.trash.delete(archive.scope, link.asset_id)
    with pytest.raises(NotFound):
        await links.recrawl(archive.scope, link.asset_id)
    assert archive.steps(link.asset_id) == [("pending", None)]


async def test_the_hour_runs_from_the_last_time_somebody_was_heard(archive):
    """A second before its end there is a second left; at its end the next is heard, while no crawl before it is."""
    link = (await save(archive, crawl=False)).link
    for ago, left in ((3599.5, 1), (1.0, 3599)):
        then = datetime.now(UTC) - timedelta(seconds=ago)
        archive.library.sql("UPDATE link SET recrawl_requested_at = %s WHERE asset_id = %s", then, link.asset_id)
        with pytest.raises(RateLimited) as refused:
            await archive.services.links.recrawl(archive.scope, link.asset_id)
        assert left - 10 <= refused.value.context["retry_after"] <= left
        assert refused.value.context["retry_after"] >= 1
    archive.library.sql(
        "UPDATE link SET recrawl_requested_at = now() - interval '1 hour' WHERE asset_id = %s", link.asset_id
    )
    await archive.services.links.recrawl(archive.scope, link.asset_id)


async def test_of_many_who_ask_for_a_recrawl_at_once_one_is_heard(archive, twin):
    """The others are told to wait, and there is one job, and one step of the history."""
    link = (await save(archive, crawl=False)).link
    services = (archive.services, twin)
    asked = await asyncio.gather(
        *(services[n % 2].links.recrawl(archive.scope, link.asset_id) for n in range(8)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in asked) == ["NoneType"] + ["RateLimited"] * 7
    assert archive.library.jobs(link.asset_id) == ["crawl"]
    assert archive.steps(link.asset_id) == [("pending", None)]


async def test_somebody_who_asks_goes_before_a_thousand_bookmarks(archive):
    """A recrawl is more urgent than a link that was just saved, and that more than an import."""
    imported = await save(archive, "https://example.org/1", urgency=Urgency.BACKFILL)
    new = await save(archive, "https://example.org/2")
    asked = await save(archive, "https://example.org/3", crawl=False)
    await archive.services.links.recrawl(archive.scope, asked.asset.id)
    rows = archive.library.sql(
        "SELECT args->>'asset_id' FROM procrastinate_jobs WHERE task_name = 'crawl' AND args->>'tenant_id' = %s "
        "ORDER BY priority DESC, id",
        str(archive.scope.tenant_id),
    )
    assert [key for (key,) in rows] == [str(one.asset.id) for one in (asked, new, imported)]


async def test_changing_a_link_loses_none_of_its_words(archive):
    """Title and tags are replaced, what it leads to is found as before, and its own title is never a page's."""
    link = (await save(archive, title="Old", tags=("a",))).link
    await archive.services.assets.update(archive.scope, link.asset_id, {"title": "Fresh", "tags": ["b"]})
    assert await archive.found("fresh tides b") == {link.asset_id}
    assert await archive.found("old") == set()
    await archive.services.assets.update(archive.scope, link.asset_id, {"title": None})
    assert await archive.found("tides b") == {link.asset_id}
