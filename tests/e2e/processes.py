"""Which processes belong to a running server, and ending them as a power cut would."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.running import RunningServer, wait_for


def is_gone(pid):
    """Whether a process has ended; one that nobody collected yet has ended too."""
    return _status(pid) is None


def _status(pid):
    """The parent of a living process, or None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent = stat.rsplit(")", 1)[1].split()[:2]
    return None if state in "ZX" else int(parent)


def command(pid):
    """The command line of a process, empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid):
    """The living children of a process, theirs, and so on."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (parent := _status(entry.name)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def worker_of(server: RunningServer):
    """The process id of the worker beside a server, once there is one that is ready for its orders."""
    assert server.process is not None
    pid = server.process.pid
    found = wait_for(
        lambda: [child for child in descendants(pid) if "calotype worker" in command(child)], "no worker was started"
    )
    return found[0]


def database_pids(server: RunningServer):
    """The process ids of a server's own PostgreSQL, empty when it does not run."""
    try:
        postmaster = int((server.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return []
    return [] if is_gone(postmaster) else [postmaster, *descendants(postmaster)]


def kill_everything(server: RunningServer):
    """End server, worker, decoders and PostgreSQL at once, none of which gets to say goodbye."""
    assert server.process is not None
    own = [server.process.pid, *descendants(server.process.pid)]
    pids = own + database_pids(server)
    assert any("calotype worker" in command(pid) for pid in pids)
    assert any("postgres" in command(pid) for pid in pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()
    wait_for(lambda: all(is_gone(pid) for pid in pids), "some process outlived SIGKILL")
