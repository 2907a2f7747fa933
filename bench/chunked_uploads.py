"""One video in chunks, five at once: rate on loopback, how long putting it together takes, and growth of the server's memory.

Run as `python -m bench.chunked_uploads [megabytes]`. The video is a small film with a long tail that no player looks at.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.running import RunningServer
from tests.small_film import small_film

from bench.report import report
from bench.stream import MIB, resident
from bench.uploading import LeanClient

AT_ONCE = 5


def film_of(megabytes: int) -> tuple[bytes, bytes]:
    """A film up to its tail, and the megabyte its tail repeats."""
    # The size of a box of more than 4 GiB stands behind its type; ISO/IEC 14496-12, section 4.2.
    head = small_film() + (1).to_bytes(4) + b"free" + (16 + megabytes * MIB).to_bytes(8)
    return head, os.urandom(MIB)


def bare_rate(folder: Path, megabytes: int) -> float:
    """Seconds for reading a file of that size, SHA-256, and writing and flushing it to the same disk."""
    block = os.urandom(MIB)
    source, copy = folder / "floor", folder / "floor-copy"
    with source.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    checksum = hashlib.sha256()
    started = time.perf_counter()
    with source.open("rb") as reading, copy.open("wb") as writing:
        while piece := reading.read(MIB):
            checksum.update(piece)
            writing.write(piece)
        writing.flush()
        os.fsync(writing.fileno())
    seconds = time.perf_counter() - started
    source.unlink()
    copy.unlink()
    return seconds


class Sender:
    """A client that costs next to nothing: puts chunks over raw connections and confirms them."""

    def __init__(self, server: RunningServer, key: str, head: bytes, block: bytes, megabytes: int) -> None:
        self._url = urlsplit(server.url)
        self._key = key
        self._film = (head, block)
        self.size = len(head) + megabytes * MIB

    def _pieces(self, start: int, size: int) -> list[memoryview]:
        head, block = map(memoryview, self._film)
        found = []
        while size:
            at = (start - len(head)) % MIB
            piece = head[start : start + size] if start < len(head) else block[at : at + size]
            found.append(piece)
            start, size = start + len(piece), size - len(piece)
        return found

    async def send(self) -> tuple[float, float]:
        """Send the film; returns seconds until the last chunk was confirmed, and seconds of complete."""
        started = time.perf_counter()
        body = {"filename": "film.mp4", "content_type": "video/mp4", "size_bytes": self.size}
        made = await self._ask("POST", "/api/v2/video-uploads/initiate", body)
        ids = {name: made[name] for name in ("media_id", "upload_id")}
        waiting = iter(made["chunks"])

        async def work() -> None:
            for chunk in waiting:
                number, size = chunk["chunk_number"], chunk["size_bytes"]
                target = urlsplit(chunk["upload_url"])
                start = (number - 1) * made["chunk_size_bytes"]
                etag = await self._put(f"{target.path}?{target.query}", size, self._pieces(start, size))
                confirmed = {**ids, "chunk_number": number, "etag": etag, "size_bytes": size}
                await self._ask("POST", "/api/v2/video-uploads/chunks/confirm", confirmed)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        sent = time.perf_counter()
        await self._ask(
            "POST", "/api/v2/video-uploads/complete", {**ids, "duration_seconds": 1.0, "auto_analyze": False}
        )
        return sent - started, time.perf_counter() - sent

    async def _put(self, path: str, size: int, pieces: list[memoryview]) -> str:
        head, _ = await self._exchange(f"PUT {path} HTTP/1.1\r\nContent-Length: {size}\r\n", pieces)
        return next(line.partition(":")[2].strip() for line in head if line.lower().startswith("etag:"))

    async def _ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps(body).encode()
        request = f"{method} {path} HTTP/1.1\r\nAuthorization: Bearer {self._key}\r\nContent-Length: {len(data)}\r\n"
        _, answer = await self._exchange(f"{request}Content-Type: application/json\r\n", [memoryview(data)])
        known: dict[str, Any] = json.loads(answer)
        return known

    async def _exchange(self, request: str, pieces: list[memoryview]) -> tuple[list[str], bytes]:
        loop = asyncio.get_running_loop()
        answered = b""
        with socket.create_connection((self._url.hostname, self._url.port)) as connection:
            connection.setblocking(False)
            head = f"{request}Host: {self._url.netloc}\r\nConnection: close\r\n\r\n".encode()
            for piece in [head, *pieces]:
                await loop.sock_sendall(connection, piece)
            while received := await loop.sock_recv(connection, 65536):
                answered += received
        head, _, answer = answered.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        if lines[0].split(" ")[1] not in {"200", "201"}:
            raise AssertionError(f"{lines[0]}: {answer!r}")
        return lines, answer


async def _stream(server: RunningServer, key: str, head: bytes, block: bytes, megabytes: int) -> float:
    async with LeanClient(server.url, key) as client:
        started = time.perf_counter()
        await client.upload("film.mp4", head, block, repeat=megabytes, auto_describe="false")
        return time.perf_counter() - started


def run(megabytes: int = 1024) -> dict[str, Any]:
    """Twice in chunks and twice streamed, in turn; the better of each, because the disk is shared, and the largest growth."""
    head, block = film_of(megabytes)
    with tempfile.TemporaryDirectory() as data:
        floors = [bare_rate(Path(data), megabytes)]
        with RunningServer(Path(data), "--no-worker", CALOTYPE_MAX_VIDEO_BYTES=str(8 * 1024 * MIB)) as server:
            key = server.new_key()
            assert server.process is not None
            small = film_of(8)
            asyncio.run(Sender(server, key, *small, 8).send())
            asyncio.run(_stream(server, key, *small, 8))
            before = resident(server.process.pid)
            chunked, growth, streamed = [], 0, []
            for _ in range(2):
                chunked.append(asyncio.run(Sender(server, key, head, block, megabytes).send()))
                growth = max(growth, resident(server.process.pid) - before)
                streamed.append(asyncio.run(_stream(server, key, head, block, megabytes)))
                _forget(server, key)
        floors.append(bare_rate(Path(data), megabytes))
    total = megabytes * MIB / 1e6
    completing, floor = min(seconds for _, seconds in chunked), min(floors)
    return {
        "bench": f"one video of {megabytes} MB in chunks, {AT_ONCE} at once",
        "chunks_mb_per_s": round(total / min(seconds for seconds, _ in chunked)),
        "streamed_mb_per_s": round(total / min(streamed)),
        "complete_s": round(completing, 2),
        "floor_read_sha256_write_s": round(floor, 2),
        "complete_to_floor": round(completing / floor, 2),
        "memory_growth_mb": round(growth / 1e6, 1),
    }


def _forget(server: RunningServer, key: str) -> None:
    """Make room on the disk; what lies there has been measured."""
    with server.client(key) as client:
        for file in client.get("/api/v2/user-files").json()["files"]:
            detail = client.get(f"/api/v2/user-files/{file['id']}").json()
            (server.data_dir / "objects" / detail["object_key"]).unlink()
            assert client.delete(f"/api/v2/user-files/{file['id']}").status_code == httpx.codes.OK


if __name__ == "__main__":
    report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)])
