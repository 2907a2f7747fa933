"""A PostgreSQL that an operator brings needs no superuser, and one that lacks something says what."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from calotype.db.schema import REVISION, current_revision, migrate
from calotype.domain.errors import Unavailable
from tests.postgres import PASSWORD, SUPERUSER, ExternalPostgres


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExternalPostgres]:
    """A server of the operator's own, over TCP and with passwords."""
    server = ExternalPostgres(tmp_path_factory.mktemp("external") / "postgres")
    server.start()
    yield server
    server.stop("immediate")


def test_a_role_that_owns_its_database_is_enough(postgres):
    """With the extension there, a plain role migrates, and is no superuser afterwards either."""
    url = postgres.new_database("plain", has_vector=True)

    assert migrate(url) is True

    with psycopg.connect(url) as connection:
        assert current_revision(connection) == REVISION
        assert connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone() == (False, False, False)


def test_an_extension_that_only_a_superuser_may_create_is_asked_for(postgres):
    """The reason and the command that helps are told, and once it was run everything goes on."""
    url = postgres.new_database("without_vector")
    with pytest.raises(Unavailable, match="could not be prepared: permission denied to create extension") as refusal:
        migrate(url)
    assert "CREATE EXTENSION vector" in refusal.value.context["remedy"]

    with psycopg.connect(postgres.superuser_url("without_vector"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")

    assert migrate(url) is True


def test_a_role_that_may_make_no_tables_is_told_so(postgres):
    """A database of somebody else is refused with a reason, and nothing of the migrations stays in it."""
    url = postgres.new_database("guest", has_vector=True)
    with psycopg.connect(postgres.superuser_url("guest"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE guest OWNER TO {SUPERUSER}")

    with pytest.raises(Unavailable, match="permission denied for schema public") as refusal:
        migrate(url)

    assert "own its database" in refusal.value.context["remedy"]


@pytest.mark.parametrize("wrong", ["password", "port", "database"])
def test_an_address_that_is_wrong_is_told_without_its_password(postgres, wrong):
    """Whatever of it is wrong, the reason names it, and the password stands nowhere."""
    url = postgres.superuser_url()
    changed = {
        "password": url.replace("@", "x@"),
        "port": "postgresql://calotype:hidden@127.0.0.1:1/calotype",
        "database": postgres.superuser_url("nowhere"),
    }[wrong]

    with pytest.raises(Unavailable, match="the database cannot be reached") as refusal:
        migrate(changed)

    told = f"{refusal.value.message} {refusal.value.context}"
    assert all(secret not in told for secret in (PASSWORD, "hidden", url.split(":")[2].partition("@")[0]))
