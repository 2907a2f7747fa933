"""Colours and their extractions: written and read by their own tenant, and found through the index alone."""

from __future__ import annotations

import struct
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from calotype.db import color, picture, trash
from calotype.db.engine import Database, pipelined
from calotype.domain.asset import State
from calotype.domain.color_cells import cell_of
from calotype.domain.color_names import lab_of
from calotype.domain.picture import DominantColor
from tests.db.conftest import new_tenant
from tests.db.rows import LATER, NOW, add_one, developed

RED, GREY = (200, 30, 40), (128, 127, 129)


def colors(*made):
    """Dominant colours of (rgb, percentage)."""
    return tuple(DominantColor(rank, share, rgb, lab_of(rgb)) for rank, (rgb, share) in enumerate(made, start=1))


def entry(asset_id, rgb, share):
    """What a search reads of a colour."""
    return asset_id.bytes + b"\0" + bytes(rgb) + struct.pack(">h", round(share * 100))


def pieces(found):
    """The entries, in an order of their own."""
    return sorted(found[start : start + 22] for start in range(0, len(found), 22))


async def extraction(connection, scope, asset_id):
    """The extraction of one picture."""
    return (await color.select_extractions(connection, scope, [asset_id])).get(asset_id)


async def test_a_development_leaves_an_analysis(database, scope, other_scope):
    """Of 16 colours, at the time of its transaction; other tenants see nothing of it."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        assert await extraction(connection, scope, identity) is None
        await picture.update_developed(connection, scope, identity, developed(), {})
        now = (await connection.execute(text("SELECT now()"))).scalar_one()
        found = await extraction(connection, scope, identity)
        assert (found.wanted, found.status) == (16, State.COMPLETED)
        assert (found.analysis.n_colors, found.analysis.extracted_at) == (16, now)
        assert found.analysis.colors == developed().colors
        assert await extraction(connection, other_scope, identity) is None


async def test_an_extraction_asked_for_outlives_a_development_and_a_failed_one_does_not(database, scope):
    """What somebody asked for is kept as it is, finished or waiting; where it failed the development's colours count."""
    identity = await add_one(database, scope)
    mine = colors((RED, 60.0))
    async with database.write() as connection:
        await color.upsert_requests(connection, scope, [identity], 5, NOW)
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
        waiting = await extraction(connection, scope, identity)
        assert (waiting.status, waiting.wanted, waiting.analysis) == (State.PENDING, 5, None)
        assert await color.select_colors(connection, scope, identity) == ()
    async with database.write() as connection:
        assert await color.update_begun(connection, scope, identity) == 5
        assert await color.update_ended(connection, scope, identity, 5, State.COMPLETED)
        await color.replace_colors(connection, scope, identity, mine)
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
        assert (await extraction(connection, scope, identity)).analysis.colors == mine
        await color.upsert_requests(connection, scope, [identity], 7, LATER)
        assert await color.update_ended(connection, scope, identity, 7, State.FAILED)
        failed = await extraction(connection, scope, identity)
        assert (failed.status, failed.analysis.n_colors, failed.analysis.colors) == (State.FAILED, 5, mine)
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
        assert (await extraction(connection, scope, identity)).analysis.colors == developed().colors


async def test_an_extraction_ends_once_and_only_for_the_number_it_was_made_for(database, scope, other_scope):
    """A late result for another number is not taken; nor is one of another tenant, nor a second one."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        await color.upsert_requests(connection, other_scope, [identity], 5, NOW)
        assert await extraction(connection, scope, identity) is None
        await color.upsert_requests(connection, scope, [identity, uuid4()], 5, NOW)
        assert await color.update_begun(connection, other_scope, identity) is None
        assert await color.update_begun(connection, scope, identity) == 5
        await color.upsert_requests(connection, scope, [identity], 8, LATER)
        assert not await color.update_ended(connection, scope, identity, 5, State.COMPLETED)
        assert not await color.update_ended(connection, other_scope, identity, 8, State.COMPLETED)
        assert await color.update_ended(connection, scope, identity, 8, State.COMPLETED)
        assert not await color.update_ended(connection, scope, identity, 8, State.FAILED)
        assert await color.update_begun(connection, scope, identity) is None


async def test_colors_are_not_written_without_their_analysis(database, scope):
    """Only the transaction that wrote an analysis may replace its colours."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        await color.replace_colors(connection, scope, identity, colors((RED, 60.0)))
        assert await color.select_colors(connection, scope, identity) == ()
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
    async with database.write() as connection, pipelined(connection) as pipeline:
        await color.replace_colors(pipeline, scope, identity, colors((RED, 60.0)))
    async with database.read() as connection:
        assert await color.select_colors(connection, scope, identity) == developed().colors


