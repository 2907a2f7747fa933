"""The worker beside a forked server without the seconds that its imports take.

Before the server begins, a twin of it is forked, which does nothing but fork workers when the server would start one. What the
server gets is a child of its own, in a process group of its own, whose command line says what it is: it can be found, killed and
waited for as ever.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOM = 60  # bytes
_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_LONGEST = 1_000_000  # bytes of arguments and environment


def fork_instead() -> list[str] | None:
    """Have workers of this process forked by a twin; returns None in this process, and in each worker its arguments."""
    from calotype.cli import serving

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
    if not os.fork():
        ours.close()
        return _take_orders(theirs)
    theirs.close()
    serving.subprocess = _Subprocess(ours)  # type: ignore[assignment]  # all of it that is used there
    return None


class Worker:
    """A forked worker as `subprocess.Popen` shows it, as far as the server looks."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Its exit status once it has ended, negative for a signal."""
        with self._lock:
            if self._status is None and (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
                self._status = os.waitstatus_to_exitcode(ended[1])
            return self._status

    def wait(self) -> int:
        """Wait for its end."""
        while (status := self.poll()) is None:
            try:
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:  # collected by the other thread in this moment
                continue
        return status

    def terminate(self) -> None:
        """Ask it to stop."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class _Subprocess:
    """Stands for the module of that name in the server."""

    def __init__(self, twin: socket.socket) -> None:
        self._twin = twin

    def Popen(self, command: Sequence[str], *, env: Mapping[str, str], process_group: int) -> Worker:  # noqa: N802 - its name
        assert list(command[:3]) == [sys.executable, "-m", "calotype"]
        assert process_group == 0
        # The twin's grandchild becomes this process's child when the one between them ends.
        _adopt(orphans=True)
        self._twin.sendall(json.dumps({"arguments": list(command[3:]), "environment": dict(env)}).encode())
        told = self._twin.recv(100)
        _adopt(orphans=False)
        assert told, "the process that forks workers has died"
        return Worker(json.loads(told))


def _adopt(*, orphans: bool) -> None:
    assert ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0) == 0


def _take_orders(orders: socket.socket) -> list[str]:
    """Fork for every order; returns only in workers, with their arguments."""
    os.setpgid(0, 0)
    while message := orders.recv(_LONGEST):
        request = json.loads(message)
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            between = os.getpid()
            if pid := os.fork():
                os.write(writing, json.dumps(pid).encode())
                os._exit(0)
            orders.close()
            os.close(reading)
            os.close(writing)
            while os.getppid() == between:
                time.sleep(0.001)
            os.setpgid(0, 0)
            os.environ.clear()
            os.environ.update(request["environment"])
            _show_as(["python", "-m", "calotype", *request["arguments"]])
            return [str(argument) for argument in request["arguments"]]
        os.close(writing)
        os.waitpid(between, 0)
        with os.fdopen(reading, "rb") as pipe:
            orders.sendall(pipe.read(100))
    os._exit(0)


def _show_as(command: Sequence[str]) -> None:
    """Write another command line over the one this process shows."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, 48 and 49 of proc(5)
    text = "\0".join(command).encode()
    assert len(text) < end - start
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
