"""Finding images by what they mean: words and vectors, fused by reciprocal rank."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from calotype.ai.interfaces import TextEmbedder
from calotype.db.asset import select_assets
from calotype.db.custom_metadata import select_custom_metadata
from calotype.db.engine import Connection, Database
from calotype.db.image_search import select_by_words
from calotype.db.nearest import select_nearest, select_size
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.errors import Unavailable
from calotype.domain.image_search import (
    MOST_WORDS,
    FoundImage,
    Hit,
    ImageQuery,
    ImageSearchMode,
    LibrarySize,
    fused,
    joined,
    ranking,
)
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_terms
from calotype.domain.stop_words import STOP_WORDS

_SIZE_KEPT = 60.0  # seconds; sizes only decide which way is quicker
_MOST_SIZES = 1_000


class ImageSearchService:
    """Searches the described images of a scope; where no embedder is installed, by their words alone."""

    def __init__(self, database: Database, embedder: TextEmbedder) -> None:
        self._database = database
        self._embedder = embedder
        self._sizes: dict[tuple[UUID, EmbeddingSource], tuple[float, LibrarySize]] = {}

    async def search(self, scope: Scope, query: ImageQuery) -> list[FoundImage]:
        """The images that fit best, highest score first, ties newest first; all of one moment. Empty when nothing fits."""
        terms = to_terms(query.text, MOST_WORDS, STOP_WORDS)
        vector = await self._embed(query.text)
        sources = [EmbeddingSource.CONTENT]
        if query.mode is ImageSearchMode.JOINED:
            sources.append(EmbeddingSource.CUSTOM_METADATA)
        async with self._database.snapshot() as connection:
            lists = [await self._lists(connection, scope, source, terms, vector) for source in sources]
            scores = fused(lists[0])
            if query.mode is ImageSearchMode.JOINED:
                scores = joined(scores, fused(lists[1]), query.image_weight, query.text_weight)
            created = {hit.id: hit.created_at for of_source in lists for hits in of_source for hit in hits}
            best = ranking(scores, created, query)
            ids = [found for found, _ in best]
            if not ids:
                return []
            assets = await select_assets(connection, scope, ids)
            documents = await select_custom_metadata(connection, scope, ids)
        return [FoundImage(assets[found], documents.get(found), score) for found, score in best]

    async def _embed(self, text: str) -> list[float] | None:
        """The question's vector; None for one without words, and where the model is not installed."""
        try:
            vector = (await asyncio.to_thread(self._embedder.embed, [text]))[0]
        except Unavailable:
            return None
        return vector.tolist() if vector.any() else None

    async def _lists(
        self,
        connection: Connection,
        scope: Scope,
        source: EmbeddingSource,
        terms: Sequence[str],
        vector: Sequence[float] | None,
    ) -> list[list[Hit]]:
        size = await self._size(connection, scope, source)
        lists = [await select_by_words(connection, scope, source, terms, size.assets)]
        if vector is not None:
            lists.append(await select_nearest(connection, scope, self._embedder.model, source, vector, size))
        return lists

    async def _size(self, connection: Connection, scope: Scope, source: EmbeddingSource) -> LibrarySize:
        key = (scope.tenant_id, source)
        kept = self._sizes.get(key)
        now = time.monotonic()
        if kept is not None and now - kept[0] < _SIZE_KEPT:
            return kept[1]
        size = await select_size(connection, scope, self._embedder.model, source)
        if len(self._sizes) >= _MOST_SIZES:
            self._sizes.clear()
        self._sizes[key] = (now, size)
        return size
