"""A small web server to fetch pictures from, which remembers what it was asked."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

from tests.running import PATIENCE


class Sources:
    """Serves on 127.0.0.1; every answer is published under a path of its own."""

    def __init__(self):
        self._answers = {}
        self.requests = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def publish(self, body=b"", status=200, *, name="picture.jpg", **headers):
        """Publish an answer, named by its path; returns its URL.

        `short` bytes are announced, but never sent; the second half of the body waits for the event `hold`.
        """
        short, hold = headers.pop("short", 0), headers.pop("hold", None)
        path = f"/{uuid4().hex}/{name}"
        self._answers[path] = (status, headers, body, short, hold)
        return self.base + path

    def moved(self, target, status=302):
        """Publish a redirect; returns its URL."""
        return self.publish(status=status, Location=target)

    def asked(self, url):
        """The headers of every request for a URL."""
        return [headers for path, headers in self.requests if self.base + path == url]

    def _handler(self):
        sources = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                sources.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                nothing = (404, {}, b"nothing here", 0, None)
                status, headers, body, short, hold = sources._answers.get(self.path, nothing)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body) + short))
                self.end_headers()
                half = len(body) // 2 if hold else len(body)
                self.close_connection = True
                with contextlib.suppress(OSError):  # whoever asked may have gone
                    self.wfile.write(body[:half])
                    if hold:
                        hold.wait(PATIENCE)
                    self.wfile.write(body[half:])

            def log_message(self, *_):
                """Nothing: the tests ask for what they want to know."""

        return Handler
