"""A site whose pages yt-dlp can read, by a plug-in that the tests put on the path of its process."""

from __future__ import annotations

import json
import os

from tests.crawling.sites import answer

FILM = b"\0\0\0\x18ftypmp42" + os.urandom(300_000)

# Reads pages at /watch/ of any host and port: JSON that says what the reader is to find, or to do.
_PLUGIN = r"""
import os, socket, subprocess
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError

def connects(host, port):
    socket.create_connection((host, port), timeout=5).close()

def knocks(path):
    socket.socket(socket.AF_UNIX).connect(path)

def sends(host, port):
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", (host, port))

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
            found["title"] = "|".join(str(os.environ.get(name)) for name in found["environment"])
        return {"id": self._match_id(url), **found}
"""


def write_plugin(folder):
    """Write the plug-in below a folder; returns what must be on the path of the process that reads."""
    modules = folder / "plugin" / "yt_dlp_plugins" / "extractor"
    modules.mkdir(parents=True)
    (modules / "testsite.py").write_text(_PLUGIN)
    return str(folder / "plugin")


def page(**found):
    """A page of the site."""
    return answer(json.dumps(found).encode(), "200 OK", "Content-Type: text/html")
