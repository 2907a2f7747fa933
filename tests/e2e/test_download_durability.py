"""Videos that are fetched by URL arrive whole, whichever process is killed in the middle of it, and leave nothing beside them."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.crawling.page_sites import write_plugin
from tests.e2e.library import QUICK
from tests.e2e.processes import kill_everything
from tests.films import film
from tests.running import RunningServer, wait_for

pytestmark = pytest.mark.e2e


class FilmSite:
    """A film, by its URL and on a page; the first two answers stop in the middle until the other end is gone."""

    def __init__(self) -> None:
        self.film = film()
        self.halves = threading.Semaphore(0)
        self._left = {"/direct.mp4": 1, "/paged.mp4": 1}
        self._looks = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def url(self, path):
        """Where something lies."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def _page(self, agent):
        if agent.startswith("Calotype"):
            return b"<!doctype html><title>A wave</title>"
        return json.dumps({"title": "A wave", "url": self.url("/paged.mp4")}).encode()

    def _handler(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path
                body = outer._page(self.headers["User-Agent"]) if path.startswith("/watch/") else outer.film
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if outer._left.get(path):
                    outer._left[path] = 0
                    self.wfile.write(body[:500])
                    outer.halves.release()
                    self.rfile.read()
                else:
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler


@pytest.fixture
def site():
    """Where the films are."""
    with FilmSite() as running:
        yield running


def test_downloads_survive_the_death_of_every_process(tmp_path, site):
    """Of a file and of a page: both begin again, arrive with name and size, and the folder of the dead is removed."""
    path = os.pathsep.join([write_plugin(tmp_path), *sys.path])
    running = RunningServer(tmp_path, CALOTYPE_FETCH_ALLOW="127.0.0.1", PYTHONPATH=path, **QUICK)
    with running:
        key = running.new_key()
        with running.client(key) as client:
            ids = [
                client.post("/videos/upload", json={"video_url": site.url(url), "index": False}).json()["video_id"]
                for url in ("/direct.mp4", "/watch/a")
            ]
        for _ in ids:
            assert site.halves.acquire(timeout=60)
        downloads = running.data_dir / "downloads"
        assert len(list(downloads.iterdir())) == 1
        kill_everything(running)
        assert len(list(downloads.iterdir())) == 1

        running.start()
        with running.client(key) as client:

            def videos():
                found = client.post("/videos/get", json={"video_ids": ids}).json()["results"]
                assert not any(each["error"] for each in found), found
                return found if all(each["metadata"]["width"] for each in found) else None

            direct, paged = wait_for(videos, "the videos were not fetched")
            assert [each["metadata"]["video_name"] for each in (direct, paged)] == ["direct.mp4", "A wave"]
            for each in (direct, paged):
                assert client.get(each["url"]).content == site.film
        objects = [each for each in (running.data_dir / "objects" / "uploads").rglob("*") if each.is_file()]
        assert len(objects) == 2
        assert list(downloads.iterdir()) == []
