"""A child process without a network gets one door: it listens on its own loopback, and its parent serves that socket.

A socket belongs to the network it was made in, whoever holds it. So the child makes one where it is, hands it over through a
Unix socket in a folder of both, and can then reach what its parent serves there, and nothing else.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from calotype.crawling.proxy import Proxy

LOOPBACK = "127.0.0.1"
_DOOR = "proxy"
_LONGEST_PATH = 100  # bytes; what every system takes for the path of a Unix socket
_BACKLOG = 64
# netdevice(7): flags of an interface are read and written as its name and a short; these are the same on all of Linux.
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_INTERFACE = struct.Struct("16sh14x")


@asynccontextmanager
async def serving_child(proxy: Proxy, folder: Path) -> AsyncIterator[None]:
    """Have a proxy serve the one child that calls `hand_over` in this folder, until the block ends."""
    door = _open_door(folder)
    serving = asyncio.ensure_future(_serve(proxy, door))
    try:
        yield
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        door.close()


def hand_over(folder: Path) -> int:
    """In the child: listen on the loopback of its network, and give the socket to the parent; returns the port.

    Moves the process into the folder. Raises OSError.
    """
    _raise_loopback()
    os.chdir(folder)
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as door:
        listener.bind((LOOPBACK, 0))
        listener.listen(_BACKLOG)
        door.connect(_DOOR)
        socket.send_fds(door, [b"."], [listener.fileno()])
        door.recv(1)  # the parent has it
        return int(listener.getsockname()[1])


async def _serve(proxy: Proxy, door: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(door)
    with connection:
        await _readable(connection)
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
        with socket.socket(fileno=descriptors[0]) as listener:
            listener.setblocking(False)
            async with proxy.serving(listener):
                await loop.sock_sendall(connection, b".")
                await asyncio.Event().wait()


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection.fileno())


def _open_door(folder: Path) -> socket.socket:
    door = socket.socket(socket.AF_UNIX)
    path = folder / _DOOR
    holder = -1
    try:
        if len(os.fsencode(path)) > _LONGEST_PATH:
            holder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            path = Path(f"/proc/self/fd/{holder}") / _DOOR
        door.bind(str(path))
        door.listen(1)
        door.setblocking(False)
    except BaseException:
        door.close()
        raise
    finally:
        if holder >= 0:
            os.close(holder)
    return door


def _raise_loopback() -> None:
    """Switch the loopback of a network on that was just made; elsewhere it is on already."""
    if not sys.platform.startswith("linux"):
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = array.array("b", _INTERFACE.pack(b"lo", 0))
        fcntl.ioctl(control, _SIOCGIFFLAGS, request)
        name, flags = _INTERFACE.unpack(request.tobytes())
        if flags & _IFF_UP:
            return
        with suppress(PermissionError):  # then nothing is reached, as the first request will tell
            fcntl.ioctl(control, _SIOCSIFFLAGS, array.array("b", _INTERFACE.pack(name, flags | _IFF_UP)))
