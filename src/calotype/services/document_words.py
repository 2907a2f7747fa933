"""Preparing what was read in a document to be stored: its text as one, its chunks, and the words of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calotype.domain.chunking import chunked
from calotype.domain.document import Block, Chunk
from calotype.domain.search_text import to_body_tsvector
from calotype.domain.searchable import searchable_chunk


@dataclass(frozen=True, slots=True)
class DocumentWords:
    """The whole text, the tsvector literal of its words, and each chunk with its literal."""

    text: str
    body: str
    chunks: tuple[tuple[Chunk, str], ...]


def words_of(blocks: Sequence[Block], filename: str) -> DocumentWords:
    """Prepare one document; pure, and for a book of a million words the work of seconds, so meant for a child process."""
    text = "\n\n".join(block.text for block in blocks)
    chunks = tuple((chunk, searchable_chunk(filename, chunk)) for chunk in chunked(blocks))
    return DocumentWords(text, to_body_tsvector(text), chunks)
