"""Counting calls against the budgets of their keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from calotype.db.budget import insert_budget_use, lock_budget, select_budget_use
from calotype.db.engine import Database
from calotype.domain.budget import WINDOW, Budget, BudgetState


class BudgetService:
    """The budgets of this installation; counted in the database, so that they hold over all web processes and restarts."""

    def __init__(self, database: Database, limits: Mapping[Budget, int | None]) -> None:
        self._database = database
        self._limits = limits

    async def spend(self, api_key_id: UUID, budget: Budget) -> BudgetState | None:
        """Count one call of a key, unless its budget is used up; None where there is no limit."""
        limit = self._limits.get(budget)
        if limit is None:
            return None
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            await lock_budget(connection, api_key_id, budget)
            used, oldest = await select_budget_use(connection, api_key_id, budget, now - WINDOW)
            is_allowed = used < limit
            if is_allowed:
                await insert_budget_use(connection, api_key_id, budget, now)
        reset = ((oldest or now) + WINDOW - now).total_seconds()
        return BudgetState(is_allowed, limit, max(0, limit - used - is_allowed), max(1, math.ceil(reset)))
