"""A client that costs next to nothing, so that a benchmark on two cores measures the server."""

from __future__ import annotations

import asyncio
import json
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
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def upload(self, filename: str, *pieces: bytes, repeat: int = 1) -> dict[str, Any]:
        """Stream one file made of `pieces` (the last one `repeat` times) and return the answer."""
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        tail = f"\r\n--{_BOUNDARY}--\r\n".encode()
        size = len(head) + len(tail) + sum(map(len, pieces)) + len(pieces[-1]) * (repeat - 1)
        self._writer.write(
            (
                "POST /api/v2/user-files/upload/stream HTTP/1.1\r\n"
                f"Host: {self._host}:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
                f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {size}\r\n\r\n"
            ).encode()
            + head
        )
        for piece in [*pieces, *[pieces[-1]] * (repeat - 1)]:
            self._writer.write(piece)
            await self._writer.drain()
        self._writer.write(tail)
        await self._writer.drain()
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ", 2)[1])
        length = next(
            int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")
        )
        body: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        if status != 200:
            raise AssertionError(f"{status}: {body}")
        return body
