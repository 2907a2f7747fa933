"""Rows of budget uses: the calls a key has made lately."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.domain.budget import Budget

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))")
_FORGET = text("DELETE FROM budget_use WHERE api_key_id = :api_key_id AND budget = :budget AND used_at <= :before")
_COUNT = text(
    "SELECT count(*) AS used, min(used_at) AS oldest FROM budget_use WHERE api_key_id = :api_key_id AND budget = :budget"
)
_INSERT = text("INSERT INTO budget_use (api_key_id, budget, used_at) VALUES (:api_key_id, :budget, :now)")


async def lock_budget(connection: AsyncConnection, api_key_id: UUID, budget: Budget) -> None:
    """Let only one transaction at a time count the calls of a key."""
    await connection.execute(_LOCK, {"key": f"{budget}:{api_key_id}"})


async def select_budget_use(
    connection: AsyncConnection, api_key_id: UUID, budget: Budget, since: datetime
) -> tuple[int, datetime | None]:
    """(number, time of the oldest) of the calls after a moment; those before it are forgotten."""
    which = {"api_key_id": api_key_id, "budget": budget.value}
    await connection.execute(_FORGET, {**which, "before": since})
    row = (await connection.execute(_COUNT, which)).one()
    return int(row.used), row.oldest


async def insert_budget_use(connection: AsyncConnection, api_key_id: UUID, budget: Budget, now: datetime) -> None:
    """Count one call."""
    await connection.execute(_INSERT, {"api_key_id": api_key_id, "budget": budget.value, "now": now})
