"""Latencies of finding look-alikes among 200,000 pictures of one tenant, in process and over HTTP; the aim is p95 < 20 ms.

Run as `python -m bench.similar [rows]`. Recall is against a comparison with every hash, also for a small tenant beside the big
one. The approximate index of pgvector (HNSW) is built beside it in the same database, for comparison.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from tests.running import RunningServer

from bench.library import fill
from bench.report import report
from bench.requests import percentile
from calotype.db.engine import Database
from calotype.domain.look_alike import DEFAULT_DISTANCE, INDEXED_DISTANCE
from calotype.domain.scope import Scope
from calotype.services.look_alike import LookAlikeService

ROWS = 200_000
TIMES = 200
LIMIT = 100
SMALL = 500  # pictures of the small tenant
_EXACT = """
SELECT asset_id FROM perceptual_hash JOIN asset ON asset.id = asset_id
WHERE asset.tenant_id = %(tenant)s AND deleted_at IS NULL AND asset_id <> %(id)s
AND phash <~> CAST(%(phash)s AS bit(64)) <= %(distance)s
"""
_HNSW = """
SELECT asset_id, phash <~> CAST(%(phash)s AS bit(64)) FROM hashes_by_hnsw WHERE tenant_id = %(tenant)s
ORDER BY phash <~> CAST(%(phash)s AS bit(64)) LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture to look for, its hash in 64 digits, and everything that lies within the distances."""

    tenant: UUID
    id: UUID
    phash: str
    near: dict[int, set[UUID]]


def samples(connection: psycopg.Connection[Any], tenant: UUID, count: int) -> list[Sample]:
    """Live pictures of a tenant by chance, with the truth about them."""
    query = (
        "SELECT id, CAST(phash AS text) FROM asset JOIN perceptual_hash ON asset_id = id "
        "WHERE asset.tenant_id = %s AND deleted_at IS NULL ORDER BY id"
    )
    found = random.Random(7).sample(connection.execute(query, [tenant]).fetchall(), count)
    return [
        Sample(
            tenant,
            identity,
            phash,
            {
                distance: {
                    row[0]
                    for row in connection.execute(
                        _EXACT, {"tenant": tenant, "id": identity, "phash": phash, "distance": distance}
                    )
                }
                for distance in (DEFAULT_DISTANCE, INDEXED_DISTANCE)
            },
        )
        for identity, phash in found
    ]


def _figures(taken: list[float], found: int, true: int) -> str:
    times = f"p50 {statistics.median(taken):.1f}  p95 {percentile(taken, 0.95):.1f} ms"
    return f"{times}, recall {found / max(1, true):.4f} of {true}"


async def measure_service(url: str, asked: list[Sample], distance: int, times: int) -> str:
    """`LookAlikeService.find`, and whether it finds all."""
    database = Database(url)
    service = LookAlikeService(database)
    taken: list[float] = []
    found = true = 0
    try:
        for number in range(-10, times):  # the first ones warm caches
            sample = asked[number % len(asked)]
            begun = time.perf_counter()
            answer = await service.find(Scope(sample.tenant), sample.id, distance, LIMIT)
            if number >= 0:
                taken.append((time.perf_counter() - begun) * 1000)
                found += len({one.asset.id for one in answer.nearest} & sample.near[distance])
                true += min(LIMIT, len(sample.near[distance]))
    finally:
        await database.aclose()
    return _figures(taken, found, true)


def measure_http(client: httpx.Client, asked: list[Sample]) -> str:
    """`GET /user-files/{id}/similar` with everything left to its default but the limit."""
    taken: list[float] = []
    found = true = 0
    for number in range(-10, TIMES):
        sample = asked[number % len(asked)]
        begun = time.perf_counter()
        answer = client.get(f"/api/v2/user-files/{sample.id}/similar", params={"limit": LIMIT})
        if number >= 0:
            taken.append((time.perf_counter() - begun) * 1000)
            found += len({UUID(one["file"]["id"]) for one in answer.json()["results"]} & sample.near[DEFAULT_DISTANCE])
            true += min(LIMIT, len(sample.near[DEFAULT_DISTANCE]))
    return _figures(taken, found, true)


def measure_hnsw(connection: psycopg.Connection[Any], asked: list[Sample]) -> str:
    """The approximate index of pgvector with its iterative scan, asked for the same."""
    taken: list[float] = []
    found = true = 0
    for number in range(-10, TIMES):
        sample = asked[number % len(asked)]
        begun = time.perf_counter()
        rows = connection.execute(
            _HNSW, {"tenant": sample.tenant, "phash": sample.phash, "limit": LIMIT}, prepare=True
        ).fetchall()
        if number >= 0:
            taken.append((time.perf_counter() - begun) * 1000)
            found += len({row[0] for row in rows} & sample.near[DEFAULT_DISTANCE])
            true += min(LIMIT, len(sample.near[DEFAULT_DISTANCE]))
    return _figures(taken, found, true)


def measure_scan(connection: psycopg.Connection[Any], asked: list[Sample]) -> str:
    """A comparison with every hash of the tenant, read from an index alone."""
    taken = []
    query = (
        "SELECT asset_id FROM perceptual_hash WHERE tenant_id = %s AND bit_count(phash) >= 8 "
        "AND phash <~> CAST(%s AS bit(64)) <= %s"
    )
    for sample in asked[:50]:
        begun = time.perf_counter()
        connection.execute(query, [sample.tenant, sample.phash, DEFAULT_DISTANCE], prepare=True).fetchall()
        taken.append((time.perf_counter() - begun) * 1000)
    return f"p50 {statistics.median(taken):.1f}  p95 {percentile(taken, 0.95):.1f} ms"


def measure_insert(connection: psycopg.Connection[Any], statement: str, values: Callable[[], list[Any]]) -> str:
    """Milliseconds a row costs within a transaction, which is undone."""
    taken = []
    with connection.transaction(force_rollback=True):
        for _ in range(400):
            given = values()
            begun = time.perf_counter()
            connection.execute(statement, given, prepare=True)
            taken.append((time.perf_counter() - begun) * 1000)
    return f"p50 {statistics.median(taken):.2f}  p95 {percentile(taken, 0.95):.2f} ms"


def _inserts(connection: psycopg.Connection[Any], tenant: UUID) -> dict[str, str]:
    chance = random.Random(11)
    rows = connection.execute("SELECT asset_id FROM perceptual_hash LIMIT 400").fetchall()
    connection.execute("CREATE TABLE bare (asset_id uuid PRIMARY KEY, tenant_id uuid NOT NULL, phash bit(64) NOT NULL)")

    def new() -> list[Any]:
        return [UUID(int=chance.getrandbits(128)), tenant, f"{chance.getrandbits(64):064b}"]

    again = iter(rows)
    changed = measure_insert(
        connection,
        "UPDATE perceptual_hash SET phash = CAST(%s AS bit(64)) WHERE asset_id = %s",
        lambda: [f"{chance.getrandbits(64):064b}", next(again)[0]],
    )
    return {
        "write, no index beside the key": measure_insert(connection, "INSERT INTO bare VALUES (%s, %s, %s)", new),
        "write, quarters (an update)": changed,
        "write, HNSW": measure_insert(connection, "INSERT INTO hashes_by_hnsw VALUES (%s, %s, %s)", new),
    }


def run(rows: int = ROWS) -> dict[str, Any]:
    """Fill a new server's database, then measure."""
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer(Path(data), "--no-worker", CALOTYPE_RATE_LIMIT="1000000") as server,
    ):
        url, key = server.database_url(), server.new_key("bench")
        server.new_key("small")
        with psycopg.connect(url, autocommit=True, options="-c jit=off -c enable_seqscan=off") as connection:
            names = dict(connection.execute("SELECT name, id FROM tenant").fetchall())
            fill(url, [(names["bench"], rows), (names["small"], SMALL)])
            big, small = samples(connection, names["bench"], TIMES), samples(connection, names["small"], 100)
            measured: dict[str, Any] = {
                f"service, distance {distance}": asyncio.run(measure_service(url, big, distance, TIMES))
                for distance in (DEFAULT_DISTANCE, INDEXED_DISTANCE)
            }
            measured["service, small tenant"] = asyncio.run(measure_service(url, small, DEFAULT_DISTANCE, TIMES))
            with server.client(key) as client:
                measured["HTTP"] = measure_http(client, big)
            measured["comparison with every hash"] = measure_scan(connection, big)
            begun = time.perf_counter()
            connection.execute("CREATE TABLE hashes_by_hnsw AS SELECT * FROM perceptual_hash")
            connection.execute("SET maintenance_work_mem = '256MB'")
            connection.execute("CREATE INDEX ON hashes_by_hnsw USING hnsw (phash bit_hamming_ops)")
            measured["HNSW, built in s"] = round(time.perf_counter() - begun, 1)
            connection.execute("ANALYZE hashes_by_hnsw")
            connection.execute("SET hnsw.iterative_scan = strict_order")
            measured["HNSW"] = measure_hnsw(connection, big)
            measured["HNSW, small tenant"] = measure_hnsw(connection, small)
            measured |= _inserts(connection, names["bench"])
    return {"bench": f"similar, {rows:,} pictures", "load_average": round(os.getloadavg()[0], 1), **measured}


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)])
