"""Which processes are alive: each holds a lock of its own on a connection of its own, and loses it with its life."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db.held_lock import holding

# Of keys made of two numbers, the first of which says what they are for, so that no other use of such locks can meet them.
_CLASS = 1_128_352_847
_PRESENT = text(
    f"SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = {_CLASS} AND objsubid = 2 AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def present(url: str, key: int) -> AbstractAsyncContextManager[asyncio.Event]:
    """Be alive under a key (31 bits) for as long as the block lasts; the event given is set when the connection is lost.

    Raises Unavailable when the database cannot be reached.
    """
    # A connection of the same process that the network has swallowed may hold it still; that one shows us as alive, too.
    return holding(url, _CLASS, key)


async def select_present(connection: AsyncConnection) -> set[int]:
    """The keys of all processes that are alive."""
    return set((await connection.execute(_PRESENT)).scalars())
