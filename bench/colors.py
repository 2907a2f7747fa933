"""Latencies of searching 200,000 made pictures by colour, exact counts included; the aim is p95 < 100 ms.

Run as `python -m bench.colors [pictures]`. Each kind of search is asked of the service in this process and over HTTP of a
server without a worker, a request at a time, each for another colour. `all requests` takes each kind equally often. What it
costs to write the colours of one picture is measured in the same database.
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
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import psycopg
from tests.running import RunningServer

from bench.library import NEWEST
from bench.report import report
from bench.requests import percentile
from calotype.db.color import upsert_developed_colors
from calotype.db.engine import Database, pipelined
from calotype.domain.color import ColorFamily
from calotype.domain.color_names import COLORS
from calotype.domain.picture import DominantColor
from calotype.domain.scope import Scope
from calotype.services.color_search import ColorSearchService
from calotype.web.apis.files.translate import color as translate
from calotype.web.apis.files.wire import color as wire

PICTURES = 200_000
TIMES = 40  # requests a kind
TRASHED = 100  # of so many pictures one is in the trash
Query = dict[str, Any]


def _near(chance: random.Random, rgb: tuple[int, int, int], spread: int) -> str:
    mixed = (min(255, max(0, channel + chance.randint(-spread, spread))) for channel in rgb)
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def _grey(chance: random.Random) -> str:
    level = chance.randint(20, 235)
    return _near(chance, (level, level, level), 4)


def _brown(chance: random.Random) -> str:
    return _near(chance, chance.choice(((112, 66, 36), (166, 122, 82), (58, 38, 24), (140, 110, 80))), 12)


def _saturated(chance: random.Random) -> str:
    vivid = ((220, 30, 30), (240, 200, 20), (30, 170, 60), (20, 60, 220), (230, 120, 20), (200, 30, 160), (0, 180, 190))
    return _near(chance, chance.choice(vivid), 20)


def kinds() -> dict[str, Callable[[random.Random], Query]]:
    """What is asked: a search's body from a source of chance."""
    names = [*COLORS]
    families = [family.value for family in ColorFamily]
    return {
        "grey": lambda chance: {"hex_code": _grey(chance)},
        "brown": lambda chance: {"hex_code": _brown(chance)},
        "saturated": lambda chance: {"hex_code": _saturated(chance)},
        "saturated, third page": lambda chance: {"hex_code": _saturated(chance), "offset": 100},
        "grey, narrow": lambda chance: {"hex_code": _grey(chance), "delta_e_threshold": 5},
        "grey, mostly": lambda chance: {"hex_code": _grey(chance), "min_percentage": 30},
        "name": lambda chance: {"color_name": chance.choice(names)},
        "family": lambda chance: {"color_family": chance.choice(families)},
        "colour and family": lambda chance: {"hex_code": _brown(chance), "color_family": "earth_tone"},
    }


def requests(seed: int) -> Iterator[tuple[str, Query]]:
    """Every kind `TIMES` times, mixed."""
    chance = random.Random(seed)
    asked = [(name, make) for name, make in kinds().items() for _ in range(TIMES)]
    chance.shuffle(asked)
    for name, make in asked:
        yield name, make(chance)


def made_colors(count: int, seed: int) -> tuple[Any, Any, Any, Any]:
    """(picture, rank, percentage, rgb) of the dominant colours of made pictures: 5 to 11 each, five of them above 5 %.

    Lightness, chroma and hue are spread as in real photographs: the median chroma is 9, a tenth is above 35, and most
    hues are those of wood and skin or of sky.
    """
    chance = np.random.default_rng(seed)
    counts = chance.integers(5, 12, count)
    owner = np.repeat(np.arange(count), counts)
    start = np.cumsum(counts) - counts
    total = len(owner)
    weight = chance.gamma(0.9, 1, total)
    share = weight / np.repeat(np.add.reduceat(weight, start), counts) * 99
    share = np.floor(share[np.lexsort((-share, owner))] * 100) / 100
    warm_or_cool = np.where(chance.random(total) < 0.35, chance.normal(70, 18, total), chance.normal(255, 20, total))
    hue = np.radians(np.where(chance.random(total) < 0.85, warm_or_cool, chance.random(total) * 360))
    greyish = np.where(chance.random(total) < 0.3, chance.exponential(3, total), chance.gamma(2, 6, total))
    chroma = np.where(chance.random(total) < 0.85, greyish, chance.uniform(20, 80, total))
    lightness = np.clip(chance.beta(1.4, 1.7, total) * 100, 2, 98)
    rgb = _to_srgb(np.column_stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)]))
    return owner, np.arange(total) - np.repeat(start, counts) + 1, np.maximum(share, 0.5), rgb


