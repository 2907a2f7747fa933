"""Crawling links: what is kept of a page, how a crawl ends, and what happens to the link meanwhile; the site is real."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from calotype.domain.deletion import Fate
from calotype.domain.errors import NotFound, SandboxFailure, Unavailable
from calotype.domain.link import CrawlStatus, OpenGraph, PageContent
from calotype.domain.listing import SearchMode
from calotype.services.attempts import MOST_BEGINNINGS
from calotype.services.host_turns import HostTurns
from tests.crawling.sites import answer, redirect
from tests.running import wait_for
from tests.services.films import CRASH, NO_START
from tests.services.hooks import subscribe, told
from tests.services.texts import HTML, page_of

HTML_TYPE = "Content-Type: text/html; charset=ISO-8859-7"


async def state(archive, link_id):
    """(status, error) of a link's crawl."""
    link = await archive.link(link_id)
    return link.crawl_status, link.crawl_error


async def picture_page(archive, **shown):
    """Let the page name the site's picture."""
    archive.children.page = page_of("A lighthouse.", image=archive.web.url("/picture.jpg"), **shown)


async def test_what_is_on_a_page_is_kept_with_its_link(archive):
    """What the child found, the picture, where redirects led and when; and the link's own title stays what it was."""
    archive.web.answers["/old"] = redirect("/new")
    archive.web.answers["/new"] = answer(HTML, "200 OK", HTML_TYPE)
    await picture_page(archive, title="Shown", description="Of towers", site_name="Tides")
    before = datetime.now(UTC)
    link_id = await archive.crawled("/old")
    link, asset = await archive.link(link_id), await archive.library.asset(link_id)
    assert (link.crawl_status, link.crawl_error, link.preview_error) == (CrawlStatus.COMPLETED, None, None)
    assert before <= link.crawled_at <= datetime.now(UTC)
    assert (link.found_at, link.page_title) == (archive.web.url("/new"), "A page")
    assert (link.open_graph, link.images) == (archive.children.page.open_graph, archive.children.page.images)
    assert archive.children.heard == [(HTML, archive.web.url("/new"), "iso-8859-7")]
    assert (asset.title, asset.width, asset.variant_status, asset.size_bytes) == (None, None, None, 0)
    assert len(asset.variants) > 1
    archive.expect_objects(asset)
    assert archive.steps(link_id) == [("completed", None)]
    assert await archive.found("lighthouse") == await archive.found("shown towers a page") == {link_id}
    assert await archive.found("shown towers", SearchMode.METADATA) == {link_id}
    assert await archive.found("lighthouse", SearchMode.METADATA) == await archive.found("tides") == set()


async def test_webhooks_are_told_of_each_end(archive):
    """With the link's URL, and the reason of a failure; nothing is told of a link that was deleted meanwhile."""
    await subscribe(archive.library)
    link_id = await archive.crawled()
    await archive.crawled("/nowhere")
    (done, done_data), (failed, failed_data) = told(archive.library)
    assert (done, failed) == ("asset.processed", "asset.failed")
    assert done_data["url"] == archive.web.url("/page")
    assert (done_data["filename"], done_data["width"], done_data["asset_id"]) == (None, None, str(link_id))
    assert failed_data["error"] == "the server answered 404"
    gone = await archive.save()
    archive.children.hold("read_page")
    running = asyncio.create_task(archive.crawl(gone))
    await archive.children.begun["read_page"].wait()
    await archive.services.trash.delete(archive.scope, gone)
    archive.children.held["read_page"].set()
    await running
    assert [name for name, _ in told(archive.library)[2:]] == ["asset.deleted"]


