"""A library of documents and links whose children are in the test's hand; the sites that links lead to are real, on loopback."""

from __future__ import annotations

from contextlib import asynccontextmanager
from uuid import uuid4

from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher
from calotype.crawling.robots import RobotsRules
from calotype.domain.description import TextReading
from calotype.domain.document import Block, BlockKind, ReadDocument
from calotype.domain.link import OpenGraph, PageContent, PageImage
from calotype.domain.listing import AssetFilter, PageRequest, SearchMode
from calotype.domain.searchable import searchable_page
from calotype.services import page_visit, wanted
from calotype.services.document_words import words_of
from calotype.services.host_turns import HostTurns
from tests.crawling.sites import answer, site
from tests.services.films import Children
from tests.services.library import photo

HTML = b"<html><title>A page</title><p>Something to read</p></html>"


def read_of(*texts: str, **values) -> ReadDocument:
    """What a child found in a file: one paragraph each, with a picture of the first page unless there is to be none."""
    values.setdefault("picture", b"\x89PNG\r\n\x1a\n a picture")
    return ReadDocument(tuple(Block(BlockKind.PARAGRAPH, text) for text in texts), **values)


def page_of(text: str = "", **shown) -> PageContent:
    """What a child found on a page; `shown` is of its Open Graph."""
    images = (PageImage("https://example.org/a.png", "A gull", 30, 20),)
    return PageContent(title="A page", open_graph=OpenGraph(**shown), text=text, images=images)


class Readers(Children):
    """The children that read documents and pages beside those of films."""

    def __init__(self, picture) -> None:
        super().__init__(picture)
        self.document = read_of("The harbour lies in fog.")
        self.page = page_of("The lighthouse keeper left.")
        self.seen: list[int] = []
        self.heard: list[tuple] = []

    def _read_document(self, *_, **__):
        return self.document

    def _draw_page(self, _path, number, **__):
        self.seen.append(number)
        return str(number).encode()

    def _read_text(self, drawn, **__):
        return TextReading(f"seen on {drawn.decode()}", 0.9)

    def _read_page(self, *given, **__):
        self.heard.append(given)
        return self.page

    def _searchable_page(self, url, domain, page, **_):
        return searchable_page(url, domain, page)

    def _check_docx(self, *_, **__):
        return None

    def _words_of(self, blocks, filename, **_):
        return words_of(blocks, filename)


