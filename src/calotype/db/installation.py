"""The one row that all nodes of an installation share: its signing secret, and how old it is."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables


async def select_signing_secret(connection: AsyncConnection, now: datetime) -> bytes:
    """The secret that signs links, made by whoever asks first."""
    await connection.execute(
        insert(tables.installation)
        .values(id=1, signing_secret=secrets.token_bytes(32), created_at=now)
        .on_conflict_do_nothing(index_elements=["id"])
    )
    found = await connection.execute(select(tables.installation.c.signing_secret))
    return bytes(found.scalar_one())


async def select_installed_at(connection: AsyncConnection) -> datetime:
    """When the installation's database was new; a copy that was restored is as old as the one it was made of."""
    found: datetime = (await connection.execute(select(tables.installation.c.created_at))).scalar_one()
    return found
