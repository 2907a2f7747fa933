"""Uploads through the Vision API's way in, as a test sends them, and a site that pictures are fetched from."""

from __future__ import annotations

import asyncio
import io
import zlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from PIL import Image

from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher
from calotype.domain.custom_metadata import custom_metadata
from calotype.domain.image import ImageRequest
from calotype.domain.listing import AssetFilter, PageRequest, SortKey
from tests.services.library import chunks


async def send(library, files, requests=None, urls=()):
    """Upload (name, bytes or chunks) together, then what is named by URL; returns the images."""
    async with library.services.image_uploads.receiving(library.scope) as upload:
        for name, data in files:
            await upload.take(name, chunks(data) if isinstance(data, bytes) else data)
        return await upload.finish(requests, urls)


def wanted(index=True, **values):
    """What is wanted of one image, and what is said of it."""
    return ImageRequest(index, custom_metadata(values))


async def listed(library):
    """All the tenant's images, newest first."""
    page = PageRequest(SortKey.CREATED_AT, limit=1000)
    return await library.services.images.page(library.scope, AssetFilter(media_types=("image",)), page)


def kept(library):
    """How many rows of any kind the tenant has, and its objects."""
    tables = ("asset", "custom_metadata", "operation")
    tenant = library.scope.tenant_id
    rows = [library.sql(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", tenant)[0][0] for table in tables]
    jobs = library.sql("SELECT count(*) FROM procrastinate_jobs WHERE args->>'tenant_id' = %s", str(tenant))[0][0]
    return sum(rows) + jobs, library.objects()


NOTHING = (0, set())
"""What is kept of an upload that was refused."""


def large(width=2000, height=1600):
    """A picture above the size up to which files are held in memory."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (1, 2, 3)).save(stream, "BMP")
    return stream.getvalue()


def sized(width, height):
    """A PNG that says it has this size; its pixels are not in it."""
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    parts = [header, b"IDATx", b"IEND"]
    framed = (len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") for chunk in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


class Site:
    """A web server on this machine whose pages are bytes, statuses, or wait for what the test says."""

    def __init__(self, port):
        self.pages = {}
        self.asked = []
        self.at_once = 0
        self.most_at_once = 0
        self._port = port

    def url(self, path):
        """The address of a page."""
        return f"http://127.0.0.1:{self._port}{path}"

    def add(self, path, data, after=None):
        """Make a page, whose second half comes after an event; returns its URL."""
        self.pages[path] = (data, after)
        return self.url(path)


@asynccontextmanager
async def site(library, monkeypatch, **timeouts):
    """A site that the library may fetch from."""
    made = None

    async def answer(reader, writer):
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            made.asked.append(path)
            made.at_once += 1
            made.most_at_once = max(made.most_at_once, made.at_once)
            if path not in made.pages:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                return
            data, after = made.pages[path]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(data))
            writer.write(data[: len(data) // 2])
            await writer.drain()
            if after is not None:
                await after.wait()
            writer.write(data[len(data) // 2 :])
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            made.at_once -= 1
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    made = Site(server.sockets[0].getsockname()[1])
    fetcher = Fetcher(Allowed.parse("127.0.0.1"), version="test", **timeouts)
    monkeypatch.setattr(library.services.image_uploads, "fetcher", fetcher)
    try:
        yield made
    finally:
        await fetcher.aclose()
        server.close()


def at(image):
    """When an image was uploaded, in whole microseconds."""
    assert image.uploaded_at.tzinfo == UTC
    return round((image.uploaded_at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 10**6)
