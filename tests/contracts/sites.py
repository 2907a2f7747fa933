"""Small web sites to crawl, each on a loopback address of its own: pages, redirects, robots.txt, and what they were asked."""

from __future__ import annotations

import contextlib
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.running import PATIENCE

NETWORK = "127.0.0.0/8"
"""All of them."""

_hosts = itertools.count(2)


class Site:
    """Serves what it was told under the paths it was told; whatever else is asked for is 404, robots.txt included."""

    def __init__(self):
        self._pages = {}
        self.requests = []
        self._held = threading.Event()
        # A host of its own, so that politeness towards another does not hold up this one.
        self.host = f"127.0.0.{next(_hosts)}"
        self._server = ThreadingHTTPServer((self.host, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = self._server.server_port
        self.base = f"http://{self.host}:{self.port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, path, body=b"", status=200, content_type="text/html; charset=utf-8", **headers):
        """Serve a body, text in UTF-8, under a path; returns its URL. Without a content type none is sent."""
        data = body.encode() if isinstance(body, str) else body
        sent = {"Content-Type": content_type} if content_type else {}
        self._pages[path] = (status, sent | {name.replace("_", "-"): value for name, value in headers.items()}, data)
        return self.base + path

    def page(self, path, body="", head="", **options):
        """Serve an HTML page; returns its URL."""
        return self.put(path, f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", **options)

    def moved(self, path, target, status=302):
        """Serve a redirect; returns its URL."""
        return self.put(path, status=status, Location=target)

    def robots(self, text, status=200):
        """Serve a robots.txt."""
        self.put("/robots.txt", text, status, "text/plain")

    def endless(self, path, content_type="text/html"):
        """Serve a body that begins and never ends, in a drip; returns its URL."""
        return self.put(path, None, content_type=content_type)

    def asked(self, path):
        """The headers, in lower case, of every request for a path."""
        return [headers for asked, headers in self.requests if asked == path]

    def _handler(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                plain = {"Content-Type": "text/plain"}
                status, headers, body = site._pages.get(self.path.partition("?")[0], (404, plain, b"nothing here"))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.close_connection = True
                if body is not None:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):  # whoever asked may have gone
                    if body is None:
                        self._drip()
                    else:
                        self.wfile.write(body)

            def _drip(self):
                self.wfile.write(b"<!doctype html><title>Endless</title><p>")
                for _ in range(int(PATIENCE * 20)):
                    self.wfile.write(b" and on")
                    self.wfile.flush()
                    if site._held.wait(0.1):
                        return

            def log_message(self, *_):
                """Nothing: the tests ask for what they want to know."""

        return Handler
