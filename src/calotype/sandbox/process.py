"""One limited child process as the parent sees it: started, asked, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calotype.domain.errors import SandboxFailure
from calotype.sandbox import child, wire

_START_TIMEOUT = 60.0
_LAST_WORDS = 2000

# Secrets of the server (its database, its keys) stand in its environment; decoders get to see only these.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")

# One core a child: parallelism comes from the number of children. Two arenas, because each reserves 64 MB.
_DEFAULTS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VIPS_CONCURRENCY": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONSAFEPATH": "1",
}


class ChildDied(Exception):  # what happened, not an error by itself: the pool decides
    """The child ended without an answer; `started` tells whether it had taken the request in."""

    def __init__(self, *, started: bool) -> None:
        super().__init__("the child ended without an answer")
        self.started = started


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """How children are made: limits of memory and of one written file in bytes, `nice` 0-19, variables, and modules to import."""

    memory_limit: int
    file_limit: int
    nice: int
    environment: Mapping[str, str]
    preload: tuple[str, ...]


class ChildProcess:
    """A running child and the socket to it; made by `start`, good for one request at a time."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket, errors: int) -> None:
        self._process = process
        self._channel = channel
        self._errors = errors
        self.jobs = 0
        self.network = True

    @classmethod
    async def start(cls, options: ChildOptions) -> ChildProcess:
        """Start a child and wait until it has limited itself and imported its modules.

        Raises `SandboxFailure` with reason "start" when it cannot.
        """
        started = cls._spawn(options)
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                await started.greet(options)
        except (ChildDied, OSError, TimeoutError) as error:
            started.kill()
            await started.wait()
            words = started.last_words()
            raise _not_started(words or str(error) or "it took too long") from error
        except BaseException:
            started.kill()
            started.forget()
            raise
        return started

    @classmethod
    def _spawn(cls, options: ChildOptions) -> ChildProcess:
        # In the event loop's own thread: the kernel ends a child with the thread that started it.
        ours, theirs = socket.socketpair()
        errors = _memory_file()
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program, with a number for its argument
                [sys.executable, "-m", "calotype.sandbox.child", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(theirs.fileno(),),
                env=_environment(options.environment),
            )
        except BaseException as error:
            ours.close()
            os.close(errors)
            if isinstance(error, OSError):
                raise _not_started(str(error)) from error
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        return cls(process, ours, errors)

    async def greet(self, options: ChildOptions) -> None:
        """Give the child its orders and wait until it has followed them; raises as `start` does."""
        orders = child.Orders(os.getpid(), options.memory_limit, options.file_limit, options.nice, options.preload)
        await asyncio.get_running_loop().sock_sendall(self._channel, wire.frame(orders))
        await self._read(1, started=False)
        greeting = await self._read_message()
        if isinstance(greeting, child.Failed):
            self.kill()
            await self.wait()
            raise _not_started(f"{greeting.error}: {greeting.text}")
        self.network = bool(greeting.network)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ask(self, request: bytes) -> Any:
        """Send a framed request and wait for the answer, `child.Done` or `child.Failed`.

        Raises `ChildDied` when the child ends first. When this is cancelled, the child must be killed.
        """
        self.jobs += 1
        os.ftruncate(self._errors, 0)
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, request)
        except OSError as error:
            raise ChildDied(started=False) from error
        await self._read(1, started=False)
        return await self._read_message()

    def kill(self) -> None:
        """End the process at once."""
        # Already reaped processes are left alone by Popen, so a reused process id is never hit.
        self._process.kill()

    async def wait(self) -> int:
        """Wait for the process to end; return its exit code, negative when a signal ended it."""
        self._channel.close()
        # The socket closes a moment before the process can be collected.
        return await asyncio.to_thread(self._process.wait)

    def forget(self) -> None:
        """Close everything held for this child, which has ended or is about to."""
        self._channel.close()
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def last_words(self) -> str:
        """The end of what the child wrote to stderr during its last request."""
        if self._errors < 0:
            return ""
        size = os.fstat(self._errors).st_size
        text = os.pread(self._errors, _LAST_WORDS, max(0, size - _LAST_WORDS))
        return text.decode("utf-8", "replace").replace("\0", "").strip()

    async def _read_message(self) -> Any:
        header = await self._read(wire.HEADER.size, started=True)
        (size,) = wire.HEADER.unpack(header)
        if size > wire.ANSWER_LIMIT:
            raise SandboxFailure("its answer is too large", reason="crashed", size=size)
        return wire.read_data(await self._read(size, started=True))

    async def _read(self, size: int, *, started: bool) -> bytearray:
        loop = asyncio.get_running_loop()
        data = bytearray(size)
        view = memoryview(data)
        done = 0
        while done < size:
            try:
                received = await loop.sock_recv_into(self._channel, view[done:])
            except OSError as error:
                raise ChildDied(started=started) from error
            if received == 0:
                raise ChildDied(started=started)
            done += received
        return data


def signal_name(exit_code: int) -> str | None:
    """The name of the signal that an exit code of `ChildProcess.wait` tells of, such as "SIGSEGV"."""
    if exit_code >= 0:
        return None
    with contextlib.suppress(ValueError):
        return signal.Signals(-exit_code).name
    return f"signal {-exit_code}"


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" means the current folder
    return {**inherited, **_DEFAULTS, "PYTHONPATH": path, **given}


def _memory_file() -> int:
    """A file without a name that takes what a child writes to stderr; in memory where the system can."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("calotype-child-stderr")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    return descriptor


def _not_started(why: str) -> SandboxFailure:
    return SandboxFailure(f"a child process could not start: {why}", reason="start", output=why)
