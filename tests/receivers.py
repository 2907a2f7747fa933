"""A receiver of webhooks on loopback, which remembers what it was sent and answers as a test wants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

from tests.running import wait_for


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """What its body says."""
        return json.loads(self.body)

    @property
    def id(self):
        """The event's id."""
        return self.headers["webhook-id"]


class Receiver:
    """Every path is another receiver; it answers as scripted, one status a call, the last one over and over."""

    def __init__(self):
        self.calls = []
        self._scripts = {}
        self.held = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def path(self, *script):
        """The URL of a new receiver. Of its script, each entry is a status, a status with headers, or "hold", which answers
        nothing until the test sets `held`.
        """
        path = f"/{uuid4().hex}"
        self._scripts[path] = list(script or [204])
        return self.base + path

    def sent(self, url):
        """The calls of one receiver, in the order they came."""
        return [call for call in self.calls if self.base + call.path == url]

    def wait(self, url, count=1):
        """The calls of one receiver, once there are so many."""
        return wait_for(
            lambda: calls if len(calls := self.sent(url)) >= count else None, f"{url} was not called {count} times"
        )

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                script = receiver._scripts.get(self.path, [404])
                answer = script.pop(0) if len(script) > 1 else script[0]
                receiver.calls.append(Call(self.path, headers, body))
                if answer == "hold":
                    receiver.held.wait()
                    return
                status, more = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler


def signature_of(secret, call):
    """The signature a call should have, computed as the Standard Webhooks specification words it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = call.headers["webhook-id"] + "." + call.headers["webhook-timestamp"] + "." + call.body.decode()
    return "v1," + base64.b64encode(hmac.new(key, content.encode(), hashlib.sha256).digest()).decode()