@pytest.mark.parametrize("kind", ["application/pdf", "video/mp4", "application/json"])
async def test_what_is_no_page_completes_with_nothing_in_it(archive, kind):
    """Of however many bytes, none of which is asked for."""
    archive.web.answers["/file"] = answer(b"%PDF-", "200 OK", f"Content-Type: {kind}", length=2**40)
    link_id = await archive.crawled("/file")
    link = await archive.link(link_id)
    assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
    assert (link.open_graph, link.images, link.page_title, link.favicon_url) == (OpenGraph(), (), None, None)
    assert archive.children.heard == []
    assert await archive.found("file", SearchMode.METADATA) == {link_id}


async def test_a_picture_becomes_its_links_own_picture(archive):
    """One that is none, is empty or is too large costs the crawl nothing, and the link says why it has none."""
    link_id = await archive.crawled("/picture.jpg")
    assert (await archive.library.asset(link_id)).variants
    archive.web.answers["/none"] = answer(b"some text", "200 OK", "Content-Type: image/png")
    archive.web.answers["/empty"] = answer(b"", "200 OK", "Content-Type: image/png")
    limit = archive.services.crawls._visitor._limits.max_picture_bytes
    archive.web.answers["/large"] = answer(b"x", "200 OK", "Content-Type: image/png", length=limit + 1)
    for path, reason in (("/none", "no picture"), ("/empty", "empty"), ("/large", "larger than")):
        link_id = await archive.crawled(path)
        assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
        assert reason in (await archive.link(link_id)).preview_error
        assert (await archive.link(link_id)).open_graph == OpenGraph()
        assert not (await archive.library.asset(link_id)).variants


async def test_a_picture_that_a_page_names_in_vain_costs_the_page_nothing(archive):
    """It is missing, too large, no picture, forbidden, or nobody may look there; the link says so and has all the rest."""
    archive.web.answers |= {
        "/robots.txt": answer(b"User-agent: *\nDisallow: /secret", "200 OK", "Content-Type: text/plain"),
        "/secret": archive.web.answers["/picture.jpg"],
        "/text": answer(b"text", "200 OK", "Content-Type: image/png"),
        "/large": answer(b"x", "200 OK", "Content-Type: image/png", length=2**40),
    }
    reasons = {"/gone": "404", "/large": "larger", "/text": "no picture", "/secret": "robots.txt"}
    named = {archive.web.url(path): reason for path, reason in reasons.items()}
    for url, reason in {**named, "http://10.0.0.1/a.png": "not public", "http://127.0.0.1:1/": ""}.items():
        archive.children.page = page_of("A lighthouse.", image=url)
        link_id = await archive.crawled()
        link = await archive.link(link_id)
        assert (link.crawl_status, link.crawl_error, link.open_graph.image) == (CrawlStatus.COMPLETED, None, url)
        assert link.preview_error.startswith("The picture could not be")
        assert reason in link.preview_error
        assert not (await archive.library.asset(link_id)).variants
    assert "/secret" not in [asked.path for asked in archive.web.asked]


async def test_a_crawl_that_cannot_succeed_fails_with_the_reason(archive):
    """After one more attempt where the reason may pass; when, is known of failures too."""
    archive.web.answers |= {
        "/robots.txt": answer(b"User-agent: Calotype\nDisallow: /private", "200 OK", "Content-Type: text/plain"),
        "/broken": answer(b"", "503 Service Unavailable"),
        "/loop": redirect("/loop"),
        "/inside": redirect("http://10.0.0.1/"),
        "/large": answer(b"x", "200 OK", HTML_TYPE, length=archive.services.crawls._visitor._limits.max_page_bytes + 1),
    }
    reasons = {
        "/private/page": "robots.txt",
        "/nowhere": "404",
        "/broken": "503",
        "/loop": "redirects",
        "/inside": "not public",
        "/large": "the page is larger than",
    }
    for path, reason in reasons.items():
        link_id = await archive.crawled(path)
        link = await archive.link(link_id)
        assert link.crawl_status is CrawlStatus.FAILED
        assert reason in link.crawl_error
        assert link.crawled_at
        assert (link.open_graph, link.images) == (None, None)
        assert archive.steps(link_id) == [("failed", link.crawl_error)]
    asked = [one.path for one in archive.web.asked]
    assert (asked.count("/broken"), asked.count("/nowhere"), asked.count("/private/page")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://me:secret@example.org/", "password"),
        ("http://example.org:99999/", "port"),
        ("http://example.org:http/", "port"),
        ("http://10.0.0.1/", "not public"),
        ("http://exa_mple..org/", ""),
    ],
)
async def test_urls_that_are_saved_but_never_asked_for_fail_at_once(archive, url, reason):
    """Whatever is wrong with them, their crawl ends instead of coming back for ever."""
    link_id = (await archive.services.links.save(archive.scope, url)).asset.id
    await archive.crawl(link_id)
    status, error = await state(archive, link_id)
    assert status is CrawlStatus.FAILED
    assert reason in error
    assert archive.steps(link_id) == [("failed", error)]


