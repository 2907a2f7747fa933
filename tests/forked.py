"""`calotype` as its own process without the second that its imports take: forked from one that has imported everything.

Such a process is as real as another one: it has its own arguments, environment, output, signals and exit status; and the worker
beside such a server is forked too, see `forked_worker`. The tests of whole processes (`e2e`) and of starting begin with
`python -m calotype` all the same.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests import forked_worker

_PATIENCE = 120.0  # seconds a command may take
_LONGEST = 1_000_000  # bytes of arguments and environment


class Forked:
    """A process as `subprocess.Popen` shows it, as far as tests look."""

    def __init__(self, pid: int, channel: socket.socket, arguments: Sequence[str]) -> None:
        self.pid = pid
        self.args = list(arguments)
        self.returncode: int | None = None
        self._channel = channel

    def poll(self) -> int | None:
        """Its exit status once it has ended, negative for a signal."""
        with contextlib.suppress(TimeoutError):
            self.wait(0.001)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired, which is a TimeoutError here."""
        if self.returncode is None:
            self._channel.settimeout(timeout)
            try:
                told = self._channel.recv(100)
            except TimeoutError as error:
                raise _TooLong(self.args, timeout or 0) from error
            assert told, "the process that forks has died"
            self.returncode = json.loads(told)
            self._channel.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class _TooLong(subprocess.TimeoutExpired, TimeoutError):
    """Both of what callers may expect."""


def start(
    arguments: Sequence[str], environment: Mapping[str, str], stdout: int, stderr: int, folder: str | None = None
) -> Forked:
    """Start `calotype` with arguments and an environment of its own, in a session of its own; outputs are descriptors."""
    request = json.dumps(
        {"arguments": list(arguments), "environment": dict(environment), "folder": folder or str(Path.cwd())}
    ).encode()
    assert len(request) < _LONGEST
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, Path(os.devnull).open("rb") as nothing:
        socket.send_fds(_orders(), [b"start"], [theirs.fileno(), nothing.fileno(), stdout, stderr])
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
    ours.sendall(request)
    return Forked(json.loads(ours.recv(100)), ours, ["calotype", *arguments])


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `calotype` to its end; returns what it printed, and its exit status."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        status = start(arguments, environment, out.fileno(), complaints.fileno()).wait(_PATIENCE)
        return subprocess.CompletedProcess(list(arguments), status, _text(out), _text(complaints))


class Begun:
    """A command that runs while the test goes on, as `subprocess.Popen` with pipes shows it."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._out, self._complaints = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - until it has ended
        self._process = start(arguments, environment, self._out.fileno(), self._complaints.fileno())
        self.pid = self._process.pid
        self.wait, self.send_signal, self.kill = self._process.wait, self._process.send_signal, self._process.kill

    @property
    def returncode(self) -> int | None:
        """Its exit status once it has been waited for."""
        return self._process.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; returns what it printed. Raises as `Forked.wait` does."""
        self.wait(timeout)
        with self._out, self._complaints:
            return _text(self._out), _text(self._complaints)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


@functools.cache
def _orders() -> socket.socket:
    """The way to the process that forks, which ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            # The last one is room for the command lines of workers.
            [sys.executable, "-m", "tests.forked", str(theirs.fileno()), " " * forked_worker.ROOM],
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return ours


def _take_orders(orders: socket.socket) -> list[str]:
    """Fork for every order; returns only in children, with their arguments."""
    waiting: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is orders:
                    message, descriptors, _, _ = socket.recv_fds(orders, 100, 4)
                    if not message:
                        for pid, _ in waiting.values():  # what an interrupted run left behind
                            os.kill(pid, signal.SIGTERM)
                        sys.exit()
                    channel = socket.socket(fileno=descriptors[0])
                    request = json.loads(channel.recv(_LONGEST))
                    pid = os.fork()
                    if not pid:
                        for one in (orders, channel, *(known for _, known in waiting.values())):
                            one.close()
                        for handle in waiting:
                            os.close(handle)
                        _become(request["folder"], request["environment"], descriptors[1:])
                        return [str(argument) for argument in request["arguments"]]
                    for descriptor in descriptors[1:]:
                        os.close(descriptor)
                    handle = os.pidfd_open(pid)
                    waiting[handle] = (pid, channel)
                    selector.register(handle, selectors.EVENT_READ)
                    channel.sendall(json.dumps(pid).encode())
                else:
                    pid, channel = waiting.pop(key.fd)
                    _, status = os.waitpid(pid, 0)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    with channel, contextlib.suppress(OSError):
                        channel.sendall(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def _become(folder: str, environment: dict[str, str], descriptors: Sequence[int]) -> None:
    os.setsid()
    os.chdir(folder)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


def _import_all() -> Any:
    import gc

    from calotype.cli.main import main

    for late in ("calotype.cli.web_server", "calotype.web.app", "calotype.worker.run", "uvloop"):
        importlib.import_module(late)

    _build_routes()
    gc.collect()
    gc.freeze()
    return main


def _build_routes() -> None:
    """Build the framework's table of routes once for all servers: it takes longer than all else that a start does."""
    from fastapi import routing

    from calotype.settings import Settings
    from calotype.web.app import make_app

    contexts = getattr(routing, "_EffectiveRouteContext", None)
    if contexts is None:  # another version of it, in which every server builds its own
        return
    build, built = contexts.from_api_route, {}

    def once(*, original_route: Any, include_context: Any) -> Any:
        # The same route included in the same way means the same to every application, of which each process has one.
        added = [id(needed.dependency) for needed in include_context.dependencies]
        key = (id(original_route), include_context.prefix, *include_context.tags, *added, include_context.max_body_size)
        if key not in built:
            built[key] = build(original_route=original_route, include_context=include_context)
        return built[key]

    contexts.from_api_route = staticmethod(once)
    application = make_app(Settings(), contextlib.nullcontext)  # type: ignore[arg-type]  # it is never opened
    assert len(list(routing.iter_route_contexts(application.routes))) >= len(built)


def _python_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}


if __name__ == "__main__":
    _main = _import_all()
    _read_at_start = _python_variables()
    _arguments = _take_orders(socket.socket(fileno=int(sys.argv[1])))
    # Usage is told with the name that the program was started by.
    sys.modules["__main__"] = importlib.import_module("calotype.__main__")
    # A worker that is to import from elsewhere must start as ever.
    if _arguments[:1] == ["serve"] and "--no-worker" not in _arguments and _python_variables() == _read_at_start:
        _arguments = forked_worker.fork_instead() or _arguments
    sys.argv = [str(sys.modules["__main__"].__file__), *_arguments]
    _main()
