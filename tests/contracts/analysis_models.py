"""A vision model that answers as a test wants: the chat completions of an OpenAI-compatible API, on loopback."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

from tests.contracts.photos import encoded
from tests.running import PATIENCE, wait_for

KEY = "model-key-that-nobody-may-see"
MODEL = "model-of-the-tests"
ANSWER = {
    "title": "A lighthouse above the sea",
    "alt": "A white lighthouse on a cliff above a calm sea",
    "caption": "A white lighthouse stands on a cliff above the sea.",
    "description": "A white lighthouse stands on a green cliff. The sea below is calm.",
    "filename": "white-lighthouse-above-the-sea",
    "seotags": ["lighthouse", "sea", "cliff", "coast"],
    "tags": ["lighthouse", "sea", "cliff", "coast"],
    "keywords": ["lighthouse", "sea", "cliff", "coast"],
}
_STEP = 20  # between the grey levels of two shades; what is encoded anew moves by less than half of it


def shade(number, kind="PNG"):
    """A picture of one grey by which the model's calls tell which image they are for; numbers are 0 to 11."""
    level = _STEP // 2 + _STEP * number
    return encoded(Image.new("RGB", (64, 48), (level, level, level)), kind)


class Call:
    """One request as it arrived."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = headers
        self.text = body.decode()
        self.body = json.loads(body)

    def pictures(self):
        """The pictures that the request carries."""
        found = re.findall(r'"(data:image/[a-z]+;base64,[^"]+)"', self.text.replace("\\/", "/"))
        return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in found]

    @property
    def shade(self):
        """Which of the shades the picture of this request is."""
        (picture,) = self.pictures()
        level = picture.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        return int(level) // _STEP

    def answer(self, wanted):
        """What a model says that keeps to the schema it was given, word for word what is `wanted` where a key is asked for."""
        schema = self.body.get("response_format", {}).get("json_schema", {}).get("schema")
        if schema is None:
            return {**wanted, "seoTags": wanted["seotags"]}
        return _filled(schema, wanted, schema)


def _filled(schema, wanted, root):
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    answer = {}
    for name, value in schema["properties"].items():
        plain = name.lower().replace("_", "")
        kind = value.get("type") or next((one.get("type") for one in value.get("anyOf", ())), "string")
        kind = kind[0] if isinstance(kind, list) else kind
        unnamed = {"array": [], "number": 0.9, "integer": 1, "boolean": True, "object": {}}
        answer[name] = wanted.get(plain, unnamed.get(kind, ""))
    return answer


class Models:
    """One model; `script` says what a call is answered: what it says (keys of ANSWER, or text as it stands), or a function that
    writes an answer of its own to the request's handler. While it is `held`, it answers only as many calls as it is let.
    """

    def __init__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self.reset()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.let()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self):
        """Answer every call at once and well, and forget the calls so far; those still held go now."""
        self.let()
        self.calls = []
        self.script = lambda _: ANSWER
        self.running = self.most = 0
        self._lock = threading.Lock()
        self._let = threading.Semaphore(0)
        self._is_held = False

    def hold(self):
        """From now on answer only what is let; calls that are held already are not among it."""
        self._let = threading.Semaphore(0)
        self._is_held = True

    def let(self, count=None):
        """Answer so many calls, or all from now on."""
        if not hasattr(self, "_let"):
            return
        if count is None:
            self._is_held = False
        for _ in range(count or 1000):
            self._let.release()

    def wait(self, count):
        """The calls, once there are so many."""
        return wait_for(
            lambda: list(self.calls) if len(self.calls) >= count else None, f"the model was not called {count} times"
        )

    def settings(self, **more):
        """The settings of a server that asks this model, and reads no text by itself, which nobody would ask it for."""
        return {
            "CALOTYPE_OCR_ENABLED": "false",
            "CALOTYPE_VISION_URL": self.url,
            "CALOTYPE_VISION_MODEL": MODEL,
            "CALOTYPE_VISION_API_KEY": KEY,
            **more,
        }

    def reply(self, call, is_gone):
        """What one call is answered; waits while calls are held, without a turn for those whose caller is gone."""
        with self._lock:
            self.calls.append(call)
            self.running += 1
            self.most = max(self.most, self.running)
        lock, let = self._lock, self._let
        try:
            if self._is_held:
                _take_turn(let, is_gone)
        finally:
            with lock:
                self.running -= 1
        return self.script(call)


def _take_turn(let, is_gone):
    """Wait to be let, at most as long as tests wait for anything. Raises ConnectionError when nobody waits for the answer."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if let.acquire(timeout=0.05):
            if not is_gone():
                return
            let.release()
        if is_gone():
            raise ConnectionError


def _handler(models):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.path, headers, body)
            with contextlib.suppress(OSError):  # who gave up waiting is gone
                said = models.reply(call, self._is_gone)
                if callable(said):
                    said(self)
                else:
                    completion(self, said if isinstance(said, str) else json.dumps(call.answer(said)))

        def _is_gone(self):
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

        def log_message(self, *_):
            pass

    return Handler


def completion(handler, content, reason="stop"):
    """Answer with what a model said."""
    message = {"role": "assistant", "content": content}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    send(handler, 200, json.dumps(body).encode())


def send(handler, status, body, kind="application/json", **headers):
    """Answer with these bytes."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def refusing(status, body=b'{"error": {"message": "secret words of the model"}}', **headers):
    """A model that answers with a status."""
    return lambda _: lambda handler: send(handler, status, body, **headers)


def silent(_):
    """A model that takes the request and says nothing for a long time."""
    return lambda handler: time.sleep(PATIENCE)


def cut(_):
    """A model that closes the connection in the middle of its answer."""

    def write(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [')
        handler.close_connection = True

    return write
