"""A client that costs next to nothing, so that a benchmark on two cores measures the server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
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

    async def upload(self, filename: str, *pieces: bytes, repeat: int = 1, **fields: str) -> dict[str, Any]:
        """Stream one file made of `pieces` (the last one `repeat` times) with text fields, and return the answer."""
        await self._send("/api/v2/user-files/upload/stream", "file", filename, pieces, repeat=repeat, fields=fields)
        return await self._answer()

    async def upload_as_device(
        self, filename: str, *pieces: bytes, metadata: str, idempotency_key: str, loses_answer: bool = False
    ) -> dict[str, Any] | None:
        """Send one image as a device and return the answer, or nothing if the connection breaks before it comes."""
        await self._send(
            "/api/device/images/upload",
            "image",
            filename,
            pieces,
            fields={"metadata": metadata},
            headers={"X-Device-Key": self._key, "Idempotency-Key": idempotency_key},
        )
        return None if loses_answer else (await self._answer())["data"]

    async def _send(
        self,
        path: str,
        field: str,
        filename: str,
        pieces: Sequence[bytes],
        *,
        repeat: int = 1,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        texts = "".join(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in (fields or {}).items()
        )
        head = (
            f'{texts}--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
        size = len(head) + len(tail) + sum(map(len, pieces)) + len(pieces[-1]) * (repeat - 1)
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in (headers or {"Authorization": f"Bearer {self._key}"}).items()
        )
        request = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{lines}"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {size}\r\n\r\n"
        ).encode()
        loop = asyncio.get_running_loop()
        for piece in [request + head, *pieces, *[pieces[-1]] * (repeat - 1), tail]:
            await loop.sock_sendall(self._socket, piece)

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
