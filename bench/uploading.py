"""A client that costs next to nothing, so that a benchmark on two cores measures the server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_BOUNDARY = "calotypebenchboundary"


class LeanClient:
    """One kept-alive connection that streams files."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80
        self._key = key

    async def __aenter__(self) -> Self:
        self._socket = socket.create_connection((self._host, self._port))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    async def upload(self, filename: str, *pieces: bytes, repeat: int = 1) -> dict[str, Any]:
        """Stream one file made of `pieces` (the last one `repeat` times) and return the answer."""
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
        size = len(head) + len(tail) + sum(map(len, pieces)) + len(pieces[-1]) * (repeat - 1)
        request = (
            "POST /api/v2/user-files/upload/stream HTTP/1.1\r\n"
            f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {size}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        for piece in [request + head, *pieces, *[pieces[-1]] * (repeat - 1), tail]:
            await loop.sock_sendall(self._socket, piece)
        return await self._answer()

    async def upload_batch(
        self,
        files: Sequence[tuple[str, bytes]],
        path: str = "/api/v2/user-files/upload/stream-batch",
        field: str = "files",
    ) -> dict[str, Any]:
        """Send all files in one request and return the answer."""
        heads = [
            (
                f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
                "Content-Type: image/jpeg\r\n\r\n"
            ).encode()
            for name, _ in files
        ]
        tail = f"--{_BOUNDARY}--\r\n".encode()
        size = len(tail) + sum(len(head) + len(data) + 2 for head, (_, data) in zip(heads, files, strict=True))
        request = (
            f"POST {path} HTTP/1.1\r\n"
            f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {size}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, request)
        for head, (_, data) in zip(heads, files, strict=True):
            for piece in (head, data, b"\r\n"):
                await loop.sock_sendall(self._socket, piece)
        await loop.sock_sendall(self._socket, tail)
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        received = b""
        while b"\r\n\r\n" not in received:
            received += await loop.sock_recv(self._socket, 65536)
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length"))
        while len(body) < length:
            body += await loop.sock_recv(self._socket, 65536)
        answer: dict[str, Any] = json.loads(body)
        if lines[0].split(" ")[1] != "200":
            raise AssertionError(f"{lines[0]}: {answer}")
        return answer