async def test_a_page_that_no_child_survives_fails(archive):
    """After three of them; one that could not even start tells nothing of the page, which is looked at again."""
    archive.children.fail("read_page", NO_START)
    link_id = await archive.save()
    with pytest.raises(SandboxFailure):
        await archive.crawl(link_id)
    assert await state(archive, link_id) == (CrawlStatus.PROCESSING, None)
    archive.children.fail("read_page", CRASH, CRASH)
    await archive.crawl(link_id)
    assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
    archive.children.fail("read_page", CRASH, CRASH, CRASH)
    status, error = await state(archive, await archive.crawled())
    assert status is CrawlStatus.FAILED
    assert "3 attempts" in error


async def test_a_link_that_keeps_costing_its_worker_is_given_up(archive):
    """What was begun too often fails, so that nobody waits for ever."""
    link_id = await archive.save()
    await archive.crawl(link_id, MOST_BEGINNINGS + 1)
    status, error = await state(archive, link_id)
    assert status is CrawlStatus.FAILED
    assert "interrupted" in error


async def test_an_interrupted_crawl_is_taken_up_again(archive):
    """Its worker was stopped or killed: the link says that it is being crawled until somebody else has done it."""
    link_id = await archive.save()
    archive.children.hold("read_page")
    running = asyncio.create_task(archive.crawl(link_id))
    await archive.children.begun["read_page"].wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert await state(archive, link_id) == (CrawlStatus.PROCESSING, None)
    assert archive.steps(link_id) == [("processing", None)]
    archive.children.held.clear()
    await archive.crawl(link_id, 2)
    assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
    assert archive.steps(link_id) == [("completed", None)]


async def test_a_store_that_is_away_costs_nothing(archive, monkeypatch):
    """The crawl is not over then, and done again it has the picture."""
    await picture_page(archive)
    link_id = await archive.save()
    store = archive.services.crawls._previews._store
    with monkeypatch.context() as patch:

        async def away(_):
            raise Unavailable("the object store cannot be reached")

        patch.setattr(store, "put_many", away)
        with pytest.raises(Unavailable):
            await archive.crawl(link_id)
    assert await state(archive, link_id) == (CrawlStatus.PROCESSING, None)
    await archive.crawl(link_id, 2)
    assert (await archive.library.asset(link_id)).variants


