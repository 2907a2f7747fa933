"""Looking host names up, with the system's own means, in threads of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from calotype.crawling.addresses import Address

# Gives the addresses of a host name as text, the preferred one first. Raises OSError when there are none.
Lookup = Callable[[str], Awaitable[Sequence[str]]]


class SystemLookup:
    """`getaddrinfo` without a cache. A slow name server holds these threads, not those that files are read and written in."""

    def __init__(self, threads: int = 16) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="lookup")

    async def __call__(self, name: str) -> Sequence[str]:
        """All addresses of a name, whether or not this machine has a route to them. Raises OSError."""
        # Bytes, because text would go through the older rules for international names again.
        query = name.encode("ascii")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _addresses, query)

    def close(self) -> None:
        """Take no more names; those that were taken are still looked up, but not waited for."""
        self._threads.shutdown(wait=False)


def _addresses(query: bytes) -> list[str]:
    found = socket.getaddrinfo(query, None, type=socket.SOCK_STREAM)
    texts: list[str] = []
    for _, _, _, _, where in found:
        scope = f"%{where[3]}" if len(where) == 4 and where[3] else ""  # a scope is a reason to refuse
        texts.append(f"{where[0]}".partition("%")[0] + scope)
    return texts


def parsed(texts: Sequence[str]) -> tuple[Address, ...]:
    """The addresses of a lookup's answer, each once, in order. Raises OSError when one of them is none, or there are none."""
    try:
        addresses = tuple(dict.fromkeys(ip_address(text) for text in texts))
    except ValueError as error:
        raise OSError("the name server's answer makes no sense") from error
    if not addresses:
        raise OSError("the name has no address")
    return addresses
