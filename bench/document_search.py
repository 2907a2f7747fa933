"""Finding passages among 100,000 chunks of one tenant's documents: words, vectors and both, and what an index would change.

Run as `python -m bench.document_search [chunks] [--fresh]`. Beside the big tenant is one with a hundredth of that. The made
library is kept in the system's temporary folder and used again, unless `--fresh` is given. The index is made for the comparison
only, and removed again; the product has none (docs/decisions/0036-chunks.md).
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench.captions import UNRELATED, CaptionWriter
from bench.library import NEWEST, vocabulary
from bench.report import report
from bench.requests import percentile
from calotype.ai.wordllama_embedder import WordLlamaEmbedder
from calotype.db.document_search import select_by_words, select_nearest_chunks
from calotype.db.embedded import EmbeddedPostgres
from calotype.db.embedding import vector_literal
from calotype.db.engine import Database
from calotype.db.schema import migrate
from calotype.domain.document import BlockKind, Chunk
from calotype.domain.document_search import DocumentQuery
from calotype.domain.embedding import chunk_text
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_chunk
from calotype.services.document_search import DocumentSearchService
from calotype.services.question import read_question

CHUNKS = 100_000
OF_A_DOCUMENT = 200
TIMES = 20  # questions a case
_LENGTH = 1_100  # characters of a chunk
_EMBEDDED_AT_ONCE = 500
_ASSET = (
    "id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes, checksum, "
    "storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search, text_status"
)
_CHUNK = "id, asset_id, tenant_id, index, content, page_numbers, headings, kind, word_count, search, created_at"
_EMBEDDING = "asset_id, source, part, model, tenant_id, dimension, vector, created_at"


def questions() -> dict[str, Callable[[], str]]:
    """What is asked, by kind."""
    writer, chance, words = CaptionWriter(78, measured_share=0), random.Random(4), vocabulary()
    return {
        "1 to 6 words": lambda: writer.query()[0],
        "a sentence": lambda: writer.scene()[3],
        "common words": lambda: chance.choice(
            ("red", "blue green", "in the morning", "red boat at sunset in the rain")
        ),
        "rare word": lambda: chance.choice(words[3000:]),
        "rare and common": lambda: f"a red {chance.choice(words[3000:])}",
        "unrelated": lambda: chance.choice(UNRELATED),
    }


def _sentences(writer: CaptionWriter) -> dict[str, list[str]]:
    """Sentences by what they are about."""
    pools: dict[str, list[str]] = {}
    for _ in range(5_000):
        topic, *_, sentence = writer.scene()
        pools.setdefault(topic, []).append(sentence)
    return pools


def _content(writer: CaptionWriter, pools: dict[str, list[str]]) -> str:
    """A passage about one thing, as far as made ones are: sentences of one topic with some made words."""
    pool = writer.chance.choice(list(pools.values()))
    passage = ""
    while len(passage) < _LENGTH:
        passage += f"{writer.chance.choice(pool)} {' '.join(writer.writer.words(1, 3))}. ".capitalize()
    return passage.rstrip()


def fill(connection: psycopg.Connection[Any], tenant_id: UUID, count: int, seed: int) -> None:
    """Write the rows of a tenant, as extraction would."""
    embedder, writer = WordLlamaEmbedder(), CaptionWriter(seed, measured_share=0)
    chance, pools = writer.chance, _sentences(writer)
    for first in range(0, count, OF_A_DOCUMENT):
        asset_id = UUID(int=chance.getrandbits(128), version=4)
        created = NEWEST - timedelta(minutes=count - first)
        name = f"{'-'.join(writer.writer.words(2, 3))}.pdf"
        chunks = []
        for index in range(min(OF_A_DOCUMENT, count - first)):
            content, headings = _content(writer, pools), (" ".join(writer.writer.words(2, 4)).capitalize(),)
            chunks.append(Chunk(index, content, (index // 2 + 1,), headings, BlockKind.PARAGRAPH, len(content.split())))
        vectors = embedder.embed([chunk_text(chunk.headings, chunk.content) for chunk in chunks])
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(f"COPY asset ({_ASSET}) FROM STDIN") as copy:
                copy.write_row((
                    asset_id, tenant_id, "document", "application/pdf", "pdf", "STREAMING", f"uploads/{asset_id}", name,
                    3_000_000, chance.randbytes(32), "default", True, [], created, created, "{}", False, "", "completed",
                ))  # fmt: skip
            with cursor.copy(f"COPY document_chunk ({_CHUNK}) FROM STDIN") as copy:
                for chunk in chunks:
                    copy.write_row((
                        UUID(int=chance.getrandbits(128), version=4), asset_id, tenant_id, chunk.index, chunk.content,
                        list(chunk.page_numbers or ()), list(chunk.headings), chunk.kind.value, chunk.word_count,
                        searchable_chunk(name, chunk), created,
                    ))  # fmt: skip
            with cursor.copy(f"COPY embedding ({_EMBEDDING}) FROM STDIN") as copy:
                for chunk, vector in zip(chunks, vectors, strict=True):
                    literal = vector_literal(vector.tolist())
                    copy.write_row((
                        asset_id, "chunk", chunk.index, embedder.model, tenant_id, embedder.dimension, literal, created,
                    ))  # fmt: skip


def _figures(taken: list[float]) -> str:
    return f"p50 {statistics.median(taken):.1f}  p95 {percentile(taken, 0.95):.1f} ms"


async def measure(database: Database, tenant_id: UUID) -> dict[str, str]:
    """Each half of a search and the whole of it, by kind of question, after a round that warms caches."""
    scope, embedder = Scope(tenant_id), WordLlamaEmbedder()
    service = DocumentSearchService(database, embedder)
    taken: dict[str, list[float]] = {}

    async def timed(name: str, work: Awaitable[Any]) -> None:
        begun = time.perf_counter()
        await work
        taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)

    for _ in range(2):
        taken.clear()
        asked = [(name, ask()) for _ in range(TIMES) for name, ask in questions().items()]
        random.Random(5).shuffle(asked)
        for name, text in asked:
            query = DocumentQuery(text)
            await timed(f"search, {name}", service.search(scope, query))
            question = await read_question(embedder, text)
            async with database.snapshot() as connection:
                await timed(f"by words, {name}", select_by_words(connection, scope, question.lexemes, query))
                if question.vector is not None:
                    nearest = select_nearest_chunks(connection, scope, embedder.model, question.vector, query)
                    await timed(f"by vectors, {name}", nearest)
    figures = {name: _figures(values) for name, values in sorted(taken.items())}
    for way in ("search", "by words", "by vectors"):
        figures[f"{way}, all questions"] = _figures(
            [value for name, values in taken.items() if name.startswith(f"{way},") for value in values]
        )
    return figures


def measure_index(connection: psycopg.Connection[Any], tenant_id: UUID) -> dict[str, Any]:
    """What an index of the vectors would take to build and to keep, how large it is, and how quick."""
    model = WordLlamaEmbedder.model
    figures: dict[str, Any] = {}
    figures["storing the vectors of 200 chunks, no index, ms"] = _stored(connection, tenant_id)
    begun = time.perf_counter()
    connection.execute(
        "CREATE INDEX bench_chunks ON embedding USING hnsw ((vector::halfvec(256)) halfvec_cosine_ops) "
        f"WITH (m = 16, ef_construction = 128) WHERE model = '{model}' AND source = 'chunk'"
    )
    figures["index of vectors, built in s"] = round(time.perf_counter() - begun)
    size = connection.execute("SELECT pg_relation_size('bench_chunks') / 2 ^ 20").fetchone()
    assert size is not None
    figures["index of vectors, MB"] = round(size[0])
    figures["storing the vectors of 200 chunks, with index, ms"] = _stored(connection, tenant_id)
    connection.execute("SET hnsw.ef_search = 500")
    connection.execute("SET enable_sort = off")
    taken = []
    vectors = WordLlamaEmbedder().embed([ask() for _ in range(TIMES) for ask in questions().values()])
    for vector in vectors.tolist():
        begun = time.perf_counter()
        connection.execute(
            "SELECT asset_id, part FROM embedding WHERE model = %s AND source = 'chunk' "
            "ORDER BY vector::halfvec(256) <=> %s::halfvec(256) LIMIT 500".replace("%s", f"'{model}'", 1),
            [vector_literal(vector)],
        ).fetchall()
        taken.append((time.perf_counter() - begun) * 1000)
    figures["500 nearest by the index alone"] = _figures(taken[20:])
    connection.execute("DROP INDEX bench_chunks")
    return figures


def _stored(connection: psycopg.Connection[Any], tenant_id: UUID) -> int:
    """Milliseconds to store vectors like those of one document, which are taken back."""
    begun = time.perf_counter()
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"INSERT INTO embedding ({_EMBEDDING}) SELECT asset_id, source, part + 1000000, model, tenant_id, dimension, vector, "
            "created_at FROM embedding WHERE tenant_id = %s AND source = 'chunk' ORDER BY md5(asset_id::text || part) LIMIT 200",
            [tenant_id],
        )
    return round((time.perf_counter() - begun) * 1000)


def run(chunks: int = CHUNKS, *, fresh: bool = False) -> list[dict[str, Any]]:
    """Make the library unless it is there, then measure."""
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / f"document-search-{chunks}"
    if fresh and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tenants = {"bench": (UUID(int=1), chunks), "small": (UUID(int=2), max(1, chunks // 100))}
    server = EmbeddedPostgres(folder / "postgres")
    try:
        url = server.start()
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            made = 0.0
            if not (folder / "made").exists():
                connection.execute("DELETE FROM tenant")
                begun = time.perf_counter()
                for seed, (name, (tenant_id, count)) in enumerate(tenants.items()):
                    connection.execute(
                        "INSERT INTO tenant (id, name, created_at) VALUES (%s, %s, now())", [tenant_id, name]
                    )
                    fill(connection, tenant_id, count, seed)
                connection.execute("VACUUM (ANALYZE) asset, document_chunk, embedding")
                connection.execute("CHECKPOINT")
                made = time.perf_counter() - begun
                (folder / "made").touch()
            results = asyncio.run(_measure(url, {name: tenant_id for name, (tenant_id, _) in tenants.items()}))
            results[0] |= measure_index(connection, tenants["bench"][0])
    finally:
        server.stop()
    results[0] |= {"library, made in s": round(made), "load_average": round(os.getloadavg()[0], 1)}
    return results


async def _measure(url: str, ids: dict[str, UUID]) -> list[dict[str, Any]]:
    database = Database(url)
    try:
        return [
            {"bench": f"document search, {name} tenant", **await measure(database, tenant_id)}
            for name, tenant_id in ids.items()
        ]
    finally:
        await database.aclose()


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--fresh"]
    report(run(int(given[0]) if given else CHUNKS, fresh="--fresh" in sys.argv))
