"""Crawling links: pages of sites that answer after 10 ms, each with its robots.txt, by a worker that finds their jobs waiting.

    python -m bench.crawling [pages]

The sites run in a process of their own; every address of 127.0.0.0/8 is a host to the worker. The rate is that between the first
and the last page that is stored; the processor's time, of the worker and its children without the database, says more where the
machine has other things to do. Beside it, in the same run: the same pages by the fetcher and the children alone; reading alone;
and one host, whose pages come one at a time with the usual pause between two.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
from tests.running import RunningServer, calotype_environment

from bench.report import report
from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher
from calotype.crawling.robots import RobotsRules
from calotype.documents.html_page import read_page
from calotype.sandbox.pool import Sandbox

MIB = 1024 * 1024
LATENCY = 0.01  # seconds
_AT_ONCE = 32
_ALONE = 8  # pages of the one host
_PATIENCE = 600.0  # seconds
_WORDS = [
    "harbour",
    "tide",
    "lantern",
    "gravel",
    "signal",
    "ferry",
    "timber",
    "meadow",
    "bridge",
    "copper",
    "market",
    "river",
]


def page_of(number: int) -> bytes:
    """An article of about 40 kB with a head, a menu, paragraphs and pictures, as sites make them."""
    words = random.Random(number)

    def text(count: int) -> str:
        return " ".join(words.choices(_WORDS, k=count)).capitalize() + "."

    menu = "".join(f'<li class="item"><a href="/section/{n}">{text(2)}</a></li>' for n in range(60))
    body = "".join(f"<h2>{text(4)}</h2><p>{text(60)}</p><p>{text(60)}</p>" for _ in range(20))
    images = "".join(f'<img src="/images/{n}.jpg" alt="{text(4)}" width="640" height="480">' for n in range(20))
    style = "".join(f".c{n}{{margin:{n}px;color:#33{n:04d}}}" for n in range(250))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(6)}</title><style>{style}</style>'
        f'<meta property="og:title" content="{text(5)}"><meta property="og:description" content="{text(20)}">'
        f'<link rel="icon" href="/icon.png"><link rel="canonical" href="/page/{number}"></head>'
        f"<body><nav><ul>{menu}</ul></nav><article>{body}{images}</article><footer>{text(40)}</footer></body></html>"
    ).encode()


async def _serve() -> None:
    """Answer on all addresses of this machine, and say on which port."""
    pages = [page_of(number) for number in range(20)]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(LATENCY)
        path = head.split(b" ", 2)[1]
        if path == b"/robots.txt":
            status, kind, body = b"200 OK", b"text/plain", b"User-agent: *\nDisallow: /private/\n"
        else:
            status, kind, body = b"200 OK", b"text/html; charset=utf-8", pages[hash(path) % len(pages)]
        writer.write(
            b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (status, kind, len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Sites:
    """The sites, in a process of their own while the block lasts."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.crawling", "--serve"], stdout=subprocess.PIPE)
        assert self._process.stdout
        self._port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def urls(self, count: int, hosts: int, first: int = 1) -> list[str]:
        """So many pages, spread over so many hosts, beginning with one."""
        places = [first + number % hosts for number in range(count)]
        return [f"http://127.1.{at // 250}.{1 + at % 250}:{self._port}/page/{n}" for n, at in enumerate(places)]


async def _without_database(urls: Sequence[str], children: int) -> float:
    """Pages a second by the fetcher, the rules of sites and the children, as many at once as a worker has."""
    waiting = iter(urls)
    sandbox = Sandbox("pages", children, 1024 * MIB, preload=["calotype.documents.html_page"])
    fetcher = Fetcher(Allowed.parse("127.0.0.0/8"), version="bench")
    robots = RobotsRules(fetcher)

    async def work() -> None:
        for url in waiting:
            async with fetcher.fetch(url, limit=10 * MIB, unpacks=True, permit=robots.check) as fetched:
                data = b"".join([chunk async for chunk in fetched.chunks])
            page = await sandbox.run(read_page, data, fetched.url, fetched.charset, timeout=60)
            assert page.text

    try:
        await asyncio.gather(
            *(sandbox.run(read_page, page_of(n), "http://a/", None, timeout=60) for n in range(children))
        )
        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        return len(urls) / (time.perf_counter() - began)
    finally:
        await sandbox.close()
        await fetcher.aclose()


