"""Asking for 250 checksums among 200,000 rows (the aim is p95 < 10 ms), quotas, and grouping a whole library.

Run as `python -m bench.duplicates [rows]`.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
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
from calotype.domain.quota import UploadTerms
from calotype.domain.scope import Scope
from calotype.services.duplicate import DuplicateService
from calotype.services.quota import QuotaService
from calotype.services.tenant import TenantService

ROWS = 200_000
TIMES = 100
HASHES = 250


def batches(stored: list[str]) -> list[list[str]]:
    """Lists of checksums of which half are stored."""
    chance = random.Random(3)
    return [
        chance.sample(stored, HASHES // 2) + [chance.randbytes(32).hex() for _ in range(HASHES - HASHES // 2)]
        for _ in range(TIMES)
    ]


def _figures(taken: list[float]) -> str:
    return f"p50 {statistics.median(taken):.1f}  p95 {percentile(taken, 0.95):.1f} ms"


async def _timed(times: int, ask: Callable[[int], Awaitable[Any]]) -> str:
    for number in range(5):
        await ask(number)
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        await ask(number)
        taken.append((time.perf_counter() - begun) * 1000)
    return _figures(taken)


async def measure_services(url: str, tenant_id: UUID, asked: list[list[str]]) -> dict[str, Any]:
    """The services in this process; the limits make `quota-check` count."""
    database = Database(url)
    scope = Scope(tenant_id)
    duplicates, quotas = DuplicateService(database), QuotaService(database, UploadTerms(100, 8))
    try:
        measured: dict[str, Any] = {
            "check, service": await _timed(TIMES, lambda number: duplicates.known(scope, asked[number])),
            "quota, service": await _timed(20, lambda _: quotas.outlook(scope, 1)),
            "tenants list, service": await _timed(20, lambda _: TenantService(database).all()),
        }
        for distance in (0, 4, 6, 8):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            begun = time.perf_counter()
            groups = await duplicates.groups(scope, distance)
            seconds = time.perf_counter() - begun
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
            measured[f"groups, distance {distance}"] = f"{seconds:.1f} s, {len(groups)} groups, memory + {grown} MB"
    finally:
        await database.aclose()
    return measured


def measure_http(client: httpx.Client, asked: list[list[str]]) -> str:
    """`POST /uploads/check-duplicates`."""
    taken = []
    for number in range(-10, len(asked)):  # the first ones warm caches
        hashes = asked[number]
        begun = time.perf_counter()
        answer = client.post("/api/v2/uploads/check-duplicates", json={"hashes": hashes})
        if number >= 0:
            taken.append((time.perf_counter() - begun) * 1000)
        assert len(answer.json()["unique"]) >= HASHES // 2
    return _figures(taken)


def run(rows: int = ROWS) -> dict[str, Any]:
    """Fill a new server's database, then measure."""
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer(Path(data), "--no-worker", CALOTYPE_RATE_LIMIT="1000000") as server,
    ):
        url, key = server.database_url(), server.new_key("bench")
        server.new_key("other")
        with psycopg.connect(url, autocommit=True) as connection:
            names = dict(connection.execute("SELECT name, id FROM tenant").fetchall())
            fill(url, [(names["bench"], rows), (names["other"], rows // 10)])
            connection.execute("UPDATE tenant SET storage_quota_bytes = 1, monthly_upload_limit = 1")
            stored = connection.execute(
                "SELECT encode(checksum, 'hex') FROM asset WHERE tenant_id = %s", [names["bench"]]
            )
            asked = batches([row[0] for row in stored])
        with server.client(key) as client:
            over_http = measure_http(client, asked)
        measured = asyncio.run(measure_services(url, names["bench"], asked))
    return {
        "bench": f"duplicates, {rows:,} rows",
        "load_average": round(os.getloadavg()[0], 1),
        f"check of {HASHES}, HTTP": over_http,
        **measured,
    }


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)])
