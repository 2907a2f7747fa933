"""What works on documents and links, built of its tools and of the services below it."""

from __future__ import annotations

from calotype.bootstrap.tools import Tools
from calotype.crawling.robots import RobotsRules
from calotype.services.crawl import CrawlService
from calotype.services.document_check import DocumentCheck
from calotype.services.document_reading import DocumentLimits, DocumentReader
from calotype.services.embedding import EmbeddingService
from calotype.services.extraction import ExtractionService
from calotype.services.host_turns import HostTurns
from calotype.services.page_visit import PageVisitor, VisitLimits
from calotype.services.preview import PreviewService


def document_check(tools: Tools) -> DocumentCheck:
    """Looks at documents before they are accepted."""
    return DocumentCheck(tools.store, tools.probes, timeout=tools.settings.decode_timeout)


def previews(tools: Tools) -> PreviewService:
    """Makes the pictures of documents and links."""
    settings = tools.settings
    return PreviewService(tools.store, tools.pictures, max_pixels=settings.max_pixels, timeout=settings.decode_timeout)


def extraction(tools: Tools, embeddings: EmbeddingService, previews: PreviewService) -> ExtractionService:
    """Reads documents."""
    settings = tools.settings
    limits = DocumentLimits(
        max_characters=settings.document_max_characters,
        max_pages=settings.document_max_pages,
        max_scanned_pages=settings.document_max_scans if settings.ocr_enabled else 0,
        timeout=settings.document_timeout,
        page_timeout=settings.ocr_timeout,
    )
    reader = DocumentReader(tools.store, tools.documents, tools.texts, limits)
    return ExtractionService(tools.database, tools.events, reader, embeddings, previews)


def crawl(tools: Tools, previews: PreviewService) -> CrawlService:
    """Looks at the pages of links."""
    settings = tools.settings
    limits = VisitLimits(settings.crawl_max_page_bytes, settings.crawl_max_picture_bytes, settings.decode_timeout)
    robots = RobotsRules(tools.fetcher) if settings.crawl_robots else None
    visitor = PageVisitor(tools.fetcher, robots, tools.pages, limits)
    turns = HostTurns(settings.crawl_pause)
    return CrawlService(tools.database, tools.queue, tools.events, visitor, turns, previews)