def _alone(count: int) -> float:
    """Pages a second that one process reads when they are there already."""
    pages = [page_of(number) for number in range(20)]
    read_page(pages[0], "http://a/", None)
    began = time.perf_counter()
    for number in range(count):
        read_page(pages[number % len(pages)], "http://a/", "utf-8")
    return count / (time.perf_counter() - began)


def _saved(client: httpx.Client, urls: Sequence[str]) -> list[str]:
    ids = []
    for url in urls:
        saved = client.post("/api/v2/user-files/links", json={"url": url})
        saved.raise_for_status()
        ids.append(saved.json()["id"])
    return ids


def _crawled(client: httpx.Client, ids: Sequence[str]) -> float:
    """Pages a second, from the first to the last that was stored, once all of them are."""
    left, deadline = set(ids), time.monotonic() + _PATIENCE
    while left and time.monotonic() < deadline:
        time.sleep(0.5)
        left -= set(_ends(client, sorted(left)[:100]))
    assert not left, f"{len(left)} pages are not read"
    ends = sorted(end for at in range(0, len(ids), 100) for end in _ends(client, ids[at : at + 100]).values())
    return (len(ends) - 1) / (ends[-1] - ends[0]).total_seconds()


def _ends(client: httpx.Client, ids: Sequence[str]) -> dict[str, datetime]:
    files = client.get("/api/v2/user-files", params={"ids": ",".join(ids), "limit": 100}).json()["files"]
    found = {}
    for file in files:
        assert file["crawl_status"] != "failed", file
        if file["crawl_status"] == "completed":
            detail = client.get(f"/api/v2/user-files/{file['id']}").json()
            found[file["id"]] = datetime.fromisoformat(detail["crawled_at"])
    return found


@contextmanager
def _working(server: RunningServer, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker beside the server."""
    environment = calotype_environment(server.data_dir, CALOTYPE_DATABASE_URL=server.database_url(), **settings)
    worker = subprocess.Popen([sys.executable, "-m", "calotype", "worker"], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait()


def _processor_seconds(pid: int) -> float:
    """What a process and its children have used (proc(5), stat)."""
    spent = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if pid in {int(folder.name), int(fields[1])}:
                spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def run(pages: int = 200) -> dict[str, Any]:
    """Crawl so many pages, each on a host of its own, and then some of one host."""
    settings = {"CALOTYPE_FETCH_ALLOW": "127.0.0.0/8"}
    with Sites() as sites, tempfile.TemporaryDirectory() as folder:
        bare = asyncio.run(_without_database(sites.urls(pages, pages), os.cpu_count() or 1))
        alone = _alone(100)
        with (
            RunningServer(Path(folder), "--no-worker", **settings) as server,
            server.client(server.new_key()) as client,
        ):
            first = _saved(client, sites.urls(10, 10, first=2000))
            with _working(server, **settings) as worker:
                _crawled(client, first)
                one = _crawled(client, _saved(client, sites.urls(_ALONE, 1, first=3000)))
                # Held while the links are saved, so that neither its start nor the saving is measured.
                worker.send_signal(signal.SIGSTOP)
                ids = _saved(client, sites.urls(pages, pages))
                before = _processor_seconds(worker.pid)
                worker.send_signal(signal.SIGCONT)
                rate = _crawled(client, ids)
                spent = _processor_seconds(worker.pid) - before
    return {
        "bench": f"crawling {pages} pages of {len(page_of(0)) // 1000} kB, {round(1000 * LATENCY)} ms latency, a host each",
        "pages_per_s": round(rate, 1),
        "processor_ms_per_page": round(1000 * spent / pages, 1),
        "pages_per_s_without_database": round(bare, 1),
        "ratio_to_without_database": round(rate / bare, 2),
        "pages_per_s_read_by_one_process": round(alone, 1),
        "pages_per_s_of_one_host": round(one, 2),
    }


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(_serve())
    else:
        report([run(int(sys.argv[1]) if len(sys.argv) > 1 else 200)])
