"""The migration that brings documents and links works on a library that has pictures already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from calotype.db.asset import select_asset, update_asset
from calotype.db.asset_text import upsert_asset_text
from calotype.db.engine import Database
from calotype.db.listing import select_page
from calotype.db.schema import REVISION, current_revision, migrate
from calotype.db.upkeep import select_unfinished
from calotype.domain.listing import AssetFilter, PageRequest
from calotype.domain.scope import Scope
from calotype.domain.search_text import to_body_tsvector, to_tsvector
from tests.db.rows import START
from tests.db.test_color_migration import add_asset, migrate_to
from tests.running import new_database

_NEW = "'{text_status,text_error}'::text[]"
_INDEX = "SELECT indexdef FROM pg_indexes WHERE indexname = 'asset_unfinished'"


@pytest.fixture
def old_database(database_url):
    """A database as it was before."""
    url = new_database(database_url)
    migrate_to(url, "0009")
    return url


async def test_pictures_of_an_older_version_are_as_they_were(old_database):
    """They have no text and wait for none; those that were unfinished still are, and words within may join theirs."""
    tenant_id = uuid4()
    with psycopg.connect(old_database, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, 'old', now())", [tenant_id])
        done = [add_asset(connection, tenant_id, "{}") for _ in range(20)]
        waiting = [add_asset(connection, tenant_id, None) for _ in range(20)]
        connection.execute("UPDATE asset SET deleted_at = now() WHERE id = ANY(%s)", [[done[0], waiting[0]]])
        connection.execute(
            "UPDATE asset SET search = %s::tsvector WHERE id = %s", [to_tsvector([("A", "pier")]), done[1]]
        )
        before = connection.execute("SELECT row_to_json(asset)::jsonb FROM asset ORDER BY id").fetchall()

    assert migrate(old_database) is True
    assert migrate(old_database) is False

    with psycopg.connect(old_database) as connection:
        assert current_revision(connection) == REVISION
        after = f"SELECT row_to_json(asset)::jsonb - {_NEW} FROM asset ORDER BY id"
        assert connection.execute(after).fetchall() == before
        assert connection.execute("SELECT DISTINCT text_status, text_error FROM asset").fetchall() == [(None, None)]
        for table in ("asset_text", "document", "document_chunk", "link"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        assert "text_status" in connection.execute(_INDEX).fetchone()[0]
    database, scope = Database(old_database), Scope(tenant_id)
    try:
        async with database.write() as connection:
            soon = datetime.now(UTC) + timedelta(days=1)
            found = await select_unfinished(connection, soon, START, 100)
            assert {asset.id for asset, _ in found} == set(waiting[1:])
            await select_asset(connection, scope, done[1], lock=True)
            await upsert_asset_text(connection, scope, done[1], "fog", to_body_tsvector("fog"))
            await update_asset(connection, scope, done[1], {"search": to_tsvector([("A", "pier")])})
            page = await select_page(connection, scope, AssetFilter(search="pier fog"), PageRequest())
            assert [asset.id for asset in page.assets] == [done[1]]
    finally:
        await database.aclose()


def test_the_database_refuses_what_cannot_be(database_url):
    """States that there are not, two chunks of one number, and rows beside assets that do not exist."""
    tenant = uuid4()
    chunk = (
        "INSERT INTO document_chunk (id, asset_id, tenant_id, index, content, headings, kind, word_count, search, created_at) "
        "VALUES (%s, %s, %s, 0, '', '{}', 'list', 0, '', now())"
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, %s, now())", [tenant, str(tenant)])
        asset = add_asset(connection, tenant, None)
        with pytest.raises(CheckViolation):
            connection.execute("UPDATE asset SET text_status = 'skipped' WHERE id = %s", [asset])
        connection.execute(chunk, [uuid4(), asset, tenant])
        with pytest.raises(UniqueViolation):
            connection.execute(chunk, [uuid4(), asset, tenant])
        with pytest.raises(ForeignKeyViolation):
            connection.execute(chunk, [uuid4(), uuid4(), tenant])
        connection.execute("DELETE FROM asset WHERE id = %s", [asset])
        assert connection.execute("SELECT 1 FROM document_chunk WHERE asset_id = %s", [asset]).fetchall() == []
