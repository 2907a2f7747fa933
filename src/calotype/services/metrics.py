"""Numbers about the whole installation, for monitoring."""

from __future__ import annotations

from calotype.db.engine import Database
from calotype.jobs.queue import JobQueue


class MetricsService:
    """Figures that stand in the database, not in one process."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def jobs(self) -> dict[tuple[str, str], int]:
        """How many jobs there are by (task, state)."""
        async with self._database.read() as connection:
            return await self._queue.counts(connection)
