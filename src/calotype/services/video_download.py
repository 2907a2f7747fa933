"""Downloading videos that were announced with a URL."""

from __future__ import annotations

from uuid import UUID, uuid4

from calotype.crawling.fetcher import Fetcher
from calotype.domain.asset import Asset
from calotype.domain.errors import CalotypeError, SandboxFailure, Unavailable, Unsupported
from calotype.domain.scope import Scope
from calotype.services.announcing import AnnounceService
from calotype.services.receive import ReceivedFile, ReceiveService
from calotype.services.work import MOST_BEGINNINGS

_HTML = frozenset({"text/html", "application/xhtml+xml"})


class VideoDownloadService:
    """Runs in workers; every call may be repeated without harm."""

    def __init__(
        self, announcing: AnnounceService, receiver: ReceiveService, fetcher: Fetcher, *, max_video_bytes: int
    ) -> None:
        self._announcing = announcing
        self._receiver = receiver
        self._fetcher = fetcher
        self._max_video_bytes = max_video_bytes

    async def download(self, scope: Scope, asset_id: UUID, attempt: int) -> None:
        """Fetch one announced video. Raises CalotypeError when another attempt is worthwhile.

        `attempt` counts how often the job was begun.
        """
        begun = await self._announcing.begin(scope, asset_id)
        if begun is None:
            return
        asset, video = begun
        assert video.source_url is not None
        try:
            if attempt > MOST_BEGINNINGS:
                raise SandboxFailure(f"its download was interrupted {attempt - 1} times", reason="crashed")
            received = await self._fetch(
                scope, asset_id, _attempt_key(asset), asset.original_filename, video.source_url
            )
        except Unavailable:
            raise
        except CalotypeError as error:
            await self._announcing.give_up(scope, asset_id, f"The video could not be downloaded: {error.message}")
            return
        try:
            if not await self._announcing.fulfil(received):
                await self._receiver.discard(received)
        except Unavailable:
            raise
        except CalotypeError as error:
            await self._receiver.discard(received)
            await self._announcing.give_up(scope, asset_id, error.message)

    async def _fetch(self, scope: Scope, asset_id: UUID, key: str, filename: str, url: str) -> ReceivedFile:
        async with self._fetcher.fetch(url, limit=self._max_video_bytes) as fetched:
            if fetched.content_type in _HTML:
                raise Unsupported("the URL leads to a page; videos on pages need the optional extra calotype[download]")
            return await self._receiver.receive(scope, filename, fetched.chunks, file_id=asset_id, key=key)


def _attempt_key(asset: Asset) -> str:
    """A key of this attempt's own: of two at once, one must not write over, or remove, what the other has brought."""
    folder, _, name = asset.object_key.rpartition("/")
    return f"{folder}/{uuid4().hex[:12]}_{name}"
