"""Live analyses: how soon the first event comes, how many a second there are, and 200 streams held by one web process.

Run as `python -m bench.analyses [images] [streams]`. The describer is a vision model on loopback that answers at once.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from tests.running import RunningServer

from bench.instant_model import InstantModel
from bench.make_photos import FLAVOURS, make_photos
from bench.report import report
from bench.requests import percentile

_ROUNDS = 7
_AT_ONCE = 4  # the server's own default, for the bare calls
_QUIET = 25.0  # seconds in which held streams have nothing to tell
_BASE = "/image-forge-api/v1"


def _session(client: httpx.Client, count: int, bodies: list[bytes]) -> dict[str, Any]:
    """A session with so many images, as the analyses ask for them."""
    session_id, images = "", []
    for start in range(0, count, 100):
        numbers = range(start, min(count, start + 100))
        # Each with a few bytes of its own, so that no two files are the same.
        files = [("images", (f"photo-{n}.jpg", bodies[n % len(bodies)] + n.to_bytes(8, "big"))) for n in numbers]
        path = f"{_BASE}/sessions/{session_id}/images" if session_id else f"{_BASE}/sessions"
        answer = client.post(path, files=files)
        answer.raise_for_status()
        session_id, images = answer.json()["sessionId"], [*images, *answer.json()["images"]]
    keys = ("id", "uploadPath", "originalFilename")
    return {"sessionId": session_id, "images": [{key: image[key] for key in keys} for image in images]}


async def _events(client: httpx.AsyncClient, body: dict[str, Any]) -> AsyncIterator[tuple[str, float]]:
    """The names of the events of one analysis (a comment is ":"), each with when it came, in seconds from the request on."""
    begun = time.perf_counter()
    path = f"{_BASE}/sessions/{body['sessionId']}/analyze"
    async with client.stream("POST", path, json=body, timeout=None) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith(("event: ", ":")):
                yield line.removeprefix("event: ")[:20], time.perf_counter() - begun


async def _analyse(client: httpx.AsyncClient, body: dict[str, Any]) -> tuple[float, int, float]:
    """Seconds to the first event, how many there were, and seconds to the last."""
    seen = [(name, at) async for name, at in _events(client, body) if not name.startswith(":")]
    assert [name for name, _ in seen].count("result") == len(body["images"])
    return seen[0][1], len(seen), seen[-1][1]


async def _bare(model: InstantModel, picture: bytes, count: int) -> float:
    """Asking the model itself, with as many questions at once: images a second."""
    body = json.dumps({"picture": picture.hex()[: len(picture) * 4 // 3]})
    room = asyncio.Semaphore(_AT_ONCE)

    async def ask(client: httpx.AsyncClient) -> None:
        async with room:
            (await client.post(f"{model.url}/v1/chat/completions", content=body)).raise_for_status()

    async with httpx.AsyncClient(timeout=60) as client:
        begun = time.perf_counter()
        await asyncio.gather(*(ask(client) for _ in range(count)))
        return count / (time.perf_counter() - begun)


async def _live(server: RunningServer, key: str, model: InstantModel, session: dict[str, Any]) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, headers={"X-API-Key": key}, limits=limits) as client:
        await _analyse(client, session)  # waits for the pictures, and warms
        rounds = [await _analyse(client, session) for _ in range(_ROUNDS)]
        one = {**session, "images": session["images"][:1]}
        firsts = [(await _analyse(client, one))[0] for _ in range(3 * _ROUNDS)]
    bare = await _bare(model, b"x" * 60_000, 2 * len(session["images"]))
    rate = statistics.median(events / seconds for _, events, seconds in rounds)
    images = statistics.median(len(session["images"]) / seconds for _, _, seconds in rounds)
    return {
        "bench": f"analysis of {len(session['images'])} images, instant describer",
        "first_event_ms": round(statistics.median(first for first, _, _ in rounds) * 1000, 1),
        "first_event_ms_worst": round(max(first for first, _, _ in rounds) * 1000, 1),
        "first_event_ms_one_image": round(statistics.median(firsts) * 1000, 1),
        "events_per_s": round(rate),
        "images_per_s": round(images),
        "bare_model_images_per_s": round(bare),
        "ratio": round(images / bare, 2),
    }


async def _held(
    server: RunningServer, key: str, model: InstantModel, session: dict[str, Any], streams: int
) -> dict[str, Any]:
    assert server.process is not None
    pid = server.process.pid
    bodies = [{**session, "images": [image]} for image in session["images"][:streams]]
    limits = httpx.Limits(max_connections=None)
    comments, ended, others = [0] * streams, [0.0] * streams, list[float]()
    async with httpx.AsyncClient(base_url=server.url, headers={"X-API-Key": key}, limits=limits) as client:
        opened = asyncio.Semaphore(0)

        async def follow(number: int) -> None:
            async for name, _ in _events(client, bodies[number]):
                if name.startswith(":"):
                    comments[number] += 1
                    if comments[number] == 1:
                        opened.release()
                elif name == "complete":
                    ended[number] = time.perf_counter()

        before = _memory_mb(pid)
        model.hold()
        following = [asyncio.create_task(follow(number)) for number in range(streams)]
        for _ in range(streams):
            await opened.acquire()  # open, and told so
        cpu, begun = _cpu_seconds(pid), time.perf_counter()
        async with httpx.AsyncClient(base_url=server.url, headers={"X-API-Key": key}) as other:
            while time.perf_counter() - begun < _QUIET:
                asked = time.perf_counter()
                (await other.get(f"{_BASE}/credits")).raise_for_status()
                others.append(time.perf_counter() - asked)
                await asyncio.sleep(0.1)
        busy = (_cpu_seconds(pid) - cpu) / (time.perf_counter() - begun)
        after = _memory_mb(pid)
        model.release()
        released = time.perf_counter()
        await asyncio.gather(*following)
    waits = [end - released for end in ended]
    return {
        "bench": f"{streams} open streams, one web process",
        "memory_kb_a_stream": round((after - before) * 1024 / streams),
        "cpu_percent_while_quiet": round(busy * 100, 1),
        "fewest_comments": min(comments),
        "other_requests_p50_ms": round(percentile(others, 0.50) * 1000, 1),
        "other_requests_p99_ms": round(percentile(others, 0.99) * 1000, 1),
        "all_complete_after_release_s": round(max(waits), 2),
        "completed": sum(end > 0 for end in ended),
    }


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # clock ticks, of which there are 100 a second on Linux


def run(images: int = 100, streams: int = 200) -> list[dict[str, Any]]:
    """Measure both with the worker beside the server."""
    kind = FLAVOURS["small"]
    folder = Path(tempfile.gettempdir()) / "calotype-bench" / "small"
    photos = make_photos(folder, 32, width=kind.width, height=kind.height, target_bytes=kind.target_bytes)
    bodies = [path.read_bytes() for path in photos]
    with InstantModel() as model, tempfile.TemporaryDirectory() as data:
        settings = {"CALOTYPE_RATE_LIMIT": "1000000", **model.settings}
        with RunningServer(Path(data), **settings) as server:
            assert server.first_key is not None
            with server.client(server.first_key) as client:
                session, many = _session(client, images, bodies), _session(client, streams, bodies)
            live = asyncio.run(_live(server, server.first_key, model, session))
            held = asyncio.run(_held(server, server.first_key, model, many, streams))
    return [live, held]


if __name__ == "__main__":
    report(run(*map(int, sys.argv[1:])))
