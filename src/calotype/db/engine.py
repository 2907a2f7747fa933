"""Connections to PostgreSQL, and the two kinds of transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection as DriverConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from calotype.db.schema import sqlalchemy_url
from calotype.domain.errors import Unavailable


class Database:
    """A pool of connections; every use is a short transaction."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self._engine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=15,
            pool_reset_on_return="rollback",
            # Short queries lose more to compilation than they gain; no statement may run away.
            connect_args={"options": "-c jit=off -c statement_timeout=60000 -c timezone=UTC"},
        )

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends well.

        With durable=False the commit does not wait for the disk: right only for marks that may be lost in a crash.
        Raises Unavailable when the database cannot be reached.
        """
        async with self._translated(), self._engine.begin() as connection:
            if not durable:
                await connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One connection for reading; nothing is committed. Raises Unavailable when the database cannot be reached."""
        async with self._translated(), self._engine.connect() as connection:
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
        except (OperationalError, PoolTimeout, OSError) as error:
            raise Unavailable("the database cannot be reached") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("the connection to the database was lost") from error
            raise

    async def aclose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


async def driver_connection(connection: AsyncConnection) -> DriverConnection[Any]:
    """The psycopg connection underneath, for what must run in the same transaction but speaks psycopg."""
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, DriverConnection)
    return driver
