"""Folders come into a library that has files already, and their constraints hold whatever a program does."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation
from sqlalchemy import create_engine

from calotype.db import schema
from calotype.db.schema import REVISION, current_revision, migrate, sqlalchemy_url
from tests.running import new_database

_FILL = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search, folder_id,
    deleted_at)
SELECT gen_random_uuid(), %(tenant)s, 'image', 'image/jpeg', 'jpeg', 'STREAMING', 'key', 'name.jpg', 1, ''::bytea, 'default',
    true, '{}', now(), now(), '{}', false, '',
    CASE WHEN n %% 10 = 0 THEN gen_random_uuid() END, CASE WHEN n %% 7 = 0 THEN now() END
FROM generate_series(1, 5000) AS n
"""


def upgrade(url, revision):
    """Bring a database to an older revision than the newest."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


def test_a_library_with_files_gets_folders(database_url):
    """Every file is there afterwards, at the root; a folder id that meant nothing is gone; nothing else has changed."""
    url = new_database(database_url)
    upgrade(url, "0002")
    everything = "SELECT id, updated_at, deleted_at, original_filename FROM asset ORDER BY id"
    with psycopg.connect(url) as connection:
        assert current_revision(connection) == "0002"
        tenant = uuid4()
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, 'old', now())", [tenant])
        connection.execute(_FILL, {"tenant": tenant})
        before = connection.execute(everything).fetchall()

    assert migrate(url) is True

    with psycopg.connect(url) as connection:
        assert current_revision(connection) == REVISION
        assert connection.execute(everything).fetchall() == before
        assert connection.execute("SELECT count(*) FROM asset WHERE folder_id IS NOT NULL").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM folder").fetchone() == (0,)


@pytest.fixture(scope="module")
def tenants(database_url):
    """Two tenants, each with a folder, a folder in that, and a file in the inner one: (tenant, outer, inner, file)."""
    made = []
    with psycopg.connect(database_url) as connection:
        for _ in range(2):
            tenant, outer, inner, file = (uuid4() for _ in range(4))
            connection.execute(
                "INSERT INTO tenant (id, name, created_at) VALUES (%s, %s, now())", [tenant, str(tenant)]
            )
            for folder, parent, depth in ((outer, None, 0), (inner, outer, 1)):
                connection.execute(
                    "INSERT INTO folder (id, tenant_id, parent_id, name, depth, created_at, updated_at) "
                    "VALUES (%s, %s, %s, 'name', %s, now(), now())",
                    [folder, tenant, parent, depth],
                )
            connection.execute(f"{_FILL} LIMIT 1", {"tenant": tenant})
            values = {"id": file, "folder": inner, "tenant": tenant}
            connection.execute(
                "UPDATE asset SET id = %(id)s, folder_id = %(folder)s WHERE tenant_id = %(tenant)s", values
            )
            made.append((tenant, outer, inner, file))
    return made


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        # a cycle, in any depths
        ("UPDATE folder SET parent_id = %(inner)s, depth = 2 WHERE id = %(outer)s", ForeignKeyViolation),
        ("UPDATE folder SET parent_id = id, depth = 1, name = 'x' WHERE id = %(outer)s", ForeignKeyViolation),
        # a depth that is not the parent's and one
        ("UPDATE folder SET depth = 2 WHERE id = %(inner)s", ForeignKeyViolation),
        ("UPDATE folder SET depth = 0 WHERE id = %(inner)s", CheckViolation),
        ("UPDATE folder SET parent_id = NULL WHERE id = %(inner)s", CheckViolation),
        ("UPDATE folder SET depth = 11 WHERE id = %(inner)s", CheckViolation),
        # a parent or folder that is another tenant's, or gone
        ("UPDATE folder SET parent_id = %(foreign)s WHERE id = %(inner)s", ForeignKeyViolation),
        ("UPDATE asset SET folder_id = %(foreign)s WHERE id = %(file)s", ForeignKeyViolation),
        ("UPDATE asset SET folder_id = gen_random_uuid() WHERE id = %(file)s", ForeignKeyViolation),
        ("DELETE FROM folder WHERE id = %(outer)s", ForeignKeyViolation),
        # two siblings of one name, at the root too
        ("UPDATE folder SET depth = 0, parent_id = NULL WHERE id = %(inner)s", UniqueViolation),
    ],
)
def test_the_database_refuses_what_is_no_tree(database_url, tenants, statement, violation):
    """Whatever a program forgets: cycles, wrong depths, strange parents and twins cannot be committed."""
    tenant, outer, inner, file = tenants[0]
    values = {"tenant": tenant, "outer": outer, "inner": inner, "file": file, "foreign": tenants[1][1]}
    with psycopg.connect(database_url) as connection:
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(violation):
            connection.execute(statement, values)


def test_a_file_whose_folder_goes_lies_at_the_root_and_keeps_its_tenant(database_url, tenants):
    """Only the folder is taken from the row."""
    tenant, _, inner, file = tenants[0]
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM folder WHERE id = %s", [inner])
        found = connection.execute("SELECT tenant_id, folder_id FROM asset WHERE id = %s", [file]).fetchone()
        assert found == (tenant, None)
        connection.rollback()


def test_a_subtree_moves_in_one_statement(database_url, tenants):
    """Depths of parents and children change together; the rule between them is asked at the end."""
    tenant, outer, inner, _ = tenants[1]
    target = UUID(int=outer.int ^ 1)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO folder (id, tenant_id, name, depth, created_at, updated_at) VALUES (%s, %s, 'target', 0, now(), now())",
            [target, tenant],
        )
        connection.execute(
            "UPDATE folder SET depth = depth + 1, parent_id = CASE WHEN id = %(outer)s THEN %(target)s ELSE parent_id END "
            "WHERE id IN (%(outer)s, %(inner)s)",
            {"outer": outer, "inner": inner, "target": target},
        )
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        depths = connection.execute(
            "SELECT depth FROM folder WHERE id IN (%s, %s) ORDER BY depth", [outer, inner]
        ).fetchall()
        connection.rollback()
    assert depths == [(1,), (2,)]
