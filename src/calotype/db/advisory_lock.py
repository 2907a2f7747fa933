"""Locks on what has no row of its own yet, for as long as a transaction lasts."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.domain.scope import Scope

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(CAST(:keys AS text[])) AS key")


async def lock_keys(connection: AsyncConnection, scope: Scope, keys: Iterable[str]) -> None:
    """Let only one transaction at a time decide on things of the tenant that go by these keys."""
    # Always in the same order, so that two transactions with some of the same never wait for each other.
    await connection.execute(_LOCK, {"keys": [f"{scope.tenant_id}:{key}" for key in sorted(set(keys))]})
