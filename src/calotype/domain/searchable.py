"""What of an asset can be searched, and with which weight."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from calotype.domain.document import Chunk
from calotype.domain.link import PageContent
from calotype.domain.scene import Scene
from calotype.domain.search_text import to_body_tsvector, to_tsvector


def searchable_asset(
    *,
    title: str | None,
    filename: str,
    tags: Iterable[str],
    description: str | None,
    visible_text: str | None,
) -> str:
    """The tsvector literal of an asset: title A, file name and tags B, description C, visible text D."""
    return to_tsvector([("A", title), ("B", filename), ("B", " ".join(tags)), ("C", description), ("D", visible_text)])


def searchable_page(url: str, domain: str, page: PageContent) -> str:
    """The tsvector literal of what a link leads to: its address and title B, what it says of itself C, its text unweighted."""
    shown = page.open_graph
    fields = [
        ("B", f"{domain} {unquote(url, errors='ignore')}"),
        ("B", page.title),
        ("B", shown.title),
        ("C", shown.description),
    ]
    return f"{to_tsvector(fields)} {to_body_tsvector(page.text)}"


def searchable_metadata(text: str) -> str:
    """The tsvector literal of an asset's custom metadata, whose words have one weight."""
    return to_tsvector([("A", text)])


def searchable_scene(name: str, scene: Scene) -> str:
    """The tsvector literal of a scene: its video's name B, what it shows C, what is said C, what can be read D."""
    return to_tsvector([("B", name), ("C", scene.description), ("C", scene.transcript), ("D", scene.visible_text)])


def searchable_chunk(name: str, chunk: Chunk) -> str:
    """The tsvector literal of a document's chunk: the headings it stands under A, its document's file name B, its text C."""
    return to_tsvector([("A", "\n".join(chunk.headings)), ("B", name), ("C", chunk.content)])
