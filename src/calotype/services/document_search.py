"""Finding passages of documents by their words and by what they mean, fused by reciprocal rank."""

from __future__ import annotations

import asyncio
from uuid import UUID

from calotype.ai.interfaces import TextEmbedder
from calotype.db.asset import select_assets
from calotype.db.document_chunk import select_found_chunks
from calotype.db.document_search import select_by_words, select_nearest_chunks, select_newest_chunks
from calotype.db.engine import Connection, Database
from calotype.domain.document_search import DocumentQuery, FoundChunk
from calotype.domain.ranking import Hit, fused, ranking
from calotype.domain.scope import Scope
from calotype.services.question import Question, read_question


class DocumentSearchService:
    """Searches the chunks of a scope's documents; where no embedder is installed, by their words alone."""

    def __init__(self, database: Database, embedder: TextEmbedder) -> None:
        self._database = database
        self._embedder = embedder

    async def search(self, scope: Scope, query: DocumentQuery, question: Question | None = None) -> list[FoundChunk]:
        """The chunks that fit best, highest score first; empty when nothing fits. What was deleted meanwhile is left out."""
        question = question or await read_question(self._embedder, query.text)
        # Side by side: in a large library each of the two takes a core for as long as the other.
        ways = [self._by_words(scope, question, query), self._by_meaning(scope, question, query)]
        lists = [hits for hits in await asyncio.gather(*ways) if hits is not None]
        created = {hit.id: hit.created_at for hits in lists for hit in hits}
        best = ranking(fused(lists), created, query.limit, query.threshold)
        async with self._database.snapshot() as connection:
            return await _found(connection, scope, best)

    async def _by_words(self, scope: Scope, question: Question, query: DocumentQuery) -> list[Hit] | None:
        async with self._database.snapshot() as connection:
            return await select_by_words(connection, scope, question.lexemes, query)

    async def _by_meaning(self, scope: Scope, question: Question, query: DocumentQuery) -> list[Hit] | None:
        """The chunks whose vectors are near; None where nobody can tell."""
        if question.vector is None:
            return None
        async with self._database.snapshot() as connection:
            return await select_nearest_chunks(connection, scope, self._embedder.model, question.vector, query)

    async def browse(self, scope: Scope, query: DocumentQuery) -> list[FoundChunk]:
        """The beginnings of the newest documents, or all chunks of those that are named, newest document first, all scored 1."""
        async with self._database.snapshot() as connection:
            newest = await select_newest_chunks(connection, scope, query)
            return await _found(connection, scope, [(found, 1.0) for found in newest])


async def _found(connection: Connection, scope: Scope, best: list[tuple[UUID, float]]) -> list[FoundChunk]:
    chunks = await select_found_chunks(connection, scope, [found for found, _ in best])
    assets = await select_assets(connection, scope, list({chunk.asset_id for chunk in chunks.values()}))
    return [
        FoundChunk(chunk, assets[chunk.asset_id], score)
        for found, score in best
        if (chunk := chunks.get(found)) is not None and chunk.asset_id in assets
    ]
