"""What of an asset can be searched, and with which weight."""

from __future__ import annotations

from collections.abc import Iterable

from calotype.domain.document import Chunk
from calotype.domain.scene import Scene
from calotype.domain.search_text import to_tsvector


def search_document(
    *,
    title: str | None,
    filename: str,
    tags: Iterable[str],
    description: str | None,
    visible_text: str | None,
) -> str:
    """The tsvector literal of an asset: title A, file name and tags B, description C, visible text D."""
    return to_tsvector([("A", title), ("B", filename), ("B", " ".join(tags)), ("C", description), ("D", visible_text)])


def custom_document(text: str) -> str:
    """The tsvector literal of an asset's custom metadata, whose words have one weight."""
    return to_tsvector([("A", text)])


def scene_document(name: str, scene: Scene) -> str:
    """The tsvector literal of a scene: its video's name B, what it shows C, what is said C, what can be read D."""
    return to_tsvector([("B", name), ("C", scene.description), ("C", scene.transcript), ("D", scene.visible_text)])


def chunk_document(name: str, chunk: Chunk) -> str:
    """The tsvector literal of a document's chunk: the headings it stands under A, its document's file name B, its text C."""
    return to_tsvector([("A", "\n".join(chunk.headings)), ("B", name), ("C", chunk.content)])
