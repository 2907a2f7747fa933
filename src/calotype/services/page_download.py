"""Downloading the video of a page: a program that knows many sites runs in a child process, without a network of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from calotype.crawling.address_check import AddressCheck
from calotype.crawling.listener import serving_child
from calotype.crawling.pace import Pace
from calotype.crawling.page_program import download_page
from calotype.crawling.pages import PageVideo, page_reader
from calotype.crawling.proxy import Proxy
from calotype.domain.errors import CalotypeError, DownloadFailed, SandboxFailure, TooLarge, Unavailable
from calotype.sandbox.pool import Sandbox
from calotype.services.scratch import scratch_folder, sweep_scratch

PAGES_BYTES = 64 * 1024 * 1024
"""What may pass beside the video itself: pages, scripts, lists of formats, in bytes."""

_READ_BYTES = 1024 * 1024
_LOOK_EVERY = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class PageLimits:
    """The most bytes of one video, how long one may take, and how many pages are read at once."""

    max_bytes: int
    pace: Pace
    at_once: int = 2


@dataclass(frozen=True, slots=True)
class PageFile:
    """A video from a page, in a file that is there for a moment: its title, and its bytes to be read once."""

    title: str | None
    chunks: AsyncIterator[bytes]


class PageDownloader:
    """Reads pages where the extra is installed; `sandbox` makes the child for one page, `folder` takes its file."""

    def __init__(self, check: AddressCheck, sandbox: Callable[[], Sandbox], folder: Path, limits: PageLimits) -> None:
        self._check = check
        self._sandbox = sandbox
        self._folder = folder
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.at_once)

    @property
    def is_installed(self) -> bool:
        """Whether pages can be read at all."""
        return page_reader() is not None

    async def sweep(self) -> int:
        """Remove what processes that were killed left behind; returns how many folders that were."""
        return await asyncio.to_thread(sweep_scratch, self._folder)

    @asynccontextmanager
    async def download(self, urls: Sequence[str]) -> AsyncIterator[PageFile | None]:
        """The video of the first of these URLs that a site's own reader claims; None where none does.

        Raises AddressNotAllowed, DownloadFailed, TooLarge, Unsupported, SandboxFailure, Unavailable.
        """
        async with self._turns:
            await self.sweep()
            with scratch_folder(self._folder) as folder:
                found = await self._run(urls, folder)
                if found is None:
                    yield None
                    return
                descriptor = _opened(folder / Path(found.filename).name)
                try:
                    yield PageFile(found.title, _chunks(descriptor))
                finally:
                    os.close(descriptor)

    async def _run(self, urls: Sequence[str], folder: Path) -> PageVideo | None:
        limits = self._limits
        proxy = Proxy(self._check, limit=limits.max_bytes + PAGES_BYTES)
        sandbox = self._sandbox()
        working = asyncio.ensure_future(
            sandbox.run(
                download_page,
                list(urls),
                str(folder),
                proxy.token,
                limits.max_bytes,
                timeout=limits.pace.allowed(limits.max_bytes + PAGES_BYTES),
            )
        )
        try:
            async with serving_child(proxy, folder):
                await self._watch(working, proxy)
                found = await working
                if proxy.is_used_up:
                    raise TooLarge("the video is larger than allowed")  # an end nobody announced looks like any other
        except CalotypeError as error:
            raise _told(error, proxy, limits) from error
        finally:
            working.cancel()
            sandbox.kill()
            await asyncio.gather(working, return_exceptions=True)
            await sandbox.close()
        return found

    async def _watch(self, working: asyncio.Future[PageVideo | None], proxy: Proxy) -> None:
        """Wait for the child; what drips is ended. Raises DownloadFailed, TooLarge."""
        clock = asyncio.get_running_loop().time
        start = clock()
        while not (await asyncio.wait([working], timeout=_LOOK_EVERY))[0]:
            if proxy.is_used_up:
                raise TooLarge("the video is larger than allowed")
            if clock() > start + self._limits.pace.allowed(proxy.passed):
                raise DownloadFailed(self._limits.pace.sentence, is_passing=True)


def _told(error: CalotypeError, proxy: Proxy, limits: PageLimits) -> CalotypeError:
    """What is known here of a fault of the child goes before what the child makes of it."""
    if isinstance(error, Unavailable):
        return error
    if proxy.is_used_up or isinstance(error, TooLarge):
        return TooLarge(f"the file is larger than {limits.max_bytes} bytes", limit=limits.max_bytes)
    if proxy.refusal is not None:
        return proxy.refusal
    if isinstance(error, SandboxFailure) and error.context.get("reason") == "start":
        return Unavailable(error.message)
    return error


def _opened(path: Path) -> int:
    try:
        # The child may have been taken over by what it read: a link is not followed out of the folder.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise DownloadFailed("no video was found on the page") from error


async def _chunks(descriptor: int) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(os.read, descriptor, _READ_BYTES):
        yield chunk
