"""The services of one process over a database of their own, as a test uses them: files go in, rows and jobs are looked at."""

from __future__ import annotations

import io
import os
from contextlib import asynccontextmanager
from uuid import uuid4

import psycopg
from PIL import Image

from calotype.bootstrap import Application, open_application
from calotype.domain.scope import Scope
from calotype.domain.upload import UploadOptions
from calotype.settings import Settings


def photo(width=96, height=64, **options):
    """A JPEG of noise that nobody has taken in before."""
    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(stream, "JPEG", **options)
    return stream.getvalue()


async def chunks(data, size=40_000):
    """Bytes as they arrive."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


@asynccontextmanager
async def library(database_url, data_dir, **settings):
    """A library of a new tenant; text is not read from its pictures, and nothing has to wait."""
    given = {"ocr_enabled": False, "worker_processes": 1, "trash_days": 0, "orphan_age_hours": 0, **settings}
    async with open_application(Settings(data_dir=data_dir, **given), database_url) as application:
        yield await Library.of_new_tenant(application, database_url, data_dir)


class Library:
    """One tenant's files, and what database, queue and object store hold of them."""

    def __init__(self, application: Application, database_url: str, data_dir, scope: Scope) -> None:
        self.services = application
        self.scope = scope
        self._database_url = database_url
        self._objects = data_dir / "objects"
        self._data_dir = data_dir

    @classmethod
    async def of_new_tenant(cls, application, database_url, data_dir):
        """A library nobody has put anything into."""
        name = f"tenant {uuid4()}"
        await application.api_keys.create("test", tenant=name)
        return cls(application, database_url, data_dir, await application.api_keys.scope_of_tenant(name))

    async def neighbour(self):
        """Another tenant's library in the same installation."""
        return await self.of_new_tenant(self.services, self._database_url, self._data_dir)

    def seen_by(self, services):
        """The same tenant's library as another process over the same database and store sees it."""
        return type(self)(services, self._database_url, self._data_dir, self.scope)

    async def take_in(self, data=None, filename="photo.jpg", **options):
        """Upload one file; returns its id."""
        received = await self.services.ingest.receive(self.scope, filename, chunks(data or photo()))
        return (await self.services.ingest.accept(received, UploadOptions(**options))).asset_id

    async def finished(self, data=None, **options):
        """Upload one file and do all its work; returns its id."""
        asset_id = await self.take_in(data, **options)
        await self.services.pictures.make_variants(self.scope, asset_id, 1)
        await self.services.descriptions.read_text(self.scope, asset_id, 1)
        await self.services.descriptions.describe(self.scope, asset_id, 1)
        self.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
        return asset_id

    async def asset(self, asset_id):
        """One asset, in the trash or not."""
        return await self.services.assets.get(self.scope.any(), asset_id)

    def sql(self, statement, *values):
        """Run one statement; returns its rows."""
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []

    def jobs(self, asset_id, state="todo"):
        """The tasks that are queued for an asset."""
        rows = self.sql(
            "SELECT task_name FROM procrastinate_jobs WHERE args->>'asset_id' = %s AND status = %s ORDER BY id",
            str(asset_id),
            state,
        )
        return [row[0] for row in rows]

    def lose_jobs(self, asset_id):
        """Let the queue forget an asset that was uploaded a while ago."""
        self.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(asset_id))
        self.sql("UPDATE asset SET created_at = created_at - interval '1 hour' WHERE id = %s", asset_id)

    def objects(self):
        """The keys of this tenant's objects on disk."""
        folders = [self._objects / kind / str(self.scope.tenant_id) for kind in ("uploads", "variants", "chunks")]
        return {
            str(path.relative_to(self._objects)) for folder in folders for path in folder.rglob("*") if path.is_file()
        }
