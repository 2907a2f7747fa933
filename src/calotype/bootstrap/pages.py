"""What reads pages that hold a video, and the child process it is done in."""

from __future__ import annotations

import functools
import os

from calotype.bootstrap.tools import Tools
from calotype.crawling.pace import Pace
from calotype.sandbox.pool import Sandbox
from calotype.services.page_download import PAGES_BYTES, PageDownloader, PageLimits

_MEMORY = 1024 * 1024 * 1024  # bytes of address space; reading a page takes about a tenth of it
# An installation that trusts certificates of its own trusts them here as well.
_PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def page_downloader(tools: Tools) -> PageDownloader:
    """Downloads from pages, under the same limits as files."""
    settings = tools.settings
    most = settings.vision_max_video_bytes
    pace = Pace(2 * settings.fetch_timeout, settings.download_least_rate)  # a page is several files
    return PageDownloader(
        tools.fetcher.check,
        functools.partial(page_sandbox, most + 2 * PAGES_BYTES),
        settings.data_dir / "downloads",
        PageLimits(most, pace),
    )


def page_sandbox(file_limit: int) -> Sandbox:
    """A child for one page, which may write a file of so many bytes; the next page gets another."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return Sandbox("pages", workers=1, memory_limit=_MEMORY, nice=10, environment=environment, file_limit=file_limit)
