"""Latencies of the folder routes over 2,000 folders and 200,000 made files.

Run as `python -m bench.folders [files]`. A server without a worker is asked a request at a time; the reading cases come first,
on tables that have been vacuumed as a running installation's are, then those that change something.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from tests.running import RunningServer

from bench.report import report
from bench.requests import percentile

FILES = 200_000
FOLDERS = 2_000
TIMES = 20  # requests a case
BRANCH = 20  # every so many folders one at the root, the others inside it
# Folders of known size, filled with the oldest files, which lie farthest from where a listing begins.
LARGE = {"3,000 files": 0.015, "8,000 files": 0.04, "50,000 files": 0.25}

_FILL = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, title, tags, created_at, updated_at, variants, has_description, captured_at, search)
SELECT gen_random_uuid(), %(tenant)s, 'image', 'image/jpeg', 'jpeg', 'STREAMING', 'uploads/key/name.jpg', 'name.jpg',
    n::bigint * 7919 %% 100003, sha256(n::text::bytea), 'default', true, CASE WHEN n %% 3 > 0 THEN md5(n::text) END,
    ARRAY['tag' || n %% 500], timestamptz '2026-01-01' + n * interval '1 minute', now(), '{}', n %% 10 = 0,
    CASE WHEN n %% 2 = 0 THEN timestamptz '2026-01-01' + n * interval '1 minute' - interval '1 hour' END,
    CAST('''word' || n %% 2000 || '''' AS tsvector)
FROM generate_series(1, %(files)s) AS n
"""
_FOLDERS = """
INSERT INTO folder (id, tenant_id, parent_id, name, depth, created_at, updated_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, %(tenant)s,
    CASE WHEN n %% %(branch)s > 0 THEN lpad(to_hex(n - n %% %(branch)s), 32, '0')::uuid END,
    'folder ' || n, CASE WHEN n %% %(branch)s > 0 THEN 1 ELSE 0 END, now(), now()
FROM generate_series(0, %(folders)s - 1) AS n
"""
_PLACE = """
UPDATE asset SET folder_id = lpad(to_hex(%(first)s + (n - %(above)s) * %(count)s / %(width)s), 32, '0')::uuid
FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM asset WHERE tenant_id = %(tenant)s) AS numbered
WHERE asset.id = numbered.id AND n > %(above)s AND n < %(above)s + %(width)s
"""


def fill(url: str, tenant_id: UUID, files: int) -> dict[str, UUID]:
    """Write folders and files; returns the large folders by name. All others hold some hundred files or none."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL, {"tenant": tenant_id, "files": files})
        connection.execute(_FOLDERS, {"tenant": tenant_id, "folders": FOLDERS, "branch": BRANCH})
        above, large = 0, {}
        for first, (name, share) in enumerate(LARGE.items(), 1):
            width = round(files * share)
            values = {"tenant": tenant_id, "first": first, "above": above, "count": 1, "width": width}
            connection.execute(_PLACE, values)
            large[name] = UUID(int=first)
            above += width
        first = len(LARGE) + 1
        values = {"tenant": tenant_id, "first": first, "above": above, "count": FOLDERS - first, "width": files - above}
        connection.execute(_PLACE, values)
        connection.execute("VACUUM (ANALYZE) asset")
        connection.execute("VACUUM (ANALYZE) folder")
        return large


class Client:
    """Asks one case many times."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.chance = random.Random(1)
        self.taken: dict[str, list[float]] = {}

    def ask(self, case: str, make: Callable[[], tuple[str, str, dict[str, Any]]], times: int = TIMES) -> None:
        """Send what `make` gives, as (method, path, options), and note the milliseconds."""
        for _ in range(times):
            method, path, options = make()
            begun = time.perf_counter()
            answer = self._client.request(method, f"/api/v2{path}", **options)
            self.taken.setdefault(case, []).append((time.perf_counter() - begun) * 1000)
            assert answer.status_code < 300, answer.text

    def any_folder(self) -> UUID:
        """One of the small folders that have a parent."""
        return UUID(int=self.chance.randrange(FOLDERS // BRANCH) * BRANCH + self.chance.randint(5, BRANCH - 1))


def read(client: Client, large: dict[str, UUID]) -> None:
    """The cases that change nothing."""
    client.ask("GET /folders", lambda: ("GET", "/folders", {}))
    client.ask("GET /folders/{id}, small", lambda: ("GET", f"/folders/{client.any_folder()}", {}))
    client.ask("GET breadcrumbs", lambda: ("GET", f"/folders/{client.any_folder()}/breadcrumbs", {}))
    for name, folder in large.items():
        client.ask(f"GET /folders/{{id}}, {name}", lambda folder=folder: ("GET", f"/folders/{folder}", {}))
    for order in ("content_created_at", "created_at", "title", "size_bytes"):
        for name, folder in {"some 70 files": None, **large}.items():

            def listing(order: str = order, folder: UUID | None = folder) -> tuple[str, str, dict[str, Any]]:
                query = {"folder_id": str(folder or client.any_folder()), "sort_by": order}
                return "GET", "/user-files", {"params": query}

            client.ask(f"list {name} by {order}", listing)


def change(client: Client, url: str, tenant_id: UUID, large: dict[str, UUID]) -> None:
    """The cases that change something."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id::text FROM asset WHERE tenant_id = %s", [tenant_id]).fetchall()
    ids = [row[0] for row in rows]
    numbers = iter(range(10**6))
    client.ask("POST /folders", lambda: ("POST", "/folders", {"json": {"name": f"new {next(numbers)}"}}))
    client.ask(
        "PATCH /folders/{id}",
        lambda: ("PATCH", f"/folders/{client.any_folder()}", {"json": {"name": f"new {next(numbers)}"}}),
    )
    client.ask("move", lambda: ("POST", f"/folders/{client.any_folder()}/move", {"json": {}}))

    def moved() -> tuple[str, str, dict[str, Any]]:
        body = {"file_ids": client.chance.sample(ids, 100), "folder_id": str(client.any_folder())}
        return "POST", "/folders/move-files", {"json": body}

    client.ask("move-files of 100", moved)
    client.ask("GET /folders after that", lambda: ("GET", "/folders", {}))
    for name, mode in (("8,000 files", "move_to_parent"), ("50,000 files", "delete_all")):
        path = f"/folders/{large[name]}"
        client.ask(
            f"DELETE {name}, {mode}", lambda path=path, mode=mode: ("DELETE", path, {"params": {"mode": mode}}), 1
        )


def run(files: int = FILES) -> dict[str, Any]:
    """Fill a new server's database, then measure over HTTP."""
    with (
        tempfile.TemporaryDirectory() as data,
        RunningServer(Path(data), "--no-worker", CALOTYPE_RATE_LIMIT="1000000") as server,
    ):
        url, key = server.database_url(), server.new_key("bench")
        with psycopg.connect(url) as connection:
            (tenant_id,) = connection.execute("SELECT id FROM tenant WHERE name = 'bench'").fetchone()
        large = fill(url, tenant_id, files)
        with server.client(key) as plain:
            for _ in range(2):  # the first round warms caches and is forgotten
                client = Client(plain)
                read(client, large)
            change(client, url, tenant_id, large)
    cases = {
        case: f"p50 {statistics.median(values):.1f}  p95 {percentile(values, 0.95):.1f} ms"
        for case, values in client.taken.items()
    }
    return {
        "bench": f"folders, {FOLDERS:,} of them and {files:,} files",
        "load_average": round(os.getloadavg()[0], 1),
        **cases,
    }


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else FILES)])