class Archive:
    """One tenant's library, its children, and what is asked of its documents and links."""

    def __init__(self, library, children: Readers, web) -> None:
        self.library = library
        self.services = library.services
        self.scope = library.scope
        self.children = children
        self.web = web

    def seen_by(self, services):
        """The same archive as another process sees it."""
        return Archive(self.library.seen_by(services), self.children, self.web)

    # ----------------------------------------------------------------- documents

    async def take_in(self, text: str | None = None, filename: str = "notes.txt", **options):
        """Upload one text; returns its id."""
        return await self.library.take_in((text or f"Text {uuid4()}").encode(), filename, **options)

    async def extract(self, asset_id, attempt: int = 1) -> None:
        """Do what the job does."""
        await self.services.extraction.extract(self.scope, asset_id, attempt)

    async def read(self, *texts: str, **options):
        """Upload a text in which a child finds these paragraphs, and have it read; returns its id."""
        asset_id = await self.take_in(**options)
        self.forget_jobs(asset_id)
        before, self.children.document = self.children.document, read_of(*texts)
        await self.extract(asset_id)
        self.children.document = before
        return asset_id

    async def expect_whole(self, asset_id) -> None:
        """State, history, chunks, vectors and objects of a document belong together."""
        asset = await self.library.asset(asset_id)
        steps = self.steps(asset_id)
        assert steps[-1][0] == asset.text_status.value
        assert sum(status in ("pending", "processing") for status, _ in steps) == int(asset.is_unfinished)
        (count,) = self.library.sql("SELECT chunk_count FROM document WHERE asset_id = %s", asset_id)[0]
        for table, column, more in (
            ("document_chunk", "index", ""),
            ("embedding", "part", " AND source = 'chunk'"),
        ):
            rows = self.library.sql(f"SELECT {column} FROM {table} WHERE asset_id = %s{more} ORDER BY 1", asset_id)
            assert [number for (number,) in rows] == list(range(count or 0))
        self.expect_objects(asset)

    def expect_objects(self, asset) -> None:
        """The variants of an asset are those its row names."""
        stored = {key for key in self.library.objects() if key.startswith("variants/") and f"/{asset.id}/" in key}
        assert stored == {variant.object_key for variant in asset.variants.values()}

    # ----------------------------------------------------------------- links

    async def save(self, path: str = "/page", **options):
        """Save a link to the site; returns its id."""
        return (await self.services.links.save(self.scope, self.web.url(path), **options)).asset.id

    async def crawl(self, asset_id, attempt: int = 1) -> None:
        """Do what the job does."""
        await self.services.crawls.crawl(self.scope, asset_id, attempt)

    async def crawled(self, path: str = "/page", **options):
        """Save a link to the site and have it crawled; returns its id."""
        asset_id = await self.save(path, **options)
        self.forget_jobs(asset_id)
        await self.crawl(asset_id)
        return asset_id

    async def recrawl(self, asset_id) -> None:
        """Ask for another crawl, an hour after the last time; its job is taken."""
        self.library.sql(
            "UPDATE link SET recrawl_requested_at = recrawl_requested_at - interval '1 hour' WHERE asset_id = %s",
            asset_id,
        )
        await self.services.links.recrawl(self.scope, asset_id)
        self.forget_jobs(asset_id)

    async def link(self, asset_id):
        """One link as it is now."""
        return (await self.services.assets.detail(self.scope, str(asset_id))).link.link

    # ----------------------------------------------------------------- both

    def forget_jobs(self, asset_id) -> None:
        """Take an asset's jobs out of the queue, as if workers had taken them."""
        self.library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))

    def steps(self, asset_id) -> list[tuple[str, str | None]]:
        """(status, error) of the extractions or crawls of an asset, oldest first."""
        return self.library.sql(
            "SELECT status, error_message FROM operation WHERE asset_id = %s AND type IN ('extract_text', 'crawl') "
            "ORDER BY created_at, id",
            asset_id,
        )

    async def found(self, words: str, mode: SearchMode = SearchMode.ALL) -> set:
        """The files that a search of the list finds."""
        wanted = AssetFilter(search=words, search_mode=mode)
        page = await self.services.search.page(self.scope, wanted, PageRequest(limit=100))
        return {asset.id for asset in page.assets}


@asynccontextmanager
async def opened(library, picture, monkeypatch):
    """An archive in a library that may fetch from its site; looks whether work is wanted follow each other at once."""
    children = Readers(picture)
    answers = {"/page": answer(HTML, "200 OK", "Content-Type: text/html"), "/picture.jpg": picture_of()}
    async with site(answers) as web:
        fetcher = Fetcher(Allowed.parse("127.0.0.1"), version="test")
        seat(library.services, children, fetcher, monkeypatch)
        monkeypatch.setattr(wanted, "_LOOK_EVERY", 0.01)
        monkeypatch.setattr(page_visit, "_PAUSE", 0.0)
        try:
            yield Archive(library, children, web)
        finally:
            await fetcher.aclose()


def seat(services, children: Readers, fetcher: Fetcher, monkeypatch) -> None:
    """Have one process use these children, and this fetcher."""
    for service, name, value in (
        (services.extraction._reader, "_documents", children),
        (services.extraction._reader, "_texts", children),
        (services.extraction._previews, "_sandbox", children),
        (services.ingest._documents, "_sandbox", children),
        (services.crawls._visitor, "_pages", children),
        (services.crawls._previews, "_sandbox", children),
        (services.crawls._visitor, "_fetcher", fetcher),
        (services.crawls._visitor, "_robots", RobotsRules(fetcher)),
        (services.crawls, "_turns", HostTurns(0.0)),
    ):
        monkeypatch.setattr(service, name, value)


def picture_of(data: bytes | None = None) -> bytes:
    """The answer of a site that has a picture."""
    return answer(data or photo(), "200 OK", "Content-Type: image/jpeg")
