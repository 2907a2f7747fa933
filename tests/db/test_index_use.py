"""The usual listings are read from indexes in their order, not sorted and not by reading whole tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.engine import Database
from calotype.db.folder import select_folder, select_folders
from calotype.db.listing import select_page
from calotype.domain.listing import AssetFilter, PageRequest, RecordedRange, SearchMode, SortKey
from calotype.domain.scope import Scope
from tests.db.conftest import new_tenant
from tests.db.rows import NOW, add_folder, vacuum

ROWS = 20_000
_UPLOADED = Decimal(str(NOW.timestamp())) + 60 * 10_000
_FILL = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, title, tags, created_at, updated_at, variants, has_description, captured_at, search,
    recorded_timestamp)
SELECT gen_random_uuid(), :tenant, 'image', 'image/jpeg', 'JPEG', 'STREAMING', 'key', 'name.jpg', n * 7919 % 100003,
    sha256(n::text::bytea), 'default', true, CASE WHEN n % 3 > 0 THEN md5(n::text) END,
    ARRAY['tag' || n % 500], CAST(:now AS timestamptz) + n * interval '1 minute', :now, '{}', n % 10 = 0,
    CASE WHEN n % 2 = 0 THEN CAST(:now AS timestamptz) - n * interval '1 hour' END,
    CAST('''~common'' ''common'' ''~rare' || n % 2000 || ''' ''rare' || n % 2000 || ''' '
        || (SELECT string_agg('''filler' || (n * i) % 997 || '''', ' ') FROM generate_series(1, 60) AS i) AS tsvector),
    CASE WHEN n % 4 > 0 THEN n * 0.5 END
FROM generate_series(1, :rows) AS n
"""

# The oldest, which lie farthest from where a listing begins.
_PLACE = """
UPDATE asset SET folder_id = :folder WHERE id IN (
    SELECT id FROM asset WHERE tenant_id = :tenant AND folder_id IS NULL ORDER BY created_at LIMIT :count)
"""


@dataclass(frozen=True, slots=True)
class Big:
    """A tenant with many rows, beside another one with as many."""

    scope: Scope
    connection: AsyncConnection
    folders: dict[int, UUID]


@pytest.fixture(scope="module")
async def big(database: Database) -> AsyncIterator[Big]:
    """Rows enough for the planner to care."""
    tenants = [await new_tenant(database) for _ in range(2)]
    async with database.write() as connection:
        for tenant_id in tenants:
            await connection.execute(text(_FILL), {"tenant": tenant_id, "now": NOW, "rows": ROWS})
        folders = {count: (await add_folder(connection, Scope(tenants[0]))).id for count in (30, 900)}
        for count, folder in folders.items():
            await connection.execute(text(_PLACE), {"tenant": tenants[0], "folder": folder, "count": count})
    async with database.read() as connection:
        await vacuum(connection, "asset")
        yield Big(Scope(tenants[0]), connection, folders)


async def plans(big: Big, wanted: AssetFilter, page: PageRequest, scope: Scope | None = None) -> list[dict[str, Any]]:
    """The nodes of the plans of every statement a listing runs, in one list."""
    return await explained(big, select_page(big.connection, scope or big.scope, wanted, page))


