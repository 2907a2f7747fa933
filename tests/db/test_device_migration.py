"""The migration that brings devices works on a library that has pictures already."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, NotNullViolation, UniqueViolation

from calotype.db.asset import select_assets
from calotype.db.batch import update_image_counts
from calotype.db.device_image import select_batches_of_images
from calotype.db.engine import Database
from calotype.db.schema import REVISION, current_revision, migrate
from calotype.domain.scope import Scope
from tests.db.device_rows import add_device, add_image
from tests.db.test_color_migration import add_asset, migrate_to
from tests.running import new_database

NEW = ("device", "device_key", "batch", "device_image", "annotation", "idempotency_key")


@pytest.fixture
def old_database(database_url):
    """A database as it was before."""
    url = new_database(database_url)
    migrate_to(url, "0006")
    return url


async def test_pictures_of_an_older_version_are_as_they_were_and_belong_to_no_device(old_database):
    """Nothing of them has changed, also in the trash; deleting them counts nowhere, and devices can be used at once."""
    tenant_id = uuid4()
    with psycopg.connect(old_database, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, 'old', now())", [tenant_id])
        ids = [add_asset(connection, tenant_id, None) for _ in range(50)]
        connection.execute("UPDATE asset SET deleted_at = now() WHERE id = %s", [ids[7]])
        everything = "SELECT row_to_json(asset)::jsonb - '{text_status,text_error}'::text[] FROM asset ORDER BY id"
        before = connection.execute(everything).fetchall()

    assert migrate(old_database) is True
    assert migrate(old_database) is False

    with psycopg.connect(old_database) as connection:
        assert current_revision(connection) == REVISION
        assert connection.execute(everything).fetchall() == before
        for table in NEW:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    database, scope = Database(old_database), Scope(tenant_id)
    try:
        async with database.write() as connection:
            assert await select_batches_of_images(connection, scope, ids) == {}
            await update_image_counts(connection, scope, ids, -1)
            device = await add_device(connection, scope)
            image = await add_image(connection, scope, device.id)
            assert len(await select_assets(connection, scope.any(), [*ids, image.asset_id])) == 51
            assert await select_batches_of_images(connection, scope, [*ids, image.asset_id]) == {
                image.asset_id: image.batch_id
            }
    finally:
        await database.aclose()


async def test_the_database_refuses_what_cannot_be(database, database_url, scope):
    """Two open batches of a device, policies nobody knows, a hash twice, and rows of what does not exist."""
    async with database.write() as connection:
        device = await add_device(connection, scope)
        image = await add_image(connection, scope, device.id)
    given = {"tenant": scope.tenant_id, "device": device.id, "batch": image.batch_id, "asset": image.asset_id}
    given |= {"none": uuid4(), "hash": uuid4().bytes}
    batch = "INSERT INTO batch (id, tenant_id, device_id, image_count, created_at{}) VALUES (gen_random_uuid(), %(tenant)s, "
    key = "INSERT INTO device_key VALUES (gen_random_uuid(), %(device)s, %(tenant)s, %(hash)s, now())"
    joins = "INSERT INTO device_image (asset_id, tenant_id, device_id, batch_id, created_at) VALUES "
    sees = "INSERT INTO annotation (asset_id, index, tenant_id, class_value, type, geometry) VALUES "
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(batch.format(", closed_at") + "%(device)s, 1, now(), now())", given)
        connection.execute(key, given)
        for statement, violation in [
            (batch.format("") + "%(device)s, 1, now())", UniqueViolation),
            (batch.format("") + "%(none)s, 1, now())", ForeignKeyViolation),
            (key, UniqueViolation),
            ("UPDATE device SET duplicate_policy = 'maybe' WHERE id = %(device)s", CheckViolation),
            (joins + "(%(asset)s, %(tenant)s, %(device)s, %(batch)s, now())", UniqueViolation),
            (joins + "(%(none)s, %(tenant)s, %(device)s, %(batch)s, now())", ForeignKeyViolation),
            (sees + "(%(none)s, 0, %(tenant)s, 'a', 'point', '{}')", ForeignKeyViolation),
            (sees + "(%(asset)s, 0, %(tenant)s, 'a', 'point', NULL)", NotNullViolation),
        ]:
            with pytest.raises(violation):
                connection.execute(statement, given)
        connection.execute(sees + "(%(asset)s, 0, %(tenant)s, 'a', 'point', '{0,1}')", given)
        connection.execute("DELETE FROM asset WHERE id = %(asset)s", given)
        for table in ("annotation", "device_image"):
            assert connection.execute(f"SELECT 1 FROM {table} WHERE asset_id = %(asset)s", given).fetchall() == []