async def test_a_recrawl_that_fails_keeps_what_is_known(archive):
    """Title, Open Graph, picture and words of the earlier one; only status, reason and time are new."""
    await picture_page(archive, title="Shown")
    link_id = await archive.crawled(title="Mine")
    before, picture = await archive.link(link_id), (await archive.library.asset(link_id)).variants
    good = archive.web.answers["/page"]
    archive.web.answers["/page"] = answer(b"", "410 Gone")
    await archive.recrawl(link_id)
    assert await state(archive, link_id) == (CrawlStatus.QUEUED, None)
    await archive.crawl(link_id)
    after = await archive.link(link_id)
    assert (after.crawl_status, after.crawl_error) == (CrawlStatus.FAILED, "the server answered 410")
    assert after.crawled_at > before.crawled_at
    same = {"crawl_status": before.crawl_status, "crawl_error": None, "crawled_at": before.crawled_at}
    assert replace(after, **same, recrawl_requested_at=None) == before
    assert (await archive.library.asset(link_id)).variants == picture
    assert await archive.found("mine shown lighthouse") == {link_id}
    archive.web.answers["/page"] = good
    await archive.recrawl(link_id)
    assert (await archive.link(link_id)).crawl_error in (None, "the server answered 410")
    await archive.crawl(link_id)
    assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
    assert [status for status, _ in archive.steps(link_id)] == ["completed", "failed", "completed"]


async def test_a_recrawl_takes_away_what_the_page_has_no_more(archive):
    """Words and picture of the old page are gone, its objects too; one whose new picture cannot be had keeps the old one."""
    await picture_page(archive, title="Shown")
    link_id = await archive.crawled()
    picture = (await archive.library.asset(link_id)).variants
    archive.children.page = page_of("A buoy.", image=archive.web.url("/gone"))
    await archive.recrawl(link_id)
    await archive.crawl(link_id)
    assert (await archive.library.asset(link_id)).variants == picture
    assert "404" in (await archive.link(link_id)).preview_error
    archive.children.page = PageContent(text="A buoy.")
    await archive.recrawl(link_id)
    await archive.crawl(link_id)
    asset, link = await archive.library.asset(link_id), await archive.link(link_id)
    assert (asset.variants, asset.blur_hash, link.page_title, link.images) == ({}, None, None, ())
    assert link.preview_error is None
    archive.expect_objects(asset)
    assert await archive.found("buoy") == {link_id}
    assert await archive.found("lighthouse") == await archive.found("shown") == set()


# --------------------------------------------------------------------- deletion


async def test_a_link_deleted_before_its_crawl_is_crawled_once_it_is_back(archive):
    """Its job is dropped with it, and queued again with it; nobody asks its site meanwhile."""
    link_id = await archive.save()
    await archive.services.trash.delete(archive.scope, link_id)
    assert archive.library.jobs(link_id) == []
    await archive.crawl(link_id)
    assert archive.web.asked == []
    await archive.services.trash.restore(archive.scope, link_id)
    assert archive.library.jobs(link_id) == ["crawl"]
    assert await state(archive, link_id) == (CrawlStatus.QUEUED, None)
    await archive.crawl(link_id)
    assert archive.steps(link_id) == [("completed", None)]


@pytest.mark.parametrize("step", ["read_page", "develop"])
async def test_a_link_deleted_during_its_crawl_keeps_what_was_found(archive, step):
    """It comes back crawled, and nothing is left to be done; the list shows it nowhere meanwhile."""
    await picture_page(archive)
    link_id = await archive.save()
    archive.forget_jobs(link_id)
    archive.children.hold(step)
    running = asyncio.create_task(archive.crawl(link_id))
    await archive.children.begun[step].wait()
    await archive.services.trash.delete(archive.scope, link_id)
    archive.children.held[step].set()
    await running
    assert await archive.found("lighthouse") == set()
    await archive.services.trash.restore(archive.scope, link_id)
    assert archive.library.jobs(link_id) == []
    assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
    assert await archive.found("lighthouse") == {link_id}
    archive.expect_objects(await archive.library.asset(link_id))