async def explained(big: Big, work: Awaitable[Any]) -> list[dict[str, Any]]:
    """The nodes of the plans of every statement that is run by some work on the connection, in one list."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    engine = big.connection.sync_connection.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await work
    finally:
        event.remove(engine, "before_cursor_execute", note)
    nodes: list[dict[str, Any]] = []
    driver = (await big.connection.get_raw_connection()).driver_connection
    for statement, parameters in asked:
        row = await (await driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)).fetchone()
        found = row[0] if isinstance(row[0], list) else json.loads(row[0])
        nodes += _nodes(found[0]["Plan"])
    return nodes


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *itertools.chain.from_iterable(_nodes(child) for child in plan.get("Plans", []))]


def sorted_rows(nodes: list[dict[str, Any]]) -> float:
    """How many rows went into the greatest sort."""
    return max((_input(node) for node in nodes if "Sort" in node["Node Type"]), default=0)


def _input(node: dict[str, Any]) -> float:
    return float(node["Plans"][0]["Actual Rows"])


def read_rows(nodes: list[dict[str, Any]]) -> float:
    """How many rows the greatest scan of the table gave or threw away."""
    looked_at = (
        node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        for node in nodes
        if node.get("Relation Name") == "asset" and node["Node Type"] != "Index Only Scan"
    )
    return max(looked_at, default=0)


def scans(nodes: list[dict[str, Any]]) -> set[str]:
    """The kinds of scans of the table."""
    return {node["Node Type"] for node in nodes if node.get("Relation Name") == "asset"}


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """The names of the indexes in use."""
    return {node["Index Name"] for node in nodes if "Index Name" in node}


@pytest.mark.parametrize("offset", [0, 300])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("key", SortKey)
async def test_every_order_is_read_from_its_index(big, key, descending, offset):
    """Whatever the order and its direction, only the window's own rows are fetched and put in order."""
    nodes = await plans(big, AssetFilter(), PageRequest(key, descending, 20, offset))
    assert "Seq Scan" not in scans(nodes)
    assert sorted_rows(nodes) <= 20
    assert read_rows(nodes) <= 20
    expected = {SortKey.CONTENT_CREATED_AT: "sort_at", SortKey.SIZE_BYTES: "size"}.get(key, key.value)
    assert any(name.startswith(f"asset_by_{expected}") for name in indexes(nodes))


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (AssetFilter(search="rare1999"), 10),
        (AssetFilter(search="rare1999 common"), 10),
        (AssetFilter(search="common rare1999", search_mode=SearchMode.METADATA), 10),
        (AssetFilter(search="rare1999", search_mode=SearchMode.VISIBLE_TEXT), 0),
        (AssetFilter(tags=("tag499",)), 40),
        (AssetFilter(tags=("tag499",), search="rare1999"), 10),
        (AssetFilter(search="nowhere"), 0),
    ],
)
@pytest.mark.parametrize("key", SortKey)
async def test_rare_words_and_tags_touch_only_their_rows(big, wanted, matches, key):
    """A search reads its own tenant's matches and no other row, whatever the order."""
    nodes = await plans(big, wanted, PageRequest(key))
    assert scans(nodes) <= {"Bitmap Heap Scan", "Index Scan"}
    assert "asset_by_words" in indexes(nodes)
    assert read_rows(nodes) <= max(matches, 20)


async def test_a_common_word_is_one_pass_over_its_tenants_matches(big):
    """Rows of other tenants are not looked at, and no text is compared again."""
    nodes = await plans(big, AssetFilter(search="common"), PageRequest())
    assert "Seq Scan" not in scans(nodes)
    assert read_rows(nodes) == ROWS
    assert not any(node.get("Rows Removed by Index Recheck") for node in nodes)


@pytest.mark.parametrize(
    "wanted",
    [
        AssetFilter(has_description=True),
        AssetFilter(media_types=("image", "link")),
        AssetFilter(media_types=("video",)),
        AssetFilter(folder_id=UUID(int=5)),
        AssetFilter(created_from=NOW + timedelta(minutes=500)),
        AssetFilter(created_from=NOW + timedelta(minutes=500), created_to=NOW + timedelta(minutes=540)),
        AssetFilter(created_to=NOW),
    ],
)
@pytest.mark.parametrize("key", [SortKey.CONTENT_CREATED_AT, SortKey.CREATED_AT])
async def test_filters_are_answered_by_an_index_alone(big, wanted, key):
    """What does not match is passed over within the index."""
    nodes = await plans(big, wanted, PageRequest(key))
    assert "Seq Scan" not in scans(nodes)
    assert read_rows(nodes) <= 2000
    assert sorted_rows(nodes) <= 2000