async def test_entries_are_those_of_the_cells_the_share_and_the_tenant(database, scope, other_scope):
    """22 bytes each, exact; the lesser share is left out, and so is what another tenant has."""
    one, other, foreign = [await add_one(database, owner) for owner in (scope, scope, other_scope)]
    async with database.write() as connection:
        for owner, identity, made in (
            (scope, one, colors((RED, 62.51), (GREY, 5.0))),
            (scope, other, colors((GREY, 99.99), (RED, 4.99))),
            (other_scope, foreign, colors((RED, 100.0))),
        ):
            await picture.update_developed(connection, owner, identity, developed(colors=made), {})
        cells = [cell_of(RED), cell_of(GREY)]
        found = await color.select_color_entries(connection, scope, cells, 5.0)
        assert pieces(found) == sorted([entry(one, RED, 62.51), entry(one, GREY, 5.0), entry(other, GREY, 99.99)])
        only_red = await color.select_color_entries(connection, scope, cells[:1], 0.0)
        assert pieces(only_red) == sorted([entry(one, RED, 62.51), entry(other, RED, 4.99)])
        assert await color.select_color_entries(connection, scope, [cells[0] ^ 1], 0.0) == b""


async def test_hidden_ids_are_those_of_the_trash(database, scope, other_scope):
    """Trashed assets of the tenant and of nobody else."""
    _, gone, foreign = [await add_one(database, owner) for owner in (scope, scope, other_scope)]
    async with database.write() as connection:
        await trash.update_deleted(connection, scope, [gone], NOW)
        await trash.update_deleted(connection, other_scope, [foreign], NOW)
        assert await color.select_hidden_ids(connection, scope) == gone.bytes
        await trash.update_restored(connection, scope, gone, NOW)
        assert await color.select_hidden_ids(connection, scope) == b""


async def test_a_purged_picture_leaves_no_colors(database, scope):
    """Rows go with the asset they belong to."""
    identity = await add_one(database, scope)
    async with database.write() as connection:
        await picture.update_developed(connection, scope, identity, developed(), {})
        await connection.execute(text("DELETE FROM asset WHERE id = :id"), {"id": identity})
        assert await color.select_colors(connection, scope, identity) == ()
        assert await extraction(connection, scope, identity) is None


_FILL = """
WITH made AS (
    INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename,
        size_bytes, checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search)
    SELECT gen_random_uuid(), %(tenant)s, 'image', 'image/jpeg', 'jpeg', 'STREAMING', 'key', 'name.jpg', 1, '\\x00', 'default',
        true, '{}', now(), now(), '{}', false, '' FROM generate_series(1, 3000) RETURNING id
)
INSERT INTO dominant_color (asset_id, rank, tenant_id, percentage, rgb, lab)
SELECT id, rank, %(tenant)s, 20 - rank, (random() * 16777215)::integer, '{0,0,0}' FROM made, generate_series(1, 6) AS rank
"""


@pytest.fixture
async def filled(database: Database, database_url: str):
    """A tenant with many colours, beside another one with as many."""
    tenants = [await new_tenant(database) for _ in range(2)]
    with psycopg.connect(database_url, autocommit=True) as connection:
        for tenant_id in tenants:
            connection.execute(_FILL, {"tenant": tenant_id})
        connection.execute("VACUUM (ANALYZE) dominant_color")
    return tenants[0]


async def test_a_search_reads_its_cells_of_the_index_and_no_row(database, filled):
    """The index alone answers, and of it only what lies in the cells of the tenant."""
    cells = [cell_of((red, green, 128)) for red in range(0, 64, 8) for green in range(0, 64, 8)]
    parameters = {"tenant_id": filled, "cells": cells, "least": 15.0}
    async with database.read() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        cursor = await driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {color._ENTRIES}", parameters)
        plan = (await cursor.fetchone())[0][0]["Plan"]
    while plan.get("Plans"):
        (plan,) = plan["Plans"]
    assert plan["Node Type"] == "Index Only Scan"
    assert plan["Index Name"] == "dominant_color_by_cell"
    assert plan["Heap Fetches"] < 50  # pages somebody else's transaction still kept from being marked
    assert plan.get("Rows Removed by Filter", 0) == 0
    assert plan["Actual Rows"] < 500
