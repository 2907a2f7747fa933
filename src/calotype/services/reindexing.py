"""Computing embeddings over the whole installation, derived from what its rows lack, so that it can be stopped anywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

from calotype.ai.interfaces import TextEmbedder
from calotype.db.embedding import count_lacking, delete_other_models, insert_all_stale, select_lacking
from calotype.db.embedding_index import drop_other_indexes, make_index
from calotype.db.engine import Database
from calotype.db.tenant import select_tenants
from calotype.domain.embedding import INDEXED_SOURCES, ReindexProgress
from calotype.domain.scope import Scope
from calotype.services.embedding import EmbeddingService

BATCH = 200
"""Assets embedded in one transaction, short enough that nobody waits for it."""

_FIRST = UUID(int=0)
_MOST_ROUNDS = 10


class ReindexService:
    """For the operator's command; may run beside servers, and beside itself."""

    def __init__(self, database: Database, embeddings: EmbeddingService, embedder: TextEmbedder) -> None:
        self._database = database
        self._embeddings = embeddings
        self._embedder = embedder

    async def run(self, *, everything: bool = False, forget_others: bool = False) -> AsyncIterator[ReindexProgress]:
        """Embed what lacks a vector of the configured model or has a stale one, `everything` on request, then see to the indexes.

        Yields after each batch. With `forget_others` the vectors of other models are removed at the end. Raises Unavailable when
        the model is not installed.
        """
        scopes = await self._scopes()
        if everything:
            for scope in scopes:
                async with self._database.write() as connection:
                    await insert_all_stale(connection, scope, self._embedder.model, datetime.now(UTC))
        total = await self._count(scopes)
        done = 0
        yield ReindexProgress(done, total)
        for scope in scopes:
            async for embedded in self._embed_tenant(scope):
                done += embedded
                yield ReindexProgress(done, max(total, done))
        await self._tend_indexes()
        if forget_others:
            await self._forget(scopes)

    async def count_lacking(self) -> int:
        """How many described or read assets of all tenants are found by their words only, until `run` has embedded them."""
        return await self._count(await self._scopes())

    async def _scopes(self) -> list[Scope]:
        async with self._database.read() as connection:
            return [Scope(tenant.id).any() for tenant in await select_tenants(connection)]

    async def _count(self, scopes: Sequence[Scope]) -> int:
        async with self._database.read() as connection:
            return sum([await count_lacking(connection, scope, self._embedder.model) for scope in scopes])

    async def _embed_tenant(self, scope: Scope) -> AsyncIterator[int]:
        """How many assets of a tenant were embedded, batch by batch; again over those whose texts were changed meanwhile."""
        for _ in range(_MOST_ROUNDS):
            changed, after = 0, _FIRST
            while ids := await self._lacking(scope, after):
                embedded = await self._embeddings.embed_many(scope, ids)
                changed += len(ids) - embedded
                after = ids[-1]
                yield embedded
            if not changed:
                return

    async def _lacking(self, scope: Scope, after: UUID) -> list[UUID]:
        async with self._database.read() as connection:
            return await select_lacking(connection, scope, self._embedder.model, after, BATCH)

    async def _tend_indexes(self) -> None:
        for source in INDEXED_SOURCES:
            async with self._database.read() as connection:
                await make_index(connection, self._embedder.model, source, self._embedder.dimension)

    async def _forget(self, scopes: list[Scope]) -> None:
        # The indexes first, or each row would be taken out of them one by one.
        async with self._database.read() as connection:
            await drop_other_indexes(connection, self._embedder.model)
        for scope in scopes:
            forgotten = True
            while forgotten:
                async with self._database.write() as connection:
                    forgotten = await delete_other_models(connection, scope, self._embedder.model) > 0
