"""Small HTTP servers that answer exactly the bytes a test wants, and names that lead to them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher

ROOT = Path(__file__).parents[2]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body=b"", status="200 OK", *headers, length=None):
    """The bytes of an answer; `length` is what it claims, -1 for no claim."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *headers, *([] if size == -1 else [f"Content-Length: {size}"])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location, status="302 Found"):
    """An answer that leads elsewhere."""
    return answer(b"", status, *([] if location is None else [f"Location: {location}"]))


@dataclass
class Asked:
    """One request as it arrived."""

    line: str
    headers: dict[str, str]

    @property
    def path(self):
        return self.line.split(" ")[1]


class Site:
    """A server whose paths answer bytes, or run a script of their own."""

    def __init__(self, answers: dict[str, bytes | Script]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.connections = 0
        self.port = 0

    def url(self, path="/", host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader, writer):
        """One connection."""
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            self.asked.append(Asked(first, headers))
            what = self.answers.get(self.asked[-1].path, answer(b"", "404 Not Found"))
            if isinstance(what, bytes):
                writer.write(what)
                await writer.drain()
            else:
                await what(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # clients may go away
        finally:
            writer.close()


@asynccontextmanager
async def site(answers=None, address="127.0.0.1", ssl=None):
    """A running site."""
    made = Site(answers or {})
    server = await asyncio.start_server(made.serve, address, 0, ssl=ssl)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


class Names:
    """A name server: each name has a list of answers, of which the last is repeated."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, name):
        self.asked.append(name)
        given = self._answers.get(name)
        if not given:
            raise OSError("no such name")
        return given.pop(0) if len(given) > 1 else given[0]


@asynccontextmanager
async def fetching(allow="127.0.0.1", **options):
    """A fetcher, closed at the end."""
    made = Fetcher(Allowed.parse(allow), version="1.2.3", **options)
    try:
        yield made
    finally:
        await made.aclose()


async def download(fetcher, url, limit=1_000_000):
    """What is told of a file, and its bytes."""
    async with fetcher.fetch(url, limit=limit) as fetched:
        return fetched, b"".join([chunk async for chunk in fetched.chunks])


def run_program(program, *arguments, **environment):
    """Run Python text in a process of its own, for what is read from the environment once."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
