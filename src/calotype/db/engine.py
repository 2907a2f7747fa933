"""Connections to PostgreSQL, and the two kinds of transaction."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection as DriverConnection
from psycopg import IntegrityError as DriverIntegrityError
from psycopg import OperationalError as DriverOperationalError
from sqlalchemy import ClauseElement, Dialect, Executable
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.compiler import SQLCompiler

from calotype.db.schema import sqlalchemy_url
from calotype.db.violation import meaning_of
from calotype.domain.errors import Unavailable

Connection = AsyncConnection
"""What a transaction hands out; services pass it on and never look inside."""


_AWAY = "the database cannot be reached"
_DIALECT: Dialect = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy's own gap


class Database:
    """A pool of connections; every use is a short transaction."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self._engine = _engine(url, pool_size)
        # A single reading statement needs no transaction, and without one costs one round trip instead of three.
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._relaxed = _engine(url, max(2, pool_size // 2), "-c synchronous_commit=off")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits, durably, when the block ends well.

        Raises Unavailable when the database cannot be reached, and what a violated constraint stands for.
        """
        async with self._translated(), self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def mark(self) -> AsyncIterator[AsyncConnection]:
        """A transaction whose commit does not wait for the disk: for marks that a crash may undo without harm."""
        async with self._translated(), self._relaxed.begin() as connection:
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One connection for reading, each statement by itself. Raises Unavailable when the database cannot be reached."""
        async with self._translated(), self._reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A reading transaction in which all statements see the same state."""
        async with self._translated(), self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except (OperationalError, DriverOperationalError) as error:
            if (reason := _passing(error)) is None:
                raise
            raise Unavailable(reason) from error
        except (PoolTimeout, OSError) as error:
            raise Unavailable(_AWAY) from error
        except (IntegrityError, DriverIntegrityError) as error:
            refusal = meaning_of(error)
            if refusal is None:
                raise
            raise refusal from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("the connection to the database was lost") from error
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()
        await self._relaxed.dispose()


def _passing(error: OperationalError | DriverOperationalError) -> str | None:
    """What keeps the database from answering for now; None where the same statement would always fail.

    By the classes of SQLSTATE (appendix A of PostgreSQL's manual); where there is none, there was no connection.
    """
    cause = error.orig if isinstance(error, OperationalError) else error
    state = getattr(cause, "sqlstate", None) or "08"
    if state.startswith("54"):  # a statement, a row or an index entry beyond the limits
        return None
    if state.startswith("53"):
        return "the database is out of disk, memory or connections"
    if state.startswith(("40", "55")) or state == "57014":
        return "the database took too long to answer"
    return _AWAY


def _engine(url: str, pool_size: int, options: str = "") -> AsyncEngine:
    return create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=15,
        # Short queries lose more to compilation than they gain; no statement may run away. Every query has its index, and the
        # planner, which does not see that long texts lie outside of the rows, must not read a whole table instead.
        connect_args={
            "options": f"-c jit=off -c enable_seqscan=off -c statement_timeout=60000 -c timezone=UTC {options}".strip()
        },
    )


class Pipeline:
    """Statements sent together and answered together, one round trip for all; their results are not seen.

    It stands where a connection does in functions that only write. A statement that fails undoes the transaction when the
    pipeline ends.
    """

    def __init__(self, driver: DriverConnection[Any]) -> None:
        self._driver = driver

    async def execute(self, statement: Executable, parameters: Mapping[str, Any]) -> None:
        """Send one statement; it must be one that is built once, since it is compiled once."""
        sql, processors = _compiled(statement, tuple(parameters))
        values = {name: processors[name](value) if name in processors else value for name, value in parameters.items()}
        await self._driver.execute(sql, values)


@asynccontextmanager
async def pipelined(connection: AsyncConnection) -> AsyncIterator[Pipeline]:
    """A pipeline within the connection's transaction; at its end all its statements have been executed."""
    driver = await driver_connection(connection)
    async with driver.pipeline():
        yield Pipeline(driver)


@functools.lru_cache(maxsize=256)
def _compiled(statement: Executable, names: tuple[str, ...]) -> tuple[bytes, Mapping[str, Any]]:
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(dialect=_DIALECT, column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)
    return compiled.string.encode(), dict(compiled._bind_processors)  # noqa: SLF001 - what SQLAlchemy itself uses


async def driver_connection(connection: AsyncConnection) -> DriverConnection[Any]:
    """The psycopg connection underneath, for what must run in the same transaction but speaks psycopg."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, DriverConnection)
    return driver