def _to_srgb(lab: Any) -> Any:
    y = (lab[:, 0] + 16) / 116
    root = np.column_stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200])
    ratio = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    to_linear = np.array([[3.2405, -1.5371, -0.4985], [-0.9693, 1.8760, 0.0416], [0.0556, -0.2040, 1.0572]])
    linear = np.clip((ratio * [0.95047, 1, 1.08883]) @ to_linear.T, 0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(np.clip(value, 0, 1) * 255).astype(np.int64)


def fill(url: str, tenant_id: UUID, count: int, seed: int) -> int:
    """Write the rows of that many pictures; returns how many colours they have."""
    chance = random.Random(seed)
    ids = [UUID(int=chance.getrandbits(128), version=4) for _ in range(count)]
    owner, rank, share, rgb = made_colors(count, seed)
    value = rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        columns = (
            "id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes, "
            "checksum, storage_target, auto_describe, tags, created_at, updated_at, deleted_at, width, height, variants, "
            "variant_status, description_status, has_description, search"
        )
        with cursor.copy(f"COPY asset ({columns}) FROM STDIN") as copy:
            for number, id_ in enumerate(ids):
                copy.write_row((
                    id_, tenant_id, "image", "image/jpeg", "jpeg", "STREAMING", f"uploads/{tenant_id}/{id_}/a.jpg", "a.jpg",
                    1, id_.bytes * 2, "default", False, [], NEWEST, NEWEST, NEWEST if number % TRASHED == 0 else None,
                    4032, 3024, "{}", "completed", "skipped", False, "",
                ))  # fmt: skip
        columns = "asset_id, tenant_id, wanted, status, n_colors, extracted_at"
        with cursor.copy(f"COPY color_analysis ({columns}) FROM STDIN") as copy:
            for id_ in ids:
                copy.write_row((id_, tenant_id, 16, "completed", 16, NEWEST))
        columns = "asset_id, tenant_id, rank, percentage, rgb, lab"
        with cursor.copy(f"COPY dominant_color ({columns}) FROM STDIN") as copy:
            for row in zip(owner.tolist(), rank.tolist(), share.tolist(), value.tolist(), strict=True):
                copy.write_row((ids[row[0]], tenant_id, row[1], row[2], row[3], [50.0, 1.0, 2.0]))
        for table in ("asset", "color_analysis", "dominant_color"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
        cursor.execute("CHECKPOINT")
    return len(owner)


async def measure_service(url: str, tenant_id: UUID) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Milliseconds of `ColorSearchService.page` by kind, and how many pictures such a search finds in the middle."""
    database = Database(url)
    service = ColorSearchService(database)
    taken: dict[str, list[float]] = {}
    found: dict[str, list[int]] = {}
    try:
        for seed in (1, 2):  # the first round warms caches and is forgotten
            taken = {}
            for name, query in requests(seed):
                asked = wire.SearchRequest.model_validate(query)
                begun = time.perf_counter()
                criteria = translate.criteria_from_wire(asked)
                page = await service.page(Scope(tenant_id), criteria, asked.limit, asked.offset)
                taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
                found.setdefault(name, []).append(page.total_count)
    finally:
        await database.aclose()
    return taken, {name: round(statistics.median(counts)) for name, counts in found.items()}


def measure_http(client: httpx.Client) -> dict[str, list[float]]:
    """Milliseconds of `POST /colors/search` by kind."""
    taken: dict[str, list[float]] = {}
    for seed in (3, 4):
        taken = {}
        for name, query in requests(seed):
            begun = time.perf_counter()
            answer = client.post("/api/v2/colors/search", json=query)
            taken.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 200, answer.text
    return taken


async def measure_writing(url: str, tenant_id: UUID, times: int = 300) -> list[float]:
    """Milliseconds in which 16 colours replace those of a picture, among other statements of a transaction."""
    database = Database(url)
    chance = random.Random(5)
    taken = []
    try:
        with psycopg.connect(url) as connection:
            query = "SELECT id FROM asset WHERE tenant_id = %s ORDER BY id LIMIT %s"
            ids = [row[0] for row in connection.execute(query, [tenant_id, times]).fetchall()]
        for id_ in ids:
            colors = [
                DominantColor(
                    rank, 6.0, (chance.randrange(256), chance.randrange(256), chance.randrange(256)), (1, 2, 3)
                )
                for rank in range(1, 17)
            ]
            async with database.write() as connection:
                async with pipelined(connection):
                    pass
                begun = time.perf_counter()
                async with pipelined(connection) as pipeline:
                    await upsert_developed_colors(pipeline, Scope(tenant_id), id_, colors)
                taken.append((time.perf_counter() - begun) * 1000)
    finally:
        await database.aclose()
    return taken[times // 10 :]


def _summary(name: str, taken: dict[str, list[float]], found: dict[str, int]) -> dict[str, Any]:
    every = [value for values in taken.values() for value in values]
    return {
        "bench": name,
        "requests": len(every),
        "load_average": round(os.getloadavg()[0], 1),
        "p50_ms": round(statistics.median(every), 1),
        "p95_ms": round(percentile(every, 0.95), 1),
        "p99_ms": round(percentile(every, 0.99), 1),
        **{
            kind: f"p50 {statistics.median(values):.1f}  p95 {percentile(values, 0.95):.1f} ms, finds {found[kind]:,}"
            for kind, values in taken.items()
        },
    }


def run(pictures: int = PICTURES) -> list[dict[str, Any]]:
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
        fill(url, names["other"], pictures // 10, 1)
        colors = fill(url, names["bench"], pictures, 2)
        by_service, found = asyncio.run(measure_service(url, names["bench"]))
        with server.client(key) as client:
            by_http = measure_http(client)
        writing = asyncio.run(measure_writing(url, names["bench"]))
    suffix = f", {pictures:,} pictures with {colors:,} colours"
    return [
        _summary(f"colour search service{suffix}", by_service, found),
        _summary(f"POST /colors/search{suffix}", by_http, found),
        {
            "bench": f"writing the 16 colours of a picture{suffix}",
            "p50_ms": round(statistics.median(writing), 2),
            "p95_ms": round(percentile(writing, 0.95), 2),
        },
    ]


if __name__ == "__main__":
    report(run(int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES))
