"""Documents are read and links crawled in the end, whichever process is killed in the middle of it."""

from __future__ import annotations

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.documents_made import text_pdf
from tests.e2e.library import QUICK
from tests.e2e.processes import is_gone, kill_everything, worker_of
from tests.running import RunningServer, upload, wait_for

pytestmark = pytest.mark.e2e

PAGE = b"<!doctype html><title>Of tides</title><article><p>The lighthouse keeper left the island.</p></article>"


class PageSite:
    """A page; so many of its first answers stop in the middle until the other end is gone."""

    def __init__(self, halves: int) -> None:
        self.asked = threading.Semaphore(0)
        self._left = halves
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        """Where the page lies."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/tides"

    def _handler(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/robots.txt":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(PAGE)))
                self.end_headers()
                if outer._left:
                    outer._left -= 1
                    self.wfile.write(PAGE[:20])
                    outer.asked.release()
                    self.rfile.read()
                else:
                    self.wfile.write(PAGE)

            def log_message(self, *_):
                pass

        return Handler


def ended(client, file_id, key):
    """The detail of a file once that state of it is one of an end; None until then."""
    detail = client.get(f"/api/v2/user-files/{file_id}").json()
    return detail if detail[key] in {"completed", "failed"} else None


def test_documents_and_links_survive_the_death_of_every_process(tmp_path):
    """The worker is killed while it crawls and reads, then everything: each is done in the end, with one step of its history."""
    running = RunningServer(tmp_path, CALOTYPE_FETCH_ALLOW="127.0.0.1", CALOTYPE_CRAWL_PAUSE="0", **QUICK)
    book = text_pdf([[f"Of tides, page {number}.", f"The word of it is number{number}."] for number in range(600)])
    with PageSite(halves=2) as site, running:
        key = running.new_key()
        with running.client(key) as client:
            link = client.post("/api/v2/user-files/links", json={"url": site.url}).json()["id"]
            assert site.asked.acquire(timeout=60)
            document = upload(client, book, "book.pdf")["image_id"]
            before = worker_of(running)
            os.kill(before, signal.SIGKILL)
            wait_for(lambda: is_gone(before), "the worker outlived SIGKILL")
            assert site.asked.acquire(timeout=60)
            kill_everything(running)
        running.start()
        with running.client(key) as client:
            crawled = wait_for(lambda: ended(client, link, "crawl_status"), "the link was not crawled")
            read = wait_for(lambda: ended(client, document, "text_extraction_status"), "the document was not read")
            found = client.get("/api/v2/user-files", params={"search": "tides lighthouse keeper"}).json()["files"]
            last = client.get("/api/v2/user-files", params={"search": "number599"}).json()["files"]
    assert (crawled["crawl_status"], crawled["page_title"]) == ("completed", "Of tides")
    assert (read["text_extraction_status"], read["page_count"]) == ("completed", 600)
    assert ([one["id"] for one in found], [one["id"] for one in last]) == ([link], [document])
    for detail, kinds in ((crawled, ["crawl"]), (read, ["upload", "extract_text"])):
        steps = [(step["operation_type"], step["status"]) for step in detail["processing_history"]]
        assert steps == [(kind, "completed") for kind in kinds]
