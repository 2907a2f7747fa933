"""Latencies of listing, filtering and searching 200,000 made rows, exact counts included; the aim is p95 < 30 ms.

Run as `python -m bench.search [rows]`. Every case is asked of the search service in this process and over HTTP of a server
without a worker, a request at a time; `all requests` takes each case equally often.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from tests.running import RunningServer

from bench.library import NEWEST, Writer, fill, vocabulary
from bench.report import report
from bench.requests import percentile
from calotype.db.engine import Database
from calotype.domain.scope import Scope
from calotype.services.search import SearchService
from calotype.web.apis.files.translate import file as translate
from calotype.web.apis.files.wire import file as wire

ROWS = 200_000
TIMES = 20  # requests a case
Query = dict[str, Any]


def cases() -> dict[str, Callable[[random.Random], Query]]:
    """What is asked: a query's parameters from a source of chance, so that hardly two requests are the same."""
    writer = Writer(99)
    words = vocabulary()
    tags = [tag for _ in range(100) for tag in writer.tags()]

    def sort(key: str, order: str) -> Callable[[random.Random], Query]:
        return lambda chance: {"sort_by": key, "sort_order": order, "offset": chance.randrange(0, 200, 20)}

    def search(make: Callable[[random.Random], str], **more: Any) -> Callable[[random.Random], Query]:
        return lambda chance: {"search": make(chance), **more}

    def dates(days: int) -> Callable[[random.Random], Query]:
        def make(chance: random.Random) -> Query:
            start = NEWEST - timedelta(days=chance.randint(30, 690))
            return {"date_from": start.isoformat(), "date_to": (start + timedelta(days=days)).isoformat()}

        return make

    return {
        "first page": lambda _: {},
        "deep offset": lambda chance: {"offset": chance.randrange(50_000, 190_000)},
        **{f"{key} {order}": sort(key, order) for key in wire_keys() for order in ("asc", "desc")},
        "tag": lambda chance: {"tags": chance.choice(tags)},
        "two tags": lambda chance: {"tags": [chance.choice(tags), chance.choice(tags)]},
        "one day": dates(1),
        "half a year": dates(180),
        "not described": lambda chance: {"has_description": False, "offset": chance.randrange(0, 100, 20)},
        "media type": lambda _: {"media_types": ["image", "video"]},
        "rare word": search(lambda chance: chance.choice(words[5000:])),
        "planted rare word": search(lambda _: "zeppelin"),
        "two words": search(lambda chance: f"{chance.choice(words[200:2000])} {chance.choice(words[200:2000])}"),
        "word in 2 %": search(lambda _: "bicycle"),
        "word in 10 %": search(lambda _: "lantern"),
        "word in 50 %": search(lambda _: "harbour"),
        "word in 90 %": search(lambda _: "photo"),
        "common and rare word": search(lambda chance: f"harbour {chance.choice(words[5000:])}"),
        "two common words": search(lambda _: "bicycle harbour"),
        "prefix": search(lambda chance: chance.choice(words[100:])[:4]),
        "file name": search(lambda chance: f"IMG_{chance.randrange(10_000):04}"),
        "CJK": search(lambda chance: writer.cjk(chance.randint(1, 3))),
        "metadata mode": search(lambda chance: chance.choice(words[500:]), search_mode="metadata"),
        "visible_text mode": search(lambda chance: chance.choice(words[500:]), search_mode="visible_text"),
        "visible_text common": search(lambda _: "harbour", search_mode="visible_text"),
        "word and title order": lambda chance: {"search": chance.choice(words[500:5000]), "sort_by": "title"},
        "word and tag": lambda chance: {"search": chance.choice(words[50:500]), "tags": chance.choice(tags)},
    }


def wire_keys() -> tuple[str, ...]:
    """The orders of a listing."""
    return ("created_at", "content_created_at", "title", "size_bytes")


def requests(seed: int) -> Iterator[tuple[str, Query]]:
    """Every case `TIMES` times, mixed."""
    chance = random.Random(seed)
    asked = [(name, make) for name, make in cases().items() for _ in range(TIMES)]
    chance.shuffle(asked)
    for name, make in asked:
        yield name, make(chance)


async def measure_service(url: str, tenant_id: UUID) -> dict[str, list[float]]:
    """Milliseconds of `SearchService.page` by case."""
    database = Database(url)
    service = SearchService(database)
    taken: dict[str, list[float]] = {}
    try:
        for seed in (1, 2):  # the first round warms caches and is forgotten
            taken = {}
            for name, query in requests(seed):
                asked = wire.ListQuery.model_validate(query)
                wanted, page = translate.filter_from_wire(asked), translate.page_from_wire(asked)
                begun = time.perf_counter()
                await service.page(Scope(tenant_id), wanted, page)
                taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
    finally:
        await database.aclose()
    return taken


def measure_http(client: httpx.Client) -> dict[str, list[float]]:
    """Milliseconds of `GET /user-files` by case."""
    taken: dict[str, list[float]] = {}
    for name, query in requests(3):
        begun = time.perf_counter()
        answer = client.get("/api/v2/user-files", params=query)
        taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 200, answer.text
    return taken


def _summary(name: str, taken: dict[str, list[float]]) -> dict[str, Any]:
    every = [value for values in taken.values() for value in values]
    cases = {
        case: f"p50 {statistics.median(values):.1f}  p95 {percentile(values, 0.95):.1f} ms"
        for case, values in taken.items()
    }
    return {
        "bench": name,
        "requests": len(every),
        "load_average": round(os.getloadavg()[0], 1),
        "p50_ms": round(statistics.median(every), 1),
        "p95_ms": round(percentile(every, 0.95), 1),
        "p99_ms": round(percentile(every, 0.99), 1),
        **{case: cases[case] for case in sorted(cases)},
    }


def run(rows: int = ROWS) -> list[dict[str, Any]]:
    """Fill a new server's database, then measure on both levels."""
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer(Path(data), "--no-worker", CALOTYPE_RATE_LIMIT="1000000") as server,
    ):
        url = server.database_url()
        key = server.new_key("bench")
        server.new_key("other")
        with psycopg.connect(url) as connection:
            names = dict(connection.execute("SELECT name, id FROM tenant").fetchall())
        fill(url, [(names["bench"], rows), (names["other"], rows // 10)])
        by_service = asyncio.run(measure_service(url, names["bench"]))
        with server.client(key) as client:
            by_http = measure_http(client)
    suffix = f", {rows:,} rows"
    return [_summary(f"search service{suffix}", by_service), _summary(f"GET /user-files{suffix}", by_http)]


if __name__ == "__main__":
    report(run(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