async def test_a_link_deleted_during_a_crawl_that_was_killed_is_crawled_once_it_is_back(archive):
    """Else it would be said to be crawled for ever, and could neither be crawled again nor deleted with others."""
    link_id = await archive.save()
    archive.forget_jobs(link_id)
    archive.library.sql("UPDATE link SET crawl_status = 'processing' WHERE asset_id = %s", link_id)
    archive.library.sql("UPDATE operation SET status = 'processing' WHERE asset_id = %s", link_id)
    (skipped,) = await archive.services.trash.delete_many(archive.scope, [link_id])
    assert (skipped.fate, skipped.message) == (Fate.SKIPPED, "File is currently processing")
    await archive.services.trash.delete(archive.scope, link_id)
    await archive.services.trash.restore(archive.scope, link_id)
    assert archive.library.jobs(link_id) == ["crawl"]
    await archive.crawl(link_id)
    assert archive.steps(link_id) == [("completed", None)]
    (deleted,) = await archive.services.trash.delete_many(archive.scope, [link_id])
    assert deleted.fate is Fate.DELETED


@pytest.mark.parametrize("step", ["read_page", "develop"])
async def test_nothing_is_left_of_a_link_that_is_purged_during_its_crawl(archive, step):
    """Neither rows nor objects, and the crawl ends without a fault."""
    await picture_page(archive)
    beside = await archive.crawled()
    objects = archive.library.objects()
    link_id = await archive.save()
    archive.children.hold(step)
    running = asyncio.create_task(archive.crawl(link_id))
    await archive.children.begun[step].wait()
    await archive.services.trash.delete(archive.scope, link_id)
    await archive.services.trash.purge_due()
    archive.children.held[step].set()
    await running
    assert archive.library.objects() == objects
    for table in ("link", "asset_text", "operation"):
        assert archive.library.sql(f"SELECT 1 FROM {table} WHERE asset_id = %s", link_id) == []
    archive.expect_objects(await archive.library.asset(beside))


async def test_purging_links_stops_at_nothing(archive):
    """A link has no original that could be removed; its picture and those behind it go."""
    await picture_page(archive)
    links = [await archive.crawled(), await archive.save(crawl=False)]
    picture = await archive.library.take_in()
    for asset_id in (*links, picture):
        await archive.services.trash.delete(archive.scope, asset_id)
    await archive.services.upkeep.empty_trash()
    assert archive.library.objects() == set()
    with pytest.raises(NotFound):
        await archive.library.asset(links[0])


# --------------------------------------------------------------------- at once


async def test_two_workers_on_one_link_end_it_once(archive, twin, monkeypatch):
    """Whoever comes second changes nothing: one step, one event, and the picture the row names."""
    await subscribe(archive.library)
    await picture_page(archive)
    for name in ("_visitor", "_turns"):
        monkeypatch.setattr(twin.crawls, name, getattr(archive.services.crawls, name))
    monkeypatch.setattr(twin.crawls, "_turns", HostTurns(0.0))
    monkeypatch.setattr(twin.crawls._previews, "_sandbox", archive.children)
    link_id = await archive.save()
    archive.children.hold("read_page")
    both = asyncio.gather(archive.crawl(link_id), archive.seen_by(twin).crawl(link_id))
    calls = archive.children.calls
    await asyncio.to_thread(wait_for, lambda: calls.count("read_page") == 2, "they do not work side by side")
    archive.children.held["read_page"].set()
    await both
    assert archive.steps(link_id) == [("completed", None)]
    assert [name for name, _ in told(archive.library)] == ["asset.processed"]
    archive.expect_objects(await archive.library.asset(link_id))


@pytest.mark.parametrize("old_fails", [False, True])
async def test_a_crawl_that_was_overtaken_writes_nothing(archive, old_fails):
    """Its worker was taken for dead and another one did the work; what it ends with later is not for the next crawl."""
    archive.services.crawls._turns = HostTurns(0.0)
    link_id = await archive.save()
    archive.children.hold("read_page")
    archive.children.page = page_of("Old tide.")
    if old_fails:
        archive.children.fail("read_page", CRASH, CRASH, CRASH)
    old = asyncio.create_task(archive.crawl(link_id))
    await archive.children.begun["read_page"].wait()
    # The other worker knows nothing of turns that are taken here.
    faults, archive.children.faults = archive.children.faults, {}
    event = archive.children.held.pop("read_page")
    archive.children.page = page_of("New tide.")
    archive.services.crawls._turns = HostTurns(0.0)
    await archive.crawl(link_id)
    await archive.recrawl(link_id)
    archive.children.page = page_of("Old tide.")
    archive.children.faults = faults
    event.set()
    await old
    assert await state(archive, link_id) == (CrawlStatus.QUEUED, None)
    assert [status for status, _ in archive.steps(link_id)] == ["completed", "pending"]
    assert await archive.found("new tide") == {link_id}
    assert await archive.found("old") == set()


