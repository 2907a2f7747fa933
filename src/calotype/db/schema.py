"""Bringing a database to the schema this version needs."""

from __future__ import annotations

from pathlib import Path

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from calotype.domain.errors import InvalidInput, Unavailable

REVISION = "0011"
"""The migration this version works with; a test holds it against the newest migration file."""

_LOCK = 0x43414C4F  # "CALO": one migration at a time over all processes


def migrate(url: str) -> bool:
    """Run what is missing, alone among all processes; returns whether anything had to be done.

    Raises InvalidInput for an address of another kind, and Unavailable when the database cannot be reached, lacks what this
    version needs, or was made by a newer one; a `remedy` is in the context of both.
    """
    check_url(url)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            if current_revision(connection) == REVISION:
                return False
    except psycopg.Error as error:
        reason = f"the database cannot be reached: {_first_line(error)}"
        raise Unavailable(reason, remedy="start PostgreSQL, or check CALOTYPE_DATABASE_URL") from error
    _upgrade(url)
    return True


def current_revision(connection: psycopg.Connection) -> str | None:
    """The revision the database is at, or None when it is empty."""
    row = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return None
    version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(version[0]) if version else None


def _upgrade(url: str) -> None:
    # Alembic takes a third of a second to import, which a start without migrations need not pay.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
            connection.commit()
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                reason = f"this database belongs to another version of Calotype: {error}"
                raise Unavailable(reason, remedy="install the newest Calotype") from error
            except (DBAPIError, psycopg.Error) as error:  # migrations speak to the driver itself
                cause = error.orig if isinstance(error, DBAPIError) else error
                reason = f"the database could not be prepared: {_first_line(cause)}"
                raise Unavailable(reason, remedy=_remedy(cause)) from error
            connection.commit()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
            connection.commit()
    finally:
        engine.dispose()


def sqlalchemy_url(url: str) -> str:
    """The same address with the driver named, as SQLAlchemy wants it."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in {"postgresql", "postgres"} else url


def check_url(url: str) -> None:
    """Refuse an address of another kind of database. Raises InvalidInput with a `remedy`."""
    # The driver would repeat the whole of it in its complaint, and a password may stand there.
    if not url.startswith(("postgresql://", "postgres://")):
        remedy = "set CALOTYPE_DATABASE_URL to postgresql://user@host/database"
        raise InvalidInput("the database's address is no PostgreSQL URL", field="database_url", remedy=remedy)


def _remedy(cause: BaseException | None) -> str:
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return "let the role own its database, and have a superuser run CREATE EXTENSION vector in it"
    return "use PostgreSQL 15 or newer with pgvector"


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
