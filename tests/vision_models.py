"""A vision model behind an OpenAI-compatible API on loopback, which looks at pictures and answers as a test wants."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.running import wait_for

KEY = "sk-vision-5ecret"
METADATA = {
    "title": "Red lighthouse above a stormy sea",
    "alt": "A red lighthouse on a cliff above breaking waves",
    "caption": "A red lighthouse stands above a stormy sea.",
    "description": "A red lighthouse stands on a cliff. Waves break below it.",
    "filename": "red-lighthouse-stormy-sea",
    "tags": ["lighthouse", "sea", "storm"],
}


def completion(content=None, *, finish_reason="stop", **message):
    """The body of a chat completion; without content a good description."""
    said = json.dumps(METADATA) if content is None else content
    choice = {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": said, **message}}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice]}).encode()


def saying(**changes):
    """A good description with some keys changed."""
    return completion(json.dumps({**METADATA, **changes}))


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        """What its body says."""
        return json.loads(self.body)

    @property
    def picture(self):
        """Media type and bytes of the picture that was shown."""
        (url,) = (
            part["image_url"]["url"] for part in self.json["messages"][-1]["content"] if part["type"] == "image_url"
        )
        head, _, encoded = url.partition(",")
        return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(encoded, validate=True)


class VisionModel:
    """A server that answers as scripted, one entry a request, the last one over and over.

    An entry is a body (200), a status, a status with headers, both with a body, a function of the request that gives one of
    these, or a word: "silent" says nothing until the test sets `held`; "hold" answers well then; "reset" breaks the connection in
    the middle of the body; "hang_up" does so before the answer; "drip" sends a byte now and then; "endless" does not stop.
    """

    good = staticmethod(completion)
    request = Asked

    def __init__(self, *script):
        self.asked = []
        self.script = list(script or [self.good()])
        self.held = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self.connections = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def settings(self, **more):
        """The environment of a server that uses this model."""
        return {
            "CALOTYPE_VISION_URL": self.url,
            "CALOTYPE_VISION_MODEL": "seer:7b",
            "CALOTYPE_VISION_API_KEY": KEY,
            **more,
        }

    def wait(self, count):
        """The requests, once there are so many."""
        return wait_for(lambda: self.asked if len(self.asked) >= count else None, f"not asked {count} times")

    def _next(self, asked):
        with self._lock:
            self.asked.append(asked)
            entry = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return entry(asked) if callable(entry) else entry

    def _handler(self):
        return type("Handler", (_Handler,), {"model": self})


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits for an acknowledgement

    def setup(self):
        super().setup()
        self.model.connections += 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        entry = self.model._next(self.model.request(self.path, headers, body))
        with suppress(ConnectionError):
            if isinstance(entry, str):
                self.close_connection = True
                getattr(self, f"play_{entry}")()
            elif isinstance(entry, bytes):
                self.answer(200, {}, entry)
            else:
                status, headers, body, *_ = (*(entry if isinstance(entry, tuple) else (entry,)), {}, b"{}")[:3]
                self.answer(status, headers, body if isinstance(body, bytes) else b"{}")

    def play_silent(self):
        self.model.held.wait()

    def play_hold(self):
        self.model.held.wait()
        self.answer(200, {}, self.model.good())

    def play_hang_up(self):
        pass

    def play_reset(self):
        self.answer(200, {"Content-Length": "5000"}, b'{"choices": [')

    def play_drip(self):
        self.answer(200, {"Content-Length": "100000"}, b"")
        while not self.model.held.wait(0.02):
            self.wfile.write(b" ")

    def play_endless(self):
        self.answer(200, {"Connection": "close"}, b"", length=False)
        while not self.model.held.is_set():
            self.wfile.write(b" " * 65536)

    def answer(self, status, headers, body, *, length=True):
        self.send_response(status)
        for name, value in {**({"Content-Length": str(len(body))} if length else {}), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass
