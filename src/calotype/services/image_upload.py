"""Uploads of images that succeed or fail as one: everything is stored and checked first, then all get their rows at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from calotype.crawling.fetcher import Fetcher
from calotype.crawling.urls import MAX_URL_CHARACTERS
from calotype.db.engine import Connection
from calotype.domain.asset import State
from calotype.domain.errors import CalotypeError, DownloadFailed, InvalidInput, Refused, TooLarge, Unsupported
from calotype.domain.image import ImageRequest, LibraryImage
from calotype.domain.scope import Scope
from calotype.domain.upload import IngestResult, UploadOptions
from calotype.domain.values import clean_filename
from calotype.services.discarding import discarding
from calotype.services.ingest import IngestService, Note
from calotype.services.intake import ByteLimit, HeldBytes, Intake, drain
from calotype.services.receive import ReceivedFile, ReceiveService

_LARGEST_HELD = 8 * 1024 * 1024  # bytes; most photographs, which are checked before they are stored
_FETCHES_AT_ONCE = 8
_UNNAMED = "image"


@dataclass(frozen=True, slots=True)
class ImageTerms:
    """The most images of one upload, the most bytes of one image, and the most bytes of what is said of one."""

    max_images: int
    max_image_bytes: int
    longest: float
    """Seconds an upload may take until its rows are written; much less than the age at which objects without rows are swept."""
    max_metadata_bytes: int = 0
    max_text_bytes: int = 0
    fetch_timeout: float = 0
    """Seconds all URLs of one upload may take together."""
    missing: str = "images or metadata.image_urls is required"
    """What an upload of nothing is told."""

    @property
    def max_bytes(self) -> int:
        """More than any upload that is accepted can have."""
        return self.max_images * self.max_image_bytes + 2 * self.max_text_bytes


@dataclass(frozen=True, slots=True)
class _Sent:
    """One image on its way in: its place in the answer, from 0, and what a refusal calls it."""

    index: int
    asset_id: UUID
    name: str
    param: str
    declared: str | None = None

    @property
    def filename(self) -> str:
        return clean_filename(self.name)


class ImageUploadService:
    """The way in for images that are sent together."""

    def __init__(self, ingest: IngestService, receiver: ReceiveService, fetcher: Fetcher, terms: ImageTerms) -> None:
        self.ingest = ingest
        self.receiver = receiver
        self.fetcher = fetcher
        self.terms = terms
        self.held = HeldBytes()

    def receiving(self, scope: Scope) -> AbstractAsyncContextManager[ImageUpload]:
        """One upload while its request is read; whatever leaves the block before `finish` has succeeded leaves nothing behind."""
        return discarding(ImageUpload(self, scope))


class ImageUpload:
    """One upload being read: `take` its files in the order sent, then `finish`."""

    def __init__(self, service: ImageUploadService, scope: Scope) -> None:
        self.files = 0
        """How many files were sent."""
        self._service = service
        self._scope = scope
        self._outcomes: dict[int, ReceivedFile | CalotypeError] = {}
        self._sent: dict[int, _Sent] = {}
        self._intake: Intake[_Sent] = Intake(
            service.receiver, scope, self._put, largest_held=_LARGEST_HELD, held=service.held
        )
        self._is_handed_over = False
        self._bytes = ByteLimit(service.terms.max_bytes, "An upload")
        self._started = time.monotonic()

    def _put(self, sent: _Sent, outcome: ReceivedFile | CalotypeError) -> None:
        self._outcomes[sent.index] = outcome

    async def take(self, filename: str, chunks: AsyncIterator[bytes]) -> None:
        """Take the next file while it arrives. Raises what `chunks` raises; what is wrong with the file is told by `finish`."""
        chunks = self._bytes.counted(chunks)
        index, self.files = self.files, self.files + 1
        if self.files > self._service.terms.max_images or self._is_refused():
            await drain(chunks)
            return
        sent = _Sent(index, uuid4(), clean_filename(filename), f"images[{index}]")
        self._sent[index] = sent
        await self._intake.take(sent, chunks)

    async def ignore(self, chunks: AsyncIterator[bytes]) -> None:
        """Read a file that nobody asked for. Raises what `chunks` raises."""
        await drain(self._bytes.counted(chunks))

    def _is_refused(self) -> bool:
        return any(isinstance(outcome, CalotypeError) for outcome in self._outcomes.values())

    async def finish(self, requests: Sequence[ImageRequest] | None, urls: Sequence[str]) -> list[LibraryImage]:
        """Fetch what is named by URL, check everything, and give all images their rows in one transaction.

        `requests` belong to the files and then the URLs, None means the defaults for all. Raises the refusal of the first image
        that is not accepted, with `param`, `index` and `name` in its context; InvalidInput for numbers and sizes that do not fit;
        QuotaExceeded, UsageLimitExceeded, Unavailable.
        """
        wanted = self._requests(requests, len(urls))
        received = await self.received(urls)
        options = [UploadOptions(auto_describe=request.index, custom=request.custom) for request in wanted]
        results = await self.accept(list(zip(received, options, strict=True)))
        return [_image(result, request) for result, request in zip(results, wanted, strict=True)]

    async def received(self, urls: Sequence[str] = ()) -> list[ReceivedFile]:
        """What was sent, and then what is named by URL, in order: checked and stored, but without rows.

        Raises InvalidInput where there is nothing, or too much, and the refusal of the first image that is not accepted.
        """
        count = self.files + len(urls)
        if not count:
            raise InvalidInput(self._service.terms.missing, field="images", is_missing=True)
        most = self._service.terms.max_images
        if count > most:
            raise InvalidInput(f"At most {most} images may be uploaded at once, not {count}", field="images")
        await self._intake.end()
        if self._intake.broken is not None:
            raise self._intake.broken
        self._raise_first(self.files)
        await self._fetch_all(urls)
        outcomes = [self._outcomes[index] for index in range(count)]
        files = [file for file in outcomes if isinstance(file, ReceivedFile)]
        assert len(files) == len(outcomes)
        return files

    async def accept(
        self, files: Sequence[tuple[ReceivedFile, UploadOptions]], note: Note | None = None
    ) -> list[IngestResult]:
        """Give all of what was received its rows in one transaction, in which `note` writes as well.

        Raises the refusal of any of them, which undoes everything, and Refused when the upload took too long.
        """
        if time.monotonic() - self._started > self._service.terms.longest:
            raise Refused("The upload took too long, start again")
        # From here on the rows decide: if the answer to their commit is lost, nobody here knows whether they are there.
        self._is_handed_over = True

        async def all_or_none(connection: Connection, outcomes: Sequence[IngestResult | CalotypeError]) -> None:
            for outcome in outcomes:
                if isinstance(outcome, CalotypeError):
                    raise outcome
            if note is not None:
                await note(connection, outcomes)

        outcomes = await self._service.ingest.accept_all(files, note=all_or_none)
        return [outcome for outcome in outcomes if isinstance(outcome, IngestResult)]

    def _requests(self, requests: Sequence[ImageRequest] | None, urls: int) -> Sequence[ImageRequest]:
        terms = self._service.terms
        count = self.files + urls
        if requests is None:
            return [ImageRequest()] * count
        if len(requests) != count:
            raise InvalidInput(
                f"metadata.requests has {len(requests)} entries for {count} images", field="metadata.requests"
            )
        for index, request in enumerate(requests):
            if request.custom is not None and request.custom.size_bytes > terms.max_metadata_bytes:
                raise InvalidInput(
                    f"The metadata of an image may have at most {terms.max_metadata_bytes} bytes",
                    field=f"metadata.requests[{index}].metadata",
                )
        return requests

    async def _fetch_all(self, urls: Sequence[str]) -> None:
        """Fetch some URLs at a time, and stop at the first, in their order, that gives no image."""
        slots = asyncio.Semaphore(_FETCHES_AT_ONCE)

        async def fetch(place: int, url: str) -> None:
            async with slots:
                await self._fetch(place, url)

        tasks = [asyncio.create_task(fetch(place, url)) for place, url in enumerate(urls)]
        done = 0
        try:
            async with asyncio.timeout(self._service.terms.fetch_timeout):
                for done, task in enumerate(tasks):
                    await task
                    self._raise_first(self.files + done + 1)
        except TimeoutError as error:
            late = self._named_by_url(done, urls[done])
            raise _named(DownloadFailed("fetching all URLs of this upload took too long"), late) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, place: int, url: str) -> None:
        sent = self._named_by_url(place, url)
        service = self._service
        try:
            async with service.fetcher.fetch(url, limit=service.terms.max_image_bytes) as fetched:
                received = await service.receiver.receive(
                    self._scope, fetched.filename or _UNNAMED, fetched.chunks, file_id=sent.asset_id
                )
        except CalotypeError as error:
            self._put(sent, error)
        else:
            self._put(sent, received)

    def _named_by_url(self, place: int, url: str) -> _Sent:
        index = self.files + place
        return self._sent.setdefault(
            index, _Sent(index, uuid4(), url[:MAX_URL_CHARACTERS], f"metadata.image_urls[{place}]")
        )

    def _raise_first(self, before: int) -> None:
        """Raise the refusal of the first image that was refused, among those in front of a place."""
        for index in range(before):
            outcome = self._outcomes.get(index)
            if isinstance(outcome, CalotypeError):
                raise _named(outcome, self._sent[index])

    async def discard(self) -> None:
        """Remove everything that was stored, unless it was handed over to get its rows."""
        await self._intake.end()
        if not self._is_handed_over:
            stored = [outcome for outcome in self._outcomes.values() if isinstance(outcome, ReceivedFile)]
            await asyncio.gather(*(self._service.receiver.discard(file) for file in stored))


def _named(error: CalotypeError, sent: _Sent) -> CalotypeError:
    """The same refusal, saying which image it is about."""
    place = {"param": sent.param, "index": sent.index, "name": sent.name}
    context: dict[str, Any] = {**error.context, **place}
    what = f"{sent.param} ({sent.name})"
    if isinstance(error, Unsupported):
        return Unsupported(f"{what} is not an image", **context)
    if isinstance(error, TooLarge):
        return TooLarge(f"{what} is too large: {error.message}", **context)
    return type(error)(f"{what}: {error.message}", **context)


def _image(result: IngestResult, request: ImageRequest) -> LibraryImage:
    indexing = State.PENDING if result.description_queued else State.SKIPPED
    return LibraryImage(
        result.asset_id, result.created_at, indexing, request.custom.document if request.custom else None
    )