@pytest.mark.parametrize("count", [30, 900])
@pytest.mark.parametrize("key", SortKey)
async def test_a_folder_is_listed_by_reading_its_own_files(big, key, count):
    """Whatever the order, the other files of the tenant are not fetched, however far back these lie."""
    nodes = await plans(big, AssetFilter(folder_id=big.folders[count]), PageRequest(key))
    assert scans(nodes) <= {"Bitmap Heap Scan", "Index Scan", "Index Only Scan"}
    assert "asset_by_folder" in indexes(nodes)
    assert read_rows(nodes) <= count


@pytest.mark.parametrize("key", [SortKey.CREATED_AT, SortKey.SIZE_BYTES])
@pytest.mark.parametrize(
    ("recorded", "most"),
    [
        (RecordedRange(Decimal(5000), Decimal(5000)), 1),
        (RecordedRange(Decimal(5000), Decimal("5099.5"), includes_lowest=False), 200),
        (RecordedRange(_UPLOADED, _UPLOADED + 400 * 60), 100),
        (RecordedRange(highest=Decimal(100)), 200),
        (RecordedRange(lowest=Decimal(10**10)), 0),
    ],
)
async def test_a_time_of_recording_touches_only_its_rows(big, key, recorded, most):
    """Whether it was sent or is that of the upload, whatever the order; nothing else of the tenant is read."""
    nodes = await plans(big, AssetFilter(media_types=("image",), recorded=recorded), PageRequest(key))
    assert "asset_by_recorded" in indexes(nodes)
    assert "Seq Scan" not in scans(nodes)
    assert read_rows(nodes) <= most + 1


async def test_files_are_counted_by_folder_within_an_index(big):
    """Folders with their counts are read without looking at any file, or at what lies at the root."""
    found = await select_folders(big.connection, big.scope)
    assert sorted(folder.file_count for folder in found) == [30, 900]
    nodes = await explained(big, select_folders(big.connection, big.scope))
    assert scans(nodes) == {"Index Only Scan"}
    assert "asset_by_folder" in indexes(nodes)
    assert max(node["Actual Rows"] for node in nodes) <= 930


async def test_one_folders_files_are_counted_within_an_index(big):
    """What lies in a folder is counted without looking at any file."""
    nodes = await explained(big, select_folder(big.connection, big.scope, big.folders[900]))
    assert scans(nodes) == {"Index Only Scan"}
    assert "asset_by_folder" in indexes(nodes)


async def test_a_folder_that_goes_finds_its_files_by_the_index(big):
    """What the foreign key asks for each removed folder, trash included, has its index; a plan for any folder uses it too."""
    driver = (await big.connection.get_raw_connection()).driver_connection
    await driver.execute("SET plan_cache_mode = force_generic_plan")
    await driver.execute(
        "PREPARE going AS UPDATE asset SET folder_id = NULL WHERE $1::uuid = tenant_id AND $2::uuid = folder_id"
    )
    values = f"('{big.scope.tenant_id}', '{UUID(int=1)}')"
    row = await (await driver.execute(f"EXPLAIN (FORMAT JSON) EXECUTE going {values}")).fetchone()
    await driver.execute("DEALLOCATE going")
    await driver.execute("RESET plan_cache_mode")
    assert indexes(_nodes(row[0][0]["Plan"])) == {"asset_by_folder"}


async def test_a_search_of_the_trash_reads_the_trash_only(big):
    """The trash has its own index; the library is not read for it."""
    nodes = await plans(big, AssetFilter(search="common"), PageRequest(), big.scope.trashed())
    assert indexes(nodes) <= {"asset_trash", "asset_pkey"}
    assert read_rows(nodes) == 0


async def test_no_connection_prefers_reading_whole_tables(database):
    """The planner does not see that texts lie outside of the rows; left alone it reads all of them for a frequent word."""
    for opened in (database.read, database.write, database.mark, database.snapshot):
        async with opened() as connection:
            assert (await connection.execute(text("SHOW enable_seqscan"))).scalar_one() == "off"
