"""A vision model that answers at once, or when it is told to: a server of its own process, so that nothing of it is measured.

Run as `python -m bench.instant_model`; it prints its port. `POST /hold` has it keep all questions, `POST /release` answer them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from types import TracebackType
from typing import Self

import httpx

_SAYS = {
    "title": "Red lighthouse above a stormy sea",
    "alt": "A red lighthouse on a cliff above breaking waves",
    "caption": "A red lighthouse stands above a stormy sea.",
    "description": "A red lighthouse stands on a cliff. Waves break below it.",
    "filename": "red-lighthouse-stormy-sea",
    "tags": ["lighthouse", "sea", "storm"],
    "visible_text": "",
}
_MESSAGE = {"role": "assistant", "content": json.dumps(_SAYS)}
_BODY = json.dumps({"choices": [{"index": 0, "finish_reason": "stop", "message": _MESSAGE}]}).encode()


class InstantModel:
    """The model as a benchmark starts it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.instant_model"], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.settings = {"CALOTYPE_VISION_URL": f"{self.url}/v1", "CALOTYPE_VISION_MODEL": "instant"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def hold(self) -> None:
        """Keep all questions from now on."""
        httpx.post(f"{self.url}/hold").raise_for_status()

    def release(self) -> None:
        """Answer what was kept, and all that follows."""
        httpx.post(f"{self.url}/release").raise_for_status()


async def _serve() -> None:
    answering = asyncio.Event()
    answering.set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                if head.startswith(b"POST /hold"):
                    answering.clear()
                elif head.startswith(b"POST /release"):
                    answering.set()
                else:
                    await answering.wait()
                lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(_BODY)}\r\n\r\n"
                writer.write(lines.encode() + _BODY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=4 * 1024 * 1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
