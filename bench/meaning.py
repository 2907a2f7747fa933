"""Finding images by what they mean among 200,000 of one tenant, in process and over HTTP; the aim is p95 < 50 ms.

Run as `python -m bench.meaning [rows] [--fresh]`. Beside the big tenant are one of 30,000 images and one of 1,000. The made
library is kept in the system's temporary folder and used again, unless `--fresh` is given. Recall of the vector index is against
comparing every vector; images as near as the last of the true ones count as true.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from tests.running import RunningServer

from bench.captions import UNRELATED, Caption, CaptionWriter
from bench.library import ASSET_COLUMNS, FACTS, NEWEST, variants, vocabulary
from bench.report import report
from bench.requests import percentile
from calotype.ai.wordllama_embedder import WordLlamaEmbedder
from calotype.db.asset import select_asset
from calotype.db.embedding import vector_literal
from calotype.db.embedding_index import index_name, make_index
from calotype.db.engine import Database
from calotype.db.nearest import select_nearest, select_size
from calotype.domain.custom_metadata import searchable_text
from calotype.domain.description import Description
from calotype.domain.descriptive_metadata import DescriptiveMetadata
from calotype.domain.embedding import INDEXED_SOURCES, EmbeddingSource, content_text
from calotype.domain.image_search import ImageQuery, ImageSearchMode
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_tsvector
from calotype.domain.searchable import searchable_asset
from calotype.jobs.queue import JobQueue
from calotype.services.embedding import EmbeddingService
from calotype.services.image_search import ImageSearchService

ROWS = 200_000
TENANTS = (("bench", None), ("middle", 30_000), ("small", 1_000))
TIMES = 40  # questions a case
_EMBEDDED_AT_ONCE = 500
_EMBEDDING = "asset_id, source, part, model, tenant_id, dimension, vector, created_at"


def questions() -> dict[str, Callable[[], str]]:
    """What is asked, by kind."""
    writer, chance, words = CaptionWriter(78), random.Random(4), vocabulary()
    common = (
        "photo",
        "red",
        "landscape format pixels",
        "photo of the main colours",
        "red blue green",
        "photo landscape red",
    )
    return {
        "1 to 6 words": lambda: writer.query()[0],
        "common words": lambda: chance.choice(common),
        "rare word": lambda: chance.choice(words[3000:]),
        "rare and common": lambda: f"a photo of {chance.choice(words[3000:])}",
        "unrelated": lambda: chance.choice(UNRELATED),
        "nonsense": lambda: f"zzxqj vwkpt {chance.randrange(10**6)}",
    }


def _document(caption: Caption, writer: CaptionWriter) -> str | None:
    if writer.chance.random() < 0.5:
        return None
    said = writer.scene()[3] if writer.chance.random() < 0.5 else caption.description
    return json.dumps({"caption": said, "camera_id": f"gate-{writer.chance.randrange(50)}", "count": 3})


def fill(url: str, tenants: dict[str, tuple[UUID, int]]) -> dict[str, Any]:
    """Write the rows of each tenant, then make the indexes of vectors as `reindex` does; returns what that took."""
    embedder = WordLlamaEmbedder()
    sources = list(INDEXED_SOURCES)
    with psycopg.connect(url, autocommit=True) as connection:
        for source in sources:
            connection.execute(f"DROP INDEX IF EXISTS {index_name(embedder.model, source)}")
        begun = time.perf_counter()
        for seed, (tenant_id, count) in enumerate(tenants.values()):
            _fill_tenant(connection, embedder, tenant_id, count, seed)
        connection.execute("VACUUM (ANALYZE) asset, embedding, custom_metadata")
        made = {"library, made in s": round(time.perf_counter() - begun)}
        begun = time.perf_counter()
        asyncio.run(_index(url, embedder))
        made["indexes, built in s"] = round(time.perf_counter() - begun)
        connection.execute("ANALYZE embedding")
        connection.execute("CHECKPOINT")
    return made


async def _index(url: str, embedder: WordLlamaEmbedder) -> None:
    database = Database(url)
    try:
        for source in INDEXED_SOURCES:
            async with database.read() as connection:
                await make_index(connection, embedder.model, source, embedder.dimension)
    finally:
        await database.aclose()


def _fill_tenant(
    connection: psycopg.Connection[Any], embedder: WordLlamaEmbedder, tenant_id: UUID, count: int, seed: int
) -> None:
    writer = CaptionWriter(seed)
    chance = writer.chance
    texts: list[tuple[UUID, str, str]] = []
    documents: list[tuple[UUID, str]] = []
    with connection.cursor() as cursor, cursor.copy(f"COPY asset ({ASSET_COLUMNS}) FROM STDIN") as copy:
        for number in range(count):
            made = writer.caption()
            identity, name = UUID(int=chance.getrandbits(128), version=4), f"IMG_{number % 10_000:04}.jpg"
            created = NEWEST - timedelta(seconds=(count - number) * 300 + chance.random() * 300)
            search = searchable_asset(
                title=made.title,
                filename=name,
                tags=made.tags,
                description=made.description,
                visible_text=made.visible_text,
            )
            deleted = NEWEST if chance.random() < 0.01 else None
            copy.write_row((
                identity, tenant_id, "image", "image/jpeg", "JPEG", "STREAMING", f"uploads/{tenant_id}/{identity}/{name}",
                name, 3_000_000, chance.randbytes(32), "default", True, made.title, made.tags, created, created, deleted,
                4032, 3024, "LKO2?U%2Tw=w]~RBVZRi};RPxuwH", FACTS, None, variants(tenant_id, identity), "completed",
                "completed", made.description, made.visible_text, None, created, True, search,
            ))  # fmt: skip
            texts.append(
                (identity, "content", content_text(made.title, made.tags, made.description, made.visible_text))
            )
            if document := _document(made, writer):
                documents.append((identity, document))
                texts.append((identity, "custom_metadata", searchable_text(document)))
    with connection.cursor() as cursor:
        with cursor.copy("COPY custom_metadata (asset_id, tenant_id, document, search) FROM STDIN") as copy:
            for identity, document in documents:
                copy.write_row((identity, tenant_id, document, to_tsvector([("A", searchable_text(document))])))
        with cursor.copy(f"COPY embedding ({_EMBEDDING}) FROM STDIN") as copy:
            for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
                part = texts[start : start + _EMBEDDED_AT_ONCE]
                for (identity, source, _), vector in zip(
                    part, embedder.embed([text for *_, text in part]), strict=True
                ):
                    literal = vector_literal(vector.tolist())
                    copy.write_row(
                        (identity, source, 0, embedder.model, tenant_id, embedder.dimension, literal, NEWEST)
                    )


def _figures(taken: list[float]) -> str:
    return f"p50 {statistics.median(taken):.1f}  p95 {percentile(taken, 0.95):.1f} ms"


async def measure_service(database: Database, tenant_id: UUID, mode: ImageSearchMode) -> dict[str, str]:
    """`ImageSearchService.search` by kind of question, mixed, after a round that warms caches."""
    service = ImageSearchService(database, WordLlamaEmbedder())
    taken: dict[str, list[float]] = {}
    for _ in range(2):
        taken = {}
        asked = [(name, ask()) for _ in range(TIMES) for name, ask in questions().items()]
        random.Random(5).shuffle(asked)
        for name, text in asked:
            begun = time.perf_counter()
            await service.search(Scope(tenant_id), ImageQuery(text, mode=mode))
            taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
    everything = [value for values in taken.values() for value in values]
    return {**{name: _figures(values) for name, values in taken.items()}, "all questions": _figures(everything)}


async def measure_recall(database: Database, tenant_id: UUID) -> str:
    """The share of the ten nearest that the index finds, among those that are near enough to be found at all."""
    embedder, writer = WordLlamaEmbedder(), CaptionWriter(91)
    shares: list[float] = []
    async with database.snapshot() as connection:
        size = await select_size(connection, Scope(tenant_id), embedder.model, EmbeddingSource.CONTENT)
        for vector in embedder.embed([writer.query()[0] for _ in range(200)] + list(UNRELATED)).tolist():
            found, true = [
                await select_nearest(connection, Scope(tenant_id), embedder.model, EmbeddingSource.CONTENT, vector, way)
                for way in (size, replace(size, indexed=None))
            ]
            true = true[:10]
            if true:
                shares.append(sum(hit.merit >= true[-1].merit - 1e-6 for hit in found[: len(true)]) / len(true))
    way = "compared one by one" if size.is_scanned else "by the index"
    return f"{statistics.mean(shares):.4f} (least {min(shares):.1f}) over {len(shares)} questions, {way}"


async def measure_fit(database: Database, tenant_id: UUID) -> dict[str, str]:
    """Whether the first ten show what was asked for, and what questions about nothing in the library find."""
    service, writer = ImageSearchService(database, WordLlamaEmbedder()), CaptionWriter(92)
    fitting = total = 0
    for _ in range(100):
        text, _, subject = writer.query()
        for found in await service.search(Scope(tenant_id), ImageQuery(text)):
            said = f"{found.asset.title} {found.asset.description} {' '.join(found.asset.tags)}".lower()
            fitting += subject in said
            total += 1
    empty = [len(await service.search(Scope(tenant_id), ImageQuery(text))) == 0 for text in UNRELATED]
    return {
        "subject asked for among the first ten": f"{fitting / total:.3f}",
        "unrelated questions that find nothing": f"{sum(empty)} of {len(empty)}",
    }


async def measure_store(database: Database, url: str, tenant_id: UUID) -> str:
    """Milliseconds that computing and storing the vector of one description take; everything is undone."""
    service = EmbeddingService(database, JobQueue(url), WordLlamaEmbedder())
    async with database.read() as connection:
        driver = await connection.exec_driver_sql(f"SELECT id FROM asset WHERE tenant_id = '{tenant_id}' LIMIT 200")
        ids = [row[0] for row in driver]
    writer, taken = CaptionWriter(93), []
    for identity in ids:
        metadata = DescriptiveMetadata("", "", "", writer.scene()[3], "image", ())
        made = Description(metadata, None, None, ("bench",))
        async with database.read() as connection:
            asset = await select_asset(connection, Scope(tenant_id).any(), identity)
        assert asset is not None
        begun = time.perf_counter()
        prepared = await service.prepare(asset, made)
        async with database.snapshot() as connection:
            await service.store(connection, Scope(tenant_id), prepared)
            taken.append((time.perf_counter() - begun) * 1000)
            await connection.rollback()
    return _figures(taken[20:])


def measure_http(client: httpx.Client) -> str:
    """The same questions over HTTP, one at a time."""
    taken: list[float] = []
    asked = [ask() for _ in range(TIMES) for ask in questions().values()]
    for number, text in enumerate(asked):
        begun = time.perf_counter()
        answer = client.post("/images/search", json={"query": text, "max_results": 10})
        if answer.status_code in {404, 405, 501}:
            return "no such route yet"
        assert answer.status_code == 200, answer.text
        if number >= 20:
            taken.append((time.perf_counter() - begun) * 1000)
    return _figures(taken)


def run(rows: int = ROWS, *, fresh: bool = False) -> list[dict[str, Any]]:
    """Make the library unless it is there, then measure."""
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / f"meaning-{rows}"
    if fresh and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "made.json"
    with RunningServer(folder, "--no-worker", CALOTYPE_RATE_LIMIT="1000000") as server:
        url = server.database_url()
        keys = {name: server.new_key(name) for name, _ in TENANTS}
        with psycopg.connect(url, autocommit=True) as connection:
            ids = dict(connection.execute("SELECT name, id FROM tenant").fetchall())
            if not done.exists():
                connection.execute("DELETE FROM asset")
                made = fill(url, {name: (ids[name], count or rows) for name, count in TENANTS})
                done.write_text(json.dumps(made))
            size = connection.execute(
                "SELECT pg_relation_size(%s)", [index_name(WordLlamaEmbedder.model, EmbeddingSource.CONTENT)]
            ).fetchone()
        results = asyncio.run(_measure(url, ids))
        with server.client() as client:
            client.headers["X-Api-Key"] = keys["bench"]
            results[0]["HTTP, all questions"] = measure_http(client)
    assert size is not None
    results[0] |= {
        **json.loads(done.read_text()),
        "index of the images, MB": size[0] // 2**20,
        "load_average": round(os.getloadavg()[0], 1),
    }
    return results


async def _measure(url: str, ids: dict[str, UUID]) -> list[dict[str, Any]]:
    database = Database(url)
    results: list[dict[str, Any]] = []
    try:
        for name, _ in TENANTS:
            measured: dict[str, Any] = {"bench": f"meaning, {name} tenant"}
            for mode in ImageSearchMode:
                figures = await measure_service(database, ids[name], mode)
                measured |= {f"{mode}, {case}": figure for case, figure in figures.items()}
            measured["recall@10"] = await measure_recall(database, ids[name])
            results.append(measured)
        results[0] |= await measure_fit(database, ids["bench"])
        results[0]["embedding a description, index of that size"] = await measure_store(database, url, ids["bench"])
    finally:
        await database.aclose()
    return results


if __name__ == "__main__":
    given = [argument for argument in sys.argv[1:] if argument != "--fresh"]
    report(run(int(given[0]) if given else ROWS, fresh="--fresh" in sys.argv))
