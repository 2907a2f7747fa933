"""A connection that breaks: a TCP relay in front of a server which cuts off answers in their middle."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class CuttingRelay:
    """Passes bytes on, and closes a connection as soon as the answer on it has said one of `words`; each word cuts once."""

    def __init__(self, url: str, words: list[bytes]) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = b""
        """Everything that was sent to the server."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._send, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _send(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while piece := client.recv(65536):
                self.requests += piece
                server.sendall(piece)
        except OSError:
            pass
        _close(server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        answered = b""
        try:
            while piece := server.recv(65536):
                answered += piece
                client.sendall(piece)
                if self._words and self._words[0] in answered:
                    del self._words[0]
                    break
        except OSError:
            pass
        _close(client)
        _close(server)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
