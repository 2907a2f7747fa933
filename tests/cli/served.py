"""A web server with our connections, without anything of Calotype behind it."""

from __future__ import annotations

import json
import socket
import threading

import uvicorn

from calotype.cli.http_connection import HttpConnection
from calotype.cli.websocket_connection import WebSocketConnection
from tests.running import PATIENCE


async def echo(scope, receive, send):
    """Answer with method, path, and body, as JSON, or each text with itself; what never comes whole is answered by nobody.

    The answer to `/long` is longer than what systems keep for a client, and so is the farewell of a WebSocket that says `leave`.
    """
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "leave":
                await send({"type": "websocket.send", "text": "farewell" * 2_000_000})
                return
            if "text" in message:
                await send({"type": "websocket.send", "text": message["text"]})
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    told = json.dumps([scope["method"], scope["path"], body.decode()]).encode()
    told *= 1_000_000 if scope["path"] == "/long" else 1
    headers = [(b"content-length", str(len(told)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


class Served:
    """A web server over `echo` in a thread."""

    def __init__(
        self,
        connection: type[HttpConnection] = HttpConnection,
        keep_alive: int = 75,
        websocket: type[WebSocketConnection] = WebSocketConnection,
        ping: float = 20,
    ) -> None:
        config = uvicorn.Config(
            echo,
            http=connection,
            ws=websocket,
            ws_ping_interval=ping,
            ws_ping_timeout=ping,
            lifespan="off",
            log_config=None,
            timeout_keep_alive=keep_alive,
        )
        self._server = uvicorn.Server(config)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def connect(self) -> socket.socket:
        """A connection that has sent nothing yet."""
        return socket.create_connection(self._listener.getsockname(), PATIENCE)

    @property
    def websocket(self) -> WebSocketConnection:
        """The one there is."""
        (found,) = [each for each in self._server.server_state.connections if isinstance(each, WebSocketConnection)]
        return found

    @property
    def open_connections(self) -> int:
        """How many the server holds."""
        return len(self._server.server_state.connections)
