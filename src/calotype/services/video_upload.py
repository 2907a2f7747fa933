"""Uploads of videos: one file, checked and stored as it arrives, or a URL that is fetched later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from uuid import UUID

from calotype.crawling.fetcher import Fetcher
from calotype.crawling.urls import filename_in
from calotype.db.engine import Database
from calotype.db.video_group import select_group
from calotype.domain.errors import AddressNotAllowed, CalotypeError, InvalidInput, Unsupported
from calotype.domain.scope import Scope
from calotype.domain.upload import UploadOptions
from calotype.domain.values import clean_filename
from calotype.domain.video import NewVideo
from calotype.services.announcing import AnnounceService
from calotype.services.discarding import discarding
from calotype.services.ingest import IngestService
from calotype.services.intake import ByteLimit, drain
from calotype.services.receive import ReceivedFile, ReceiveService
from calotype.services.video_group import group_not_found

LONGEST_NAME = 255
_UNNAMED = "video"


@dataclass(frozen=True, slots=True)
class VideoTerms:
    """The most bytes of one video, and of what is said of it."""

    max_video_bytes: int
    max_text_bytes: int

    @property
    def max_bytes(self) -> int:
        """More than any upload that is accepted can have."""
        return self.max_video_bytes + 2 * self.max_text_bytes


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What is wanted of one video: whether it is indexed, and what is said of it; `url` in place of a file."""

    index: bool
    name: str | None = None
    url: str | None = None
    video: NewVideo | None = None


class VideoUploadService:
    """The way in for videos that are sent one by one."""

    def __init__(
        self,
        database: Database,
        ingest: IngestService,
        receiver: ReceiveService,
        announcing: AnnounceService,
        fetcher: Fetcher,
        terms: VideoTerms,
    ) -> None:
        self.database = database
        self.ingest = ingest
        self.receiver = receiver
        self.announcing = announcing
        self.fetcher = fetcher
        self.terms = terms

    def receiving(self, scope: Scope) -> AbstractAsyncContextManager[VideoUpload]:
        """One upload while its request is read; whatever leaves the block before `finish` has succeeded leaves nothing behind."""
        return discarding(VideoUpload(self, scope))


class VideoUpload:
    """One upload being read: `take` its file if there is one, then `finish`."""

    def __init__(self, service: VideoUploadService, scope: Scope) -> None:
        self._service = service
        self._scope = scope
        self._files = 0
        self._outcome: ReceivedFile | CalotypeError | None = None
        self._bytes = ByteLimit(service.terms.max_bytes, "An upload")

    async def take(self, filename: str, chunks: AsyncIterator[bytes]) -> None:
        """Take the file while it arrives. Raises what `chunks` raises; what is wrong with the file is told by `finish`."""
        self._files += 1
        if self._files > 1:
            await self.ignore(chunks)
            return
        watched = _Watched(self._bytes.counted(chunks))
        arriving = aiter(watched)
        try:
            self._outcome = await self._service.receiver.receive(self._scope, clean_filename(filename), arriving)
        except CalotypeError as error:
            if error is watched.broken:
                raise
            self._outcome = error
            await drain(arriving)

    async def ignore(self, chunks: AsyncIterator[bytes]) -> None:
        """Read a file that nobody asked for. Raises what `chunks` raises."""
        await drain(self._bytes.counted(chunks))

    async def finish(self, request: VideoRequest) -> UUID:
        """Give the video its rows, or have its URL fetched; returns its id, which can be read at once.

        Raises InvalidInput, AddressNotAllowed, NotFound for the group, the refusal of the file, QuotaExceeded,
        UsageLimitExceeded, Unavailable.
        """
        self._check_source(request)
        video = replace(request.video or NewVideo(_UNNAMED, None), index=request.index, source_url=request.url)
        await self._check_group(video.group_id)
        if request.url is not None:
            return await self._announce(request, video)
        if isinstance(self._outcome, CalotypeError):
            raise _refusal(self._outcome)
        received = self._outcome
        assert received is not None
        name = request.name or received.filename[:LONGEST_NAME]
        # From here on the rows decide: if the answer to their commit is lost, nobody here knows whether they are there.
        self._outcome = None
        options = UploadOptions(auto_describe=request.index, video=replace(video, name=name))
        return (await self._service.ingest.accept(received, options)).asset_id

    def _check_source(self, request: VideoRequest) -> None:
        if self._files > 1:
            raise InvalidInput("file may be given only once", field="file")
        if self._files and request.url is not None:
            raise InvalidInput("Either file or video_url may be given, not both", field="video_url")
        if not self._files and request.url is None:
            raise InvalidInput("file or video_url is required", field="file", is_missing=True)

    async def _check_group(self, group_id: UUID | None) -> None:
        if group_id is None:
            return
        async with self._service.database.read() as connection:
            if await select_group(connection, self._scope, group_id) is None:
                raise group_not_found()

    async def _announce(self, request: VideoRequest, video: NewVideo) -> UUID:
        assert request.url is not None
        try:
            self._service.fetcher.check_url(request.url)
        except AddressNotAllowed as error:
            raise AddressNotAllowed(error.message, **{**error.context, "field": "video_url"}) from error
        filename = clean_filename(filename_in(request.url) or _UNNAMED)
        named = replace(video, name=request.name or filename[:LONGEST_NAME])
        return await self._service.announcing.announce(self._scope, filename, named, auto_describe=request.index)

    async def discard(self) -> None:
        """Remove what was stored, unless it was handed over to get its rows."""
        if isinstance(self._outcome, ReceivedFile):
            await self._service.receiver.discard(self._outcome)


class _Watched:
    """Chunks of a request; a fault of the request itself is told apart from a fault of the file."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.broken: BaseException | None = None
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except Exception as error:
            self.broken = error
            raise


def _refusal(error: CalotypeError) -> CalotypeError:
    context = {**error.context, "field": "file"}
    if isinstance(error, Unsupported):
        return Unsupported(f"file is not a video: {error.message}", **context)
    return type(error)(error.message, **context)
