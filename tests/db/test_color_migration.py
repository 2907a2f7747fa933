"""The migration that makes colours searchable works on a library that has colours already."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from calotype.db import color, schema
from calotype.db.engine import Database
from calotype.db.schema import migrate, sqlalchemy_url
from calotype.domain.asset import State
from calotype.domain.color import ColorCriteria
from calotype.domain.color_cells import cells_of
from calotype.domain.scope import Scope
from calotype.services.color_search import ColorSearchService
from tests.running import new_database

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EXTRACTED = datetime(2026, 1, 3, tzinfo=UTC)


def migrate_to(url, revision):
    """Bring an empty database to an older revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


@pytest.fixture
def old_database(database_url):
    """A database as it was before colours could be searched for."""
    url = new_database(database_url)
    migrate_to(url, "0003")
    return url


def add_asset(connection, tenant_id, facts):
    """A file of an older version, developed if it has facts; returns its id."""
    asset_id = uuid4()
    connection.execute(
        "INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, "
        "size_bytes, checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, variant_status, facts, "
        "has_description, search) VALUES (%s, %s, 'image', 'image/png', 'png', 'STREAMING', 'key', 'a.png', 1, '\\x00', "
        "'default', true, '{}', %s, %s, '{}', %s, %s, false, '')",
        [asset_id, tenant_id, NOW, NOW, "completed" if facts else "pending", facts],
    )
    return asset_id


def add_step(connection, tenant_id, asset_id, completed_at):
    """A finished extraction in the history of a file."""
    connection.execute(
        "INSERT INTO operation (id, asset_id, tenant_id, type, status, created_at, completed_at) "
        "VALUES (gen_random_uuid(), %s, %s, 'extract_colors', 'completed', %s, %s)",
        [asset_id, tenant_id, NOW, completed_at],
    )


def add_color(connection, tenant_id, asset_id, rank, percentage, rgb):
    """A dominant colour as older versions wrote it."""
    value = int.from_bytes(bytes(rgb), "big")
    connection.execute(
        "INSERT INTO dominant_color (asset_id, rank, tenant_id, percentage, rgb, lab) VALUES (%s, %s, %s, %s, %s, '{50,0,0}')",
        [asset_id, rank, tenant_id, percentage, value],
    )


async def test_colors_of_an_older_version_are_complete_and_found(old_database):
    """Each developed picture has its analysis, of the time of its last extraction; those still waiting have none."""
    tenant_id = uuid4()
    with psycopg.connect(old_database, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, 'old', %s)", [tenant_id, NOW])
        done, plain, waiting = [add_asset(connection, tenant_id, facts) for facts in ('{"a": 1}', '{"a": 1}', None)]
        for moment in (NOW, EXTRACTED):
            add_step(connection, tenant_id, done, moment)
        add_color(connection, tenant_id, done, 1, 70.12, (255, 255, 255))
        add_color(connection, tenant_id, done, 2, 29.88, (200, 30, 40))

    assert migrate(old_database) is True

    database, scope = Database(old_database), Scope(tenant_id)
    try:
        async with database.read() as connection:
            found = await color.select_extractions(connection, scope, [done, plain, waiting])
            assert set(found) == {done, plain}
            assert {(one.status, one.wanted, one.analysis.n_colors) for one in found.values()} == {
                (State.COMPLETED, 16, 16)
            }
            assert found[done].analysis.extracted_at == EXTRACTED
            assert found[plain].analysis.extracted_at == NOW
            assert [one.percentage for one in found[done].analysis.colors] == [70.12, 29.88]
            wanted = ColorCriteria(rgb=(200, 30, 40), threshold=0)
            entries = await color.select_color_entries(connection, scope, cells_of(wanted), 5.0)
            assert entries == done.bytes + bytes([0, 200, 30, 40]) + (2988).to_bytes(2, "big")
        page = await ColorSearchService(database).page(scope, ColorCriteria(name="white"), 10, 0)
        assert [match.asset.id for match in page.matches] == [done]
    finally:
        await database.aclose()
