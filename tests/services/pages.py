"""A site of its own whose pages yt-dlp can read, by a plug-in that the tests put on its path."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager

from calotype.crawling.pace import Pace
from calotype.sandbox.pool import Sandbox
from calotype.services.page_download import PageDownloader, PageLimits
from tests.crawling.sites import answer

# Reads pages at /watch/ of any port of this machine: JSON that says what the reader is to find, or to do.
_PLUGIN = r"""
import os, pathlib, socket, subprocess
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError

def connects(host, port):
    socket.create_connection((host, port), timeout=5).close()

def looks_up(host):
    socket.getaddrinfo(host, 80)

def runs(*command):
    subprocess.run(command)

class TestSiteIE(InfoExtractor):
    _VALID_URL = r"https?://[\w.]+:\d+/watch/(?P<id>\w+)"

    def _real_extract(self, url):
        found = self._download_json(url, self._match_id(url))
        if "says" in found:
            raise ExtractorError(found["says"], expected=True)
        if "breaks" in found:
            raise KeyError(found["breaks"])
        if "fetches" in found:
            self._request_webpage(found["fetches"], "x")
        if "tries" in found:
            name, *arguments = found["tries"]
            try:
                globals()[name](*arguments)
            except Exception as error:
                raise ExtractorError(f"{type(error).__name__}: {error}", expected=True)
        if "environment" in found:
            found["title"] = f"{os.environ.get('HOME')} {os.environ.get('PATH')} {os.environ.get('CALOTYPE_SECRET')}"
        return {"id": self._match_id(url), **found}
"""


@asynccontextmanager
async def page_plugin(folder, monkeypatch):
    """Put the plug-in where children look for it."""
    modules = folder / "plugin" / "yt_dlp_plugins" / "extractor"
    modules.mkdir(parents=True)
    (modules / "testsite.py").write_text(_PLUGIN)
    monkeypatch.setattr(sys, "path", [str(folder / "plugin"), *sys.path])
    yield


def page(**found):
    """A page of the site."""
    return answer(json.dumps(found).encode(), "200 OK", "Content-Type: text/html")


def small_sandbox(**environment):
    """A child for one page."""
    gibibyte = 1024**3
    return Sandbox("pages", 1, memory_limit=gibibyte, nice=10, file_limit=gibibyte, environment=environment)


def downloader(check, folder, max_bytes=1_000_000, *, seconds=60.0, least_rate=1000.0, sandbox=small_sandbox):
    """What reads pages, with its files in a folder of the test."""
    return PageDownloader(check, sandbox, folder, PageLimits(max_bytes, Pace(seconds, least_rate)))


async def brought(pages, *urls):
    """The title and the bytes of a page's video; None when no reader claims the URLs."""
    async with pages.download(urls) as found:
        return found and (found.title, b"".join([chunk async for chunk in found.chunks]))
