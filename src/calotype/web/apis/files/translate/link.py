"""Between links and the Files API's models: pure functions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from calotype.domain.link import LibraryLink, OpenGraph
from calotype.web.apis.files.wire import link as wire


def saved_to_wire(saved: LibraryLink) -> wire.SaveAnswer:
    """A link that was saved just now."""
    return wire.SaveAnswer(
        id=saved.asset.id,
        source_url=saved.link.url,
        title=saved.asset.title,
        domain=saved.link.domain,
        crawl_status=saved.link.crawl_status.value,
        is_duplicate=saved.is_duplicate,
        created_at=saved.asset.created_at,
    )


def link_keys(found: LibraryLink) -> dict[str, Any]:
    """The keys that only links have, in lists and details alike."""
    link = found.link
    images = link.images
    return {
        "source_url": link.url,
        "domain": link.domain,
        "og_metadata": _open_graph_to_wire(link.open_graph) if link.open_graph else None,
        "favicon_url": link.favicon_url,
        "crawl_status": link.crawl_status.value,
        "crawl_error": link.crawl_error,
        "crawled_at": link.crawled_at,
        "page_title": link.page_title,
        "extracted_images": _images_to_wire(found) if images is not None else None,
        "extracted_images_count": len(images or ()),
    }


def _images_to_wire(found: LibraryLink) -> wire.ExtractedImages:
    return wire.ExtractedImages(images=[wire.ExtractedImage(**asdict(image)) for image in found.link.images or ()])


def _open_graph_to_wire(shown: OpenGraph) -> wire.OpenGraphData:
    return wire.OpenGraphData(**asdict(shown), image_url=shown.image)
