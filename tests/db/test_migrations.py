"""Bringing a database up to date works from nothing, again, and from many processes at once."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect

from calotype.db import schema, tables
from calotype.db.schema import REVISION, current_revision, migrate, sqlalchemy_url
from calotype.domain.errors import Unavailable
from tests.running import wait_for

# The last change of the queue's tables that databases of all ages have: 0001 makes them as the installed library has them.
QUEUE_CHANGES = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """An empty database of its own on the test server."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield database_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_is_migrated_once(empty_database):
    """The first call makes the tables; the second finds nothing to do."""
    assert migrate(empty_database) is True
    assert migrate(empty_database) is False
    with psycopg.connect(empty_database) as connection:
        assert current_revision(connection) == REVISION


def test_the_revision_is_that_of_the_newest_migration():
    """A new migration file must come with a new REVISION, or it would never run."""
    assert max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py")) == REVISION


def test_migrations_form_one_chain():
    """Each migration follows the one before it, and is named by its revision."""
    before = None
    for path in sorted(VERSIONS.glob("[0-9]*.py")):
        text = path.read_text()
        revision = re.search(r'^revision = "(\w+)"', text, re.MULTILINE)
        follows = re.search(r'^down_revision = (?:"(\w+)"|None)', text, re.MULTILINE)
        assert revision
        assert path.name.startswith(f"{revision.group(1)}_")
        assert follows
        assert follows.group(1) == before
        before = revision.group(1)


def test_many_processes_may_migrate_at_once(empty_database):
    """Nodes that start together end with one migrated database and no error."""
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        changed = pool.map(migrate, [empty_database] * 6, chunksize=1)
    assert any(changed)
    with psycopg.connect(empty_database) as connection:
        assert current_revision(connection) == REVISION


def test_hashes_move_to_their_own_table_with_data_in_place(empty_database):
    """Every hash of revision 0001 is in the new table under its tenant, is found by its indexes, and goes with its asset."""
    upgrade(empty_database, "0001")
    tenant = uuid4()
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("INSERT INTO tenant (id, name, created_at) VALUES (%s, 'x', now())", [tenant])
        connection.execute(_OLD_ASSETS, [tenant])
        before = connection.execute(
            "SELECT id, tenant_id, phash FROM asset WHERE phash IS NOT NULL ORDER BY id"
        ).fetchall()
        assert 0 < len(before) < 3000

    assert migrate(empty_database) is True

    with psycopg.connect(empty_database, autocommit=True) as connection:
        after = connection.execute(
            "SELECT asset_id, tenant_id, phash FROM perceptual_hash ORDER BY asset_id"
        ).fetchall()
        assert after == before
        assert connection.execute("SELECT count(*) FROM asset").fetchone() == (3000,)
        columns = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'asset'")
        assert "phash" not in {row[0] for row in columns}
        indexes = connection.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'perceptual_hash'").fetchone()
        assert indexes == (6,)
        connection.execute("DELETE FROM asset WHERE id = %s", [before[0][0]])
        assert connection.execute("SELECT count(*) FROM perceptual_hash").fetchone() == (len(before) - 1,)


def upgrade(url: str, revision: str) -> None:
    """Bring a database to an older revision, as an older version of the program left it."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


_OLD_ASSETS = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search, phash)
SELECT gen_random_uuid(), %s, 'image', 'image/jpeg', 'jpeg', 'STREAMING', 'k', 'n', 1, sha256(n::text::bytea), 'default', true,
    '{}', now(), now(), '{}', false, '', CASE WHEN n %% 5 > 0 THEN (hashtextextended(n::text, 0))::bit(64) END
FROM generate_series(1, 3000) AS n
"""


def test_a_database_of_a_newer_version_is_refused_readably(empty_database):
    """An old program says why it does not start, and leaves the database alone."""
    migrate(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(Unavailable, match="another version of Calotype"):
            migrate(empty_database)
        assert current_revision(connection) == "9999"


def test_a_failed_migration_does_not_keep_others_waiting(empty_database):
    """After a refusal the lock is free again."""
    migrate(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for _ in range(2):
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            with pytest.raises(Unavailable):
                migrate(empty_database)
        # The database notices by itself, soon, that the connection of who was refused is closed.
        held = (
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND datname = current_database()"
        )
        wait_for(lambda: not connection.execute(held).fetchall(), "the lock is still held")


def test_the_tables_of_the_queue_are_those_its_library_expects():
    """Whoever updates procrastinate to a version that changes its tables adds a migration for older databases."""
    changes = (file.name for file in (resources.files("procrastinate") / "sql" / "migrations").iterdir())
    assert max(name for name in changes if name.endswith(".sql")) == QUEUE_CHANGES


def test_the_tables_in_the_code_are_the_tables_in_the_database(database_url):
    """Names, types, nullability, keys and generated columns agree, column by column, in both directions."""
    engine = create_engine(sqlalchemy_url(database_url))
    try:
        inspector = inspect(engine)
        ours = {name for name in inspector.get_table_names() if not name.startswith("procrastinate_")}
        assert ours == {*tables.metadata.tables, "alembic_version"}
        for table in tables.metadata.sorted_tables:
            found = {column["name"]: column for column in inspector.get_columns(table.name)}
            assert list(found) == [column.name for column in table.columns], table.name
            for column in table.columns:
                place = f"{table.name}.{column.name}"
                stored = found[column.name]
                declared = column.type.compile(engine.dialect)
                assert stored["type"].compile(engine.dialect) == declared, place
                assert stored["nullable"] == column.nullable, place
                assert ("computed" in stored) == (column.computed is not None), place
            key = inspector.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key], table.name
            references = {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(table.name)}
            assert references == {tuple(key.column_keys) for key in table.foreign_key_constraints}, table.name
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
        ("postgres://u:p@h/db?x=1", "postgresql+psycopg://u:p@h/db?x=1"),
        ("postgresql+psycopg://u@h/db", "postgresql+psycopg://u@h/db"),
    ],
)
def test_addresses_name_the_driver(url, expected):
    """Both usual schemes are understood; a named driver stays."""
    assert sqlalchemy_url(url) == expected
