"""States that no sequence of requests brings about reliably, written straight into a server's database."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from calotype.db.api_key import insert_api_key
from calotype.db.asset import insert_asset, update_asset
from calotype.db.engine import Database
from calotype.db.tenant import insert_tenant
from calotype.domain.asset import NewAsset, State, UploadMethod
from calotype.domain.scope import Scope
from calotype.domain.searchable import searchable_asset
from calotype.services.api_key import ApiKeyService
from calotype.services.delivery import DeliveryService


def alter(server, query, *values):
    """Run one statement; it must change exactly one row."""
    with psycopg.connect(server.database_url()) as connection:
        assert connection.execute(query, values).rowcount == 1


def _with_database(server, work):
    async def run():
        database = Database(server.database_url())
        try:
            return await work(database)
        finally:
            await database.aclose()

    return asyncio.run(run())


def plant_file(server, tenant_of, file_id, **changes):
    """Give the tenant of an existing file another one, without bytes, under an id of our choice."""
    now = changes.pop("created_at", datetime.now(UTC))
    with psycopg.connect(server.database_url()) as connection:
        row = connection.execute("SELECT tenant_id FROM asset WHERE id = %s", [tenant_of]).fetchone()
    new = NewAsset(
        id=UUID(str(file_id)),
        tenant_id=row[0],
        media_type=changes.pop("media_type", "image"),
        content_type="image/jpeg",
        format="jpeg",
        upload_method=UploadMethod.STREAMING,
        object_key=f"uploads/{row[0]}/{file_id}/planted.jpg",
        original_filename="planted.jpg",
        size_bytes=1,
        checksum=os.urandom(32).hex(),
        title=None,
        tags=(),
        storage_target="default",
        auto_describe=False,
        variant_status=State.FAILED,
        description_status=State.SKIPPED,
    )

    async def insert(database):
        async with database.write() as connection:
            await insert_asset(connection, new, "", now)

    _with_database(server, insert)


def plant_visible_text(server, file_id, text):
    """Let a described file have another visible text than its description quotes."""
    with psycopg.connect(server.database_url()) as connection:
        query = "SELECT tenant_id, title, original_filename, tags, description FROM asset WHERE id = %s"
        tenant_id, title, filename, tags, description = connection.execute(query, [file_id]).fetchone()
    search = searchable_asset(title=title, filename=filename, tags=tags, description=description, visible_text=text)

    async def update(database):
        async with database.write() as connection:
            values = {"visible_text": text, "search": search}
            assert await update_asset(connection, Scope(tenant_id), UUID(file_id), values)

    _with_database(server, update)


def expired_key(server):
    """A key that was valid until yesterday."""
    token = f"calo_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC)

    async def insert(database):
        async with database.write() as connection:
            await insert_api_key(
                connection,
                await insert_tenant(connection, f"tenant of {token[-8:]}", now),
                "expired",
                hint=token[:9],
                secret_hash=hashlib.sha256(token.encode()).digest(),
                now=now - timedelta(days=2),
                expires_at=now - timedelta(days=1),
            )

    _with_database(server, insert)
    return token


def revoke(server, key):
    """Revoke a key, as `calotype keys revoke` does."""

    async def run(database):
        return await ApiKeyService(database).revoke(key)

    assert _with_database(server, run)


def expired_link(server, object_key, content_type):
    """A link the server itself has signed, as it is when its time is over."""
    with psycopg.connect(server.database_url()) as connection:
        secret = connection.execute("SELECT signing_secret FROM installation").fetchone()[0]
    made = DeliveryService(None, bytes(secret), lifetime=-1000, public_url=None)
    return server.url + made._path(object_key, content_type, None)
