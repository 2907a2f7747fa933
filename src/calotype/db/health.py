"""Questions about the database server itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def select_clock(connection: AsyncConnection) -> datetime:
    """The time at the server."""
    moment: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return moment


async def select_extension_versions(connection: AsyncConnection) -> tuple[str, dict[str, str]]:
    """The server's version, and those of its installed extensions by name."""
    version = (await connection.execute(text("SHOW server_version"))).scalar_one()
    rows = await connection.execute(text("SELECT extname, extversion FROM pg_extension"))
    return str(version), {row[0]: row[1] for row in rows}
