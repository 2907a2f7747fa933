"""Keeping the vectors of assets in step with their texts.

Vectors are computed outside of transactions. Whoever stores them looks again, under a lock of the asset, whether they still
belong to its texts; whoever changes the texts marks them stale and queues a job in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog

from calotype.ai.interfaces import TextEmbedder
from calotype.db.custom_metadata import select_custom_metadata
from calotype.db.embedding import (
    delete_stale,
    insert_stale,
    lock_texts,
    select_chunk_texts,
    select_having_chunks,
    select_scene_texts,
    select_texts,
    upsert_embeddings,
)
from calotype.db.engine import Connection, Database, Pipeline
from calotype.domain.asset import Asset
from calotype.domain.custom_metadata import searchable_text
from calotype.domain.description import Description
from calotype.domain.document import Chunk
from calotype.domain.embedding import EmbeddedTexts, Embedding, EmbeddingSource, chunk_text, content_text, scene_text
from calotype.domain.errors import Unavailable
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.scene import Scene
from calotype.domain.scope import Scope
from calotype.domain.video import VIDEO
from calotype.jobs.queue import JobQueue

_MOST_ROUNDS = 3
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedEmbeddings:
    """Vectors that are not stored yet, and the texts they were made of."""

    texts: EmbeddedTexts
    embeddings: tuple[Embedding, ...]


class EmbeddingService:
    """Every call may be repeated without harm; without an installed model there are no vectors, and nothing is the matter."""

    def __init__(self, database: Database, queue: JobQueue, embedder: TextEmbedder) -> None:
        self._database = database
        self._queue = queue
        self._embedder = embedder

    @property
    def model(self) -> str:
        """The model whose vectors are kept in step."""
        return self._embedder.model

    async def prepare(self, asset: Asset, description: Description) -> PreparedEmbeddings:
        """Compute the vectors of an asset that is about to get a description; a video has those of its scenes instead."""
        async with self._database.read() as connection:
            document = (await select_custom_metadata(connection, Scope(asset.tenant_id), [asset.id])).get(asset.id)
        texts = EmbeddedTexts(
            content_text(asset.title, asset.tags, description.text, description.visible_text),
            searchable_text(document) if document is not None else None,
        )
        if asset.media_type == VIDEO:
            return PreparedEmbeddings(texts, ())
        try:
            made = await self.compute({asset.id: texts})
        except Unavailable:
            return PreparedEmbeddings(texts, ())
        return PreparedEmbeddings(texts, tuple(made[asset.id]))

    async def of_scenes(self, asset_id: UUID, name: str, scenes: Sequence[Scene]) -> tuple[Embedding, ...]:
        """The vectors of a video's scenes, numbered as those are; none where the model is not installed."""
        parts = [
            (scene.index, scene_text(name, scene.description, scene.visible_text, scene.transcript)) for scene in scenes
        ]
        return await self._of_parts(asset_id, EmbeddingSource.SCENE, parts)

    async def of_chunks(self, asset_id: UUID, chunks: Sequence[Chunk]) -> tuple[Embedding, ...]:
        """The vectors of a document's chunks, numbered as those are; none where the model is not installed."""
        parts = [(chunk.index, chunk_text(chunk.headings, chunk.content)) for chunk in chunks]
        return await self._of_parts(asset_id, EmbeddingSource.CHUNK, parts)

    async def _of_parts(
        self, asset_id: UUID, source: EmbeddingSource, parts: Sequence[tuple[int, str]]
    ) -> tuple[Embedding, ...]:
        try:
            return tuple(await self._compute_parts(asset_id, source, parts))
        except Unavailable:
            return ()

    async def store_parts(self, connection: Connection | Pipeline, scope: Scope, vectors: Sequence[Embedding]) -> None:
        """Store the vectors of scenes or chunks in the transaction that stores those."""
        await upsert_embeddings(connection, scope, vectors, datetime.now(UTC))

    async def store(self, connection: Connection | Pipeline, scope: Scope, prepared: PreparedEmbeddings) -> None:
        """Store prepared vectors in the transaction that stores the description."""
        await self.store_parts(connection, scope, prepared.embeddings)

    async def compare(
        self, connection: Connection, asset: Asset, description: Description, prepared: PreparedEmbeddings
    ) -> None:
        """Where title or tags of an asset, locked as it is given, were changed since its vectors were prepared, have others made.

        The vectors do until then.
        """
        if not prepared.embeddings:
            return
        if content_text(asset.title, asset.tags, description.text, description.visible_text) != prepared.texts.content:
            await self.mark_stale(connection, asset, datetime.now(UTC))

    async def mark_stale(self, connection: Connection, asset: Asset, now: datetime) -> None:
        """Have the vectors of an asset made anew whose title or tags change in this transaction, which holds its lock."""
        scope = Scope(asset.tenant_id).any()
        if await insert_stale(connection, scope, asset.id, EmbeddingSource.CONTENT, now):
            await self._queue.enqueue(connection, Job(Task.EMBED, asset.tenant_id, asset.id), Urgency.NEW)

    async def embed(self, scope: Scope, asset_id: UUID) -> None:
        """Bring the vectors of one asset into step with its texts; nothing happens before it is described, or when it is gone."""
        for _ in range(_MOST_ROUNDS):
            try:
                if await self.embed_many(scope, [asset_id]):
                    return
            except Unavailable as error:
                _log.warning("not embedded", asset_id=str(asset_id), reason=error.message)
                return
        # Somebody keeps changing the text; each change has queued another job.

    async def embed_many(self, scope: Scope, asset_ids: list[UUID]) -> int:
        """Embed some assets of a tenant, live or trashed; returns how many are in step now, or need not be.

        Those whose texts change meanwhile are left as they are. Raises Unavailable when the model is not installed, or the
        database is away.
        """
        scope = scope.any()
        async with self._database.read() as connection:
            documents = await select_having_chunks(connection, scope, asset_ids)
        in_step = await self._embed_together(scope, [found for found in asset_ids if found not in documents])
        for document in documents:
            # One by one, since a book may have thousands of chunks.
            in_step += await self._embed_together(scope, [document])
        return in_step

    async def _embed_together(self, scope: Scope, asset_ids: list[UUID]) -> int:
        async with self._database.read() as connection:
            texts = await select_texts(connection, scope, asset_ids)
            parts = await _select_parts(connection, scope, asset_ids)
        made = await self.compute(texts)
        for (asset_id, source), numbered in parts.items():
            made[asset_id] = await self._compute_parts(asset_id, source, numbered)
        async with self._database.write() as connection:
            await lock_texts(connection, scope, asset_ids)
            now_texts = await select_texts(connection, scope, asset_ids)
            now_parts = await _select_parts(connection, scope, asset_ids)
            fresh = [asset_id for asset_id, found in now_texts.items() if texts.get(asset_id) == found]
            fresh += [key[0] for key, found in now_parts.items() if parts.get(key) == found]
            embeddings = [embedding for asset_id in fresh for embedding in made[asset_id]]
            await upsert_embeddings(connection, scope, embeddings, datetime.now(UTC))
            await delete_stale(connection, scope, self.model, fresh)
        return len(asset_ids) - len(now_texts) - len(now_parts) + len(fresh)

    async def _compute_parts(
        self, asset_id: UUID, source: EmbeddingSource, parts: Sequence[tuple[int, str]]
    ) -> list[Embedding]:
        vectors = await asyncio.to_thread(self._embedder.embed, [text for _, text in parts])
        return [
            Embedding(asset_id, source, self.model, tuple(vector.tolist()), part)
            for (part, _), vector in zip(parts, vectors, strict=True)
        ]

    async def compute(self, texts: Mapping[UUID, EmbeddedTexts]) -> dict[UUID, list[Embedding]]:
        """The vectors of some assets' texts. Raises Unavailable when the model is not installed."""
        named = [
            (asset_id, source, text) for asset_id, found in texts.items() for source, text in found.by_source().items()
        ]
        made: dict[UUID, list[Embedding]] = {asset_id: [] for asset_id in texts}
        vectors = await asyncio.to_thread(self._embedder.embed, [text for _, _, text in named])
        for (asset_id, source, _), vector in zip(named, vectors, strict=True):
            made[asset_id].append(Embedding(asset_id, source, self.model, tuple(vector.tolist())))
        return made


async def _select_parts(
    connection: Connection, scope: Scope, asset_ids: Sequence[UUID]
) -> dict[tuple[UUID, EmbeddingSource], tuple[tuple[int, str], ...]]:
    """What is to be embedded of the parts of some assets, which are parts of one kind only: (number, text), in order."""
    scenes = await select_scene_texts(connection, scope, asset_ids)
    chunks = await select_chunk_texts(connection, scope, asset_ids)
    return {
        **{(asset_id, EmbeddingSource.SCENE): parts for asset_id, parts in scenes.items()},
        **{(asset_id, EmbeddingSource.CHUNK): parts for asset_id, parts in chunks.items()},
    }
