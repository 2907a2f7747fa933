"""The migration that lets clients speak of pictures works on a library that has pictures already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from calotype.db.asset import select_assets
from calotype.db.engine import Database
from calotype.db.listing import select_page
from calotype.db.schema import REVISION, current_revision, migrate
from calotype.domain.listing import AssetFilter, PageRequest, RecordedRange
from calotype.domain.scope import Scope
from tests.db.test_color_migration import add_asset, migrate_to
from tests.running import new_database

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def old_database(database_url):
    """A database as it was before."""
    url = new_database(database_url)
    migrate_to(url, "0005")
    return url


async def test_pictures_of_an_older_version_are_as_they_were_and_found_by_when_they_were_uploaded(old_database):
    """Nothing of them has changed; nobody said anything of them, so their time of recording is that of their upload."""
    tenant_id = uuid4()
    with psycopg.connect(old_database, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, 'old', now())", [tenant_id])
        ids = [add_asset(connection, tenant_id, None) for _ in range(50)]
        for place, asset_id in enumerate(ids):
            moment = EPOCH + timedelta(days=20_000, microseconds=place)
            connection.execute("UPDATE asset SET created_at = %s WHERE id = %s", [moment, asset_id])
        connection.execute("UPDATE asset SET deleted_at = now() WHERE id = %s", [ids[7]])
        later = "'{recorded_timestamp,text_status,text_error}'::text[]"
        everything = f"SELECT row_to_json(asset)::jsonb - {later} FROM asset ORDER BY id"
        before = connection.execute(everything).fetchall()

    assert migrate(old_database) is True
    assert migrate(old_database) is False

    with psycopg.connect(old_database) as connection:
        assert current_revision(connection) == REVISION
        assert connection.execute(everything).fetchall() == before
        for table in ("custom_metadata", "embedding", "budget_use"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    database, scope = Database(old_database), Scope(tenant_id)
    try:
        async with database.snapshot() as connection:
            assets = await select_assets(connection, scope.any(), ids)
            assert {asset.recorded_timestamp for asset in assets.values()} == {None}
            start = Decimal(20_000 * 86_400)
            range_ = RecordedRange(start + Decimal("0.000005"), start + Decimal("0.000009"))
            page = await select_page(connection, scope, AssetFilter(recorded=range_), PageRequest())
        assert {asset.id for asset in page.assets} == {ids[5], ids[6], ids[8], ids[9]}
    finally:
        await database.aclose()


_EMBEDDING = (
    "INSERT INTO embedding (asset_id, source, part, model, tenant_id, dimension, vector, created_at) "
    "VALUES (%(asset)s, 'content', 0, 'm', %(tenant)s, %(dimension)s, %(vector)s::halfvec, now())"
)


def test_the_database_refuses_what_cannot_be(database_url):
    """Vectors of another length than they say, twice the same, and rows of pictures and keys that do not exist."""
    tenant = uuid4()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, %s, now())", [tenant, str(tenant)])
        asset = add_asset(connection, tenant, None)
        given = {"asset": asset, "tenant": tenant, "dimension": 3, "vector": "[1,2,3]"}
        connection.execute(_EMBEDDING, given)
        for values, violation in [
            ({}, UniqueViolation),
            ({"dimension": 2}, CheckViolation),
            ({"asset": uuid4()}, ForeignKeyViolation),
        ]:
            with pytest.raises(violation):
                connection.execute(_EMBEDDING, {**given, **values})
        with pytest.raises(ForeignKeyViolation):
            connection.execute("INSERT INTO budget_use VALUES (%s, 'image_uploads', now())", [uuid4()])
        connection.execute("DELETE FROM asset WHERE id = %s", [asset])
        assert connection.execute("SELECT 1 FROM embedding WHERE asset_id = %s", [asset]).fetchall() == []