async def test_a_change_beside_a_crawl_loses_no_words(archive):
    """Title and tags are changed by one while another writes what the page says, over and over: both are found."""
    links = [await archive.save(f"/page?{number}") for number in range(6)]
    for link_id in links:
        archive.web.answers[f"/page?{links.index(link_id)}"] = archive.web.answers["/page"]
    for link_id in links:
        await asyncio.gather(
            archive.crawl(link_id),
            *(
                archive.services.assets.update(archive.scope, link_id, {"title": f"pier {number}", "tags": ["fog"]})
                for number in range(4)
            ),
        )
    assert await archive.found("pier fog lighthouse keeper") == set(links)


async def test_where_a_host_is_busy_a_crawl_comes_back_later(archive):
    """Waiting for a turn is no attempt: the same link waits for its time with a new job, unless it was deleted."""
    archive.services.crawls._turns = HostTurns(300.0)
    first, second, third = [await archive.save() for _ in range(3)]
    for link_id in (first, second, third):
        archive.forget_jobs(link_id)
    await archive.crawl(first)
    await archive.crawl(second)
    assert await state(archive, second) == (CrawlStatus.QUEUED, None)
    assert archive.steps(second) == [("pending", None)]
    ((at, attempts),) = archive.library.sql(
        "SELECT scheduled_at, attempts FROM procrastinate_jobs WHERE args->>'asset_id' = %s AND status = 'todo'",
        str(second),
    )
    assert at - datetime.now(UTC) > timedelta(seconds=200)
    assert attempts == 0
    await archive.services.upkeep.requeue_missing()
    assert archive.library.jobs(second) == ["crawl"]
    await archive.services.trash.delete(archive.scope, third)
    await archive.services.crawls._queue_again(archive.scope, third, 1.0)
    assert archive.library.jobs(third) == []


async def test_a_crawl_whose_job_was_lost_is_queued_again(archive):
    """Also one that was being done; what has ended, or waits for nobody, is left alone."""
    queued, processing = await archive.save(), await archive.save()
    done, waiting = await archive.crawled(), await archive.save(crawl=False)
    archive.library.sql("UPDATE link SET crawl_status = 'processing' WHERE asset_id = %s", processing)
    everything = (queued, processing, done, waiting)
    for link_id in everything:
        archive.library.lose_jobs(link_id)
    await archive.services.upkeep.requeue_missing()
    await archive.services.upkeep.requeue_missing()
    assert [archive.library.jobs(link_id) for link_id in everything] == [["crawl"], ["crawl"], [], []]


async def test_the_sweep_leaves_the_pictures_of_links_alone(archive):
    """They belong to a link that lives."""
    await picture_page(archive)
    link_id = await archive.crawled()
    await archive.services.upkeep.sweep()
    archive.expect_objects(await archive.library.asset(link_id))


async def test_a_page_of_many_words_is_no_matter(archive):
    """The words of the link itself are found whatever the page holds."""
    archive.children.page = page_of(" ".join(f"{number:064x}" for number in range(8_000)), title="Shown")
    link_id = await archive.crawled(title="Mine")
    assert await state(archive, link_id) == (CrawlStatus.COMPLETED, None)
    await archive.services.assets.update(archive.scope, link_id, {"title": "Still mine"})
    assert await archive.found(f"still mine shown {0:064x}") == {link_id}
