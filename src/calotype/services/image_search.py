"""Finding images by what they mean: words and vectors, fused by reciprocal rank."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from calotype.ai.interfaces import TextEmbedder
from calotype.db.asset import select_assets
from calotype.db.custom_metadata import select_custom_metadata
from calotype.db.engine import Connection, Database
from calotype.db.image_search import select_by_words, select_common_words
from calotype.db.nearest import select_nearest, select_size
from calotype.domain.embedding import EmbeddingSource
from calotype.domain.image_search import FoundImage, ImageFilter, ImageQuery, ImageSearchMode, LibrarySize, joined
from calotype.domain.ranking import Hit, fused, ranking
from calotype.domain.scope import Scope
from calotype.services.question import Question, read_question

_KEPT = 60.0  # seconds; what is known only decides which way is quicker
_MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What a search had better know of a library, and when it was found out, in seconds of the monotonic clock."""

    found_at: float
    size: LibrarySize
    common: Mapping[str, float]


class ImageSearchService:
    """Searches the described images of a scope; where no embedder is installed, by their words alone."""

    def __init__(self, database: Database, embedder: TextEmbedder) -> None:
        self._database = database
        self._embedder = embedder
        self._known: dict[tuple[UUID, EmbeddingSource], _Known] = {}

    async def search(self, scope: Scope, query: ImageQuery, question: Question | None = None) -> list[FoundImage]:
        """The images that fit best, highest score first, ties newest first; empty when nothing fits.

        Each kind of text is searched in one moment; what was deleted since then is left out.
        """
        question = question or await read_question(self._embedder, query.text)
        sources = [EmbeddingSource.CONTENT]
        if query.mode is ImageSearchMode.JOINED:
            sources.append(EmbeddingSource.CUSTOM_METADATA)
        # Side by side, since a joined search would take twice as long as the other one.
        lists = await asyncio.gather(*(self._lists(scope, source, question, query.wanted) for source in sources))
        scores = fused(lists[0])
        if query.mode is ImageSearchMode.JOINED:
            scores = joined(scores, fused(lists[1]), query.image_weight, query.text_weight)
        created = {hit.id: hit.created_at for of_source in lists for hits in of_source for hit in hits}
        best = ranking(scores, created, query.limit, query.threshold)
        if not best:
            return []
        ids = [found for found, _ in best]
        async with self._database.read() as connection:
            assets = await select_assets(connection, scope, ids)
            documents = await select_custom_metadata(connection, scope, ids)
        return [FoundImage(assets[found], documents.get(found), score) for found, score in best if found in assets]

    async def _lists(
        self, scope: Scope, source: EmbeddingSource, question: Question, wanted: ImageFilter
    ) -> list[list[Hit]]:
        async with self._database.snapshot() as connection:
            known = await self._know(connection, scope, source)
            lists = [
                await select_by_words(
                    connection, scope, source, question.lexemes, known.common, known.size.assets, wanted
                )
            ]
            if (vector := question.vector) is not None:
                model = self._embedder.model
                lists.append(await select_nearest(connection, scope, model, source, vector, known.size, wanted))
        return lists

    async def _know(self, connection: Connection, scope: Scope, source: EmbeddingSource) -> _Known:
        key = (scope.tenant_id, source)
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known.found_at < _KEPT:
            return known
        size = await select_size(connection, scope, self._embedder.model, source)
        known = _Known(now, size, await select_common_words(connection, scope, source, size.assets))
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key] = known
        return known
