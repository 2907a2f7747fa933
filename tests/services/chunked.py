"""A film on its way in, in chunks, as the services see it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from calotype.domain.chunked_upload import NewChunkedUpload, Priority
from calotype.services.chunked_completion import CompletionRequest
from tests.services.library import chunks

CHUNK_BYTES = 4_000
PLAIN = CompletionRequest(analyze=False, kind="full_vlm")


class Sender:
    """One announced upload and its bytes."""

    def __init__(self, library, upload, data):
        self.library = library
        self.upload = upload
        self.data = data

    @classmethod
    async def begin(cls, library, data, monkeypatch, priority=Priority.NORMAL, **values):
        """Announce some bytes as a video, to be sent in small chunks."""
        service = library.services.chunked_uploads
        monkeypatch.setattr(service, "terms", replace(service.terms, chunk_bytes=CHUNK_BYTES))
        video = NewChunkedUpload("film.mp4", "video/mp4", len(data), **values)
        (made,) = await service.initiate(library.scope, [video], priority=priority)
        return cls(library, made.upload, data)

    def seen_by(self, services):
        """The same upload in another process."""
        return Sender(self.library.seen_by(services), self.upload, self.data)

    @property
    def id(self):
        """The id of the asset it will be."""
        return self.upload.id

    @property
    def numbers(self):
        """The numbers of its chunks."""
        return range(1, self.upload.total_chunks + 1)

    def part(self, number):
        """The bytes of one chunk."""
        return self.data[(number - 1) * CHUNK_BYTES : number * CHUNK_BYTES]

    async def put(self, number=1, data=None):
        """Put a chunk; returns its etag."""
        service = self.library.services.chunked_uploads
        return await service.put(self.library.scope, self.id, number, chunks(data or self.part(number), 1000))

    async def confirm(self, number, etag):
        """Confirm a chunk."""
        service, ids = self.library.services.chunked_uploads, (self.id, self.upload.upload_id)
        return await service.confirm(self.library.scope, *ids, number, etag, len(self.part(number)))

    async def send(self):
        """Put and confirm all chunks."""
        for number in self.numbers:
            await self.confirm(number, await self.put(number))

    async def complete(self, request=PLAIN):
        """Have the chunks put together."""
        service = self.library.services.chunked_completion
        return await service.complete(self.library.scope, self.id, self.upload.upload_id, request)

    async def abort(self):
        """Give it up."""
        return await self.library.services.chunked_uploads.abort(self.library.scope, self.id, self.upload.upload_id)

    async def progress(self):
        """How far it is."""
        return await self.library.services.chunked_uploads.progress(self.library.scope, self.id)

    async def original(self):
        """The key of the object it has become; clients are told the announced one."""
        asset = await self.library.asset(self.id)
        assert asset.public_key == self.upload.object_key
        return asset.object_key

    def age(self, hours):
        """Let time pass for it."""
        self.library.sql(
            "UPDATE chunked_upload SET expires_at = expires_at - make_interval(hours => %s), "
            "reaped_at = reaped_at - make_interval(hours => %s) WHERE id = %s",
            hours,
            hours,
            self.id,
        )


class Gate:
    """An object store that stops in the middle of reading until it is opened, or fails then."""

    def __init__(self, store, failure=None):
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._store = store
        self._failure = failure

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def stream(self, key, *arguments, **options):
        """The bytes of an object, the last of which are waited for."""
        async for piece in self._store.stream(key, *arguments, **options):
            self.reached.set()
            await self.opened.wait()
            if self._failure is not None:
                raise self._failure
            yield piece
