"""A client of the WebSocket that knows the frames of section 6."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.contracts.batches import coherent
from tests.contracts.session_shapes import FRAME, FRAME_ERROR, SESSION
from tests.contracts.shapes import conforms
from tests.running import PATIENCE

PATH = "/api/v2/ws"
AUTHENTICATED = {"channel": None, "event": "authenticated", "data": {}}
REFUSED = 4401
_UNKNOWN = "batch.00000000-0000-4000-8000-000000000000"


class Socket:
    """One connection; every frame that arrives is held against its shape."""

    def __init__(self, server, key=None, *, path=PATH, authorization=None):
        header = authorization or (f"Bearer {key}" if key else None)
        self.connection = connect(
            server.url.replace("http", "ws", 1) + path,
            additional_headers={"Authorization": header} if header else {},
            proxy=None,
            open_timeout=PATIENCE,
            max_queue=None,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, frame):
        """Send an object as JSON, and anything else as it is."""
        self.connection.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    def receive(self):
        """The next frame."""
        message = self.connection.recv(PATIENCE)
        assert isinstance(message, str), "frames of the server are text"
        frame = json.loads(message)
        conforms(frame, FRAME)
        if frame["event"] == "error":
            conforms(frame["data"], FRAME_ERROR)
        elif frame["event"] != "authenticated":
            conforms(frame["data"], SESSION)
            coherent(frame["data"])
            assert frame["channel"] == frame["data"]["websocket_channel"]
        return frame

    def authenticate(self, key):
        """Authenticate as a browser does."""
        self.send({"action": "authenticate", "api_key": key})
        assert self.receive() == AUTHENTICATED

    def subscribe(self, channel):
        """Subscribe and return the snapshot; a connection authenticated by its header may say so first."""
        self.send({"action": "subscribe", "channel": channel})
        frame = self.receive()
        if frame == AUTHENTICATED:
            frame = self.receive()
        assert (frame["channel"], frame["event"]) == (channel, "subscribed"), frame
        return frame["data"]

    def error(self, frame):
        """Send something that must be answered by an error frame; returns (channel, code)."""
        self.send(frame)
        answer = self.receive()
        if answer == AUTHENTICATED:
            answer = self.receive()
        assert answer["event"] == "error", answer
        return answer["channel"], answer["data"]["code"]

    def until(self, event, channel):
        """All frames up to the first of that event on that channel."""
        frames = [self.receive()]
        while (frames[-1]["event"], frames[-1]["channel"]) != (event, channel):
            frames.append(self.receive())
        return frames

    def waiting(self):
        """The frames the server had sent before it was asked for this; of a connection's own acknowledgement nothing is said."""
        self.send({"action": "subscribe", "channel": _UNKNOWN})
        frames = []
        while (frame := self.receive())["data"].get("code") != "NOT_FOUND" or frame["channel"] not in {None, _UNKNOWN}:
            frames.append(frame)
        return [frame for frame in frames if frame != AUTHENTICATED]

    def closed_as_refused(self):
        """Assert that the server sends an error frame and then closes for lack of authentication; returns the code."""
        frame = self.receive()
        assert (frame["event"], frame["channel"]) == ("error", None)
        with pytest.raises(ConnectionClosed) as closed:
            self.connection.recv(PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == REFUSED
        return frame["data"]["code"]
