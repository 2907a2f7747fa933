"""Downloading videos that were announced with a URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import structlog

from calotype.crawling.fetcher import Fetched, Fetcher
from calotype.crawling.pages import EXTRA, HEAD_BYTES, is_page, stream_in
from calotype.domain.asset import Asset
from calotype.domain.errors import CalotypeError, DownloadFailed, SandboxFailure, Unavailable, Unsupported
from calotype.domain.object_keys import attempt_key
from calotype.domain.scope import Scope
from calotype.domain.video import Video
from calotype.services.announcing import AnnounceService
from calotype.services.attempts import MOST_BEGINNINGS, lasting_reason
from calotype.services.page_download import PageDownloader
from calotype.services.receive import ReceivedFile, ReceiveService
from calotype.services.video_upload import LONGEST_NAME
from calotype.services.wanted import NoLongerWantedError, while_wanted

MOST_TRIES = 4
"""How often a URL is asked for that fails for reasons which may pass; the queue makes longer and longer pauses."""

_Brought = tuple[ReceivedFile, str | None]  # a stored video, and the title of the page it is from
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """The most bytes of one video, and the bytes a second below which waiting for one is given up."""

    max_bytes: int
    least_rate: float


class VideoDownloadService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self,
        announcing: AnnounceService,
        receiver: ReceiveService,
        fetcher: Fetcher,
        pages: PageDownloader,
        limits: DownloadLimits,
    ) -> None:
        self._announcing = announcing
        self._receiver = receiver
        self._fetcher = fetcher
        self._pages = pages
        self._limits = limits

    async def sweep(self) -> int:
        """Remove what workers that were killed left behind; returns how many downloads that were."""
        return await self._pages.sweep()

    async def download(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Fetch one announced video. Raises CalotypeError when another attempt is worthwhile.

        `attempt` counts how often the job was begun.
        """
        begun = await self._announcing.begin(scope, asset_id)
        if begun is None:
            return
        try:
            if attempt > MOST_BEGINNINGS:
                raise SandboxFailure(f"its download was interrupted {attempt - 1} times", reason="crashed")
            asset, video = begun
            assert video.source_url is not None
            brought = await self._while_awaited(scope, asset, video.source_url)
            if brought is not None:
                await self._fulfil(asset, video, *brought)
        except Unavailable:
            raise
        except CalotypeError as error:
            if error.context.get("is_passing") and attempt < MOST_TRIES:
                raise Unavailable(f"the video could not be downloaded yet: {error.message}", of="download") from error
            await self._announcing.give_up(scope, asset_id, f"The video could not be downloaded: {error.message}")
        except Exception as error:
            reason = lasting_reason(error, attempt)
            await self._announcing.give_up(scope, asset_id, f"The video could not be downloaded: {reason}")

    async def _while_awaited(self, scope: Scope, asset: Asset, url: str) -> _Brought | None:
        """What a URL brings; None when that was left because the video was deleted, or somebody else has brought or ended it."""
        brought: _Brought | None = None
        try:
            async with while_wanted(lambda: self._announcing.is_awaited(scope, asset.id)):
                brought = await self._receive(scope, asset, url)
        except NoLongerWantedError:
            _log.info("download stopped", asset_id=str(asset.id))
            if brought is not None:
                await self._receiver.discard(brought[0])
            return None
        return brought

    async def _fulfil(self, asset: Asset, video: Video, received: ReceivedFile, title: str | None) -> None:
        # A name is the client's own unless it is what the URL ends in.
        is_guessed = video.name == asset.original_filename[:LONGEST_NAME]
        name = title[:LONGEST_NAME] if title and is_guessed else None
        try:
            is_taken = await self._announcing.fulfil(received, name=name)
        except Unavailable:
            # The rows may have been written before the connection was lost: the sweep decides.
            raise
        except CalotypeError:
            await self._receiver.discard(received)
            raise
        if not is_taken:
            await self._receiver.discard(received)

    async def _receive(self, scope: Scope, asset: Asset, url: str) -> _Brought:
        """The video behind a URL, stored where it was planned, and the title of the page it is on."""
        try:
            async with self._fetcher.fetch(
                url, limit=self._limits.max_bytes, least_rate=self._limits.least_rate
            ) as fetched:
                head, chunks = await _peeked(fetched)
                if not is_page(fetched.content_type, head):
                    _refuse_streams(head)
                    return await self._store(scope, asset, chunks), None
                found_at = fetched.url
        except DownloadFailed as error:
            # Sites with a reader of their own often refuse whoever is no browser.
            if not (error.context.get("is_refusal") and self._pages.is_installed):
                raise
            return await self._from_page(scope, asset, [url], error)
        return await self._from_page(scope, asset, [url, found_at], None)

    async def _from_page(self, scope: Scope, asset: Asset, urls: list[str], refusal: DownloadFailed | None) -> _Brought:
        if not self._pages.is_installed:
            raise Unsupported(f"the URL leads to a page; videos on pages need the optional extra {EXTRA}")
        async with self._pages.download(urls) as found:
            if found is None:
                raise refusal or Unsupported(
                    "the URL leads to a page of a site that has no reader of its own; give the URL of the video file"
                )
            return await self._store(scope, asset, found.chunks), found.title

    async def _store(self, scope: Scope, asset: Asset, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        return await self._receiver.receive(
            scope, asset.original_filename, chunks, file_id=asset.id, key=attempt_key(asset.object_key)
        )


async def _peeked(fetched: Fetched) -> tuple[bytes, AsyncIterator[bytes]]:
    """The beginning of a body, and all of it."""
    head = b""
    async for chunk in fetched.chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break

    async def whole() -> AsyncIterator[bytes]:
        if head:
            yield head
        async for chunk in fetched.chunks:
            yield chunk

    return head[:HEAD_BYTES], whole()


def _refuse_streams(head: bytes) -> None:
    if kind := stream_in(head):
        raise Unsupported(f"the URL leads to the list of a stream's pieces ({kind}), not to a video file")
