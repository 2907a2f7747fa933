"""The embedded PostgreSQL starts again after being killed at any moment, and never mistakes a stranger for itself."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from calotype.db.embedded import EmbeddedPostgres
from tests.e2e.processes import descendants
from tests.running import calotype_environment, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The data folder of a server that ran once and was stopped."""
    folder = tmp_path_factory.mktemp("recovery") / "postgres"
    server = EmbeddedPostgres(folder)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (answer int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    server.stop()
    return folder


def leave_mark(folder, pid, lines=8):
    """Write what a PostgreSQL that was killed leaves behind, as if its process id had been this one."""
    content = [str(pid), str(folder), "1700000000", "5432", str(folder), "", "  1234567  7", "ready   "]
    (folder / "postmaster.pid").write_text("".join(f"{line}\n" for line in content[:lines]))
    (folder / ".s.PGSQL.5432.lock").write_text("".join(f"{line}\n" for line in content[:5]))


def is_answering(folder):
    """Whether a start brings back what was stored."""
    server = EmbeddedPostgres(folder)
    try:
        with psycopg.connect(server.start()) as connection:
            return connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
    finally:
        server.stop()


@pytest.mark.parametrize("lines", [8, 5, 0])
def test_a_process_id_that_now_belongs_to_another_program_does_not_keep_the_database_from_starting(folder, lines):
    """After a crash the number in postmaster.pid may be anybody's, in a container usually our own, or cut off."""
    leave_mark(folder, os.getpid(), lines)

    assert is_answering(folder)


def test_a_dead_process_that_nobody_collected_does_not_keep_the_database_from_starting(folder):
    """Where no init collects orphans, a killed PostgreSQL stays in the process table for ever."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    wait_for(lambda: b" Z " in _stat(dead.pid), "the process did not end")
    leave_mark(folder, dead.pid)
    (folder / ".handle_pids.json").write_text(f"[{dead.pid}]")
    try:
        assert is_answering(folder)
        assert not (folder / "postmaster.pid").exists()
    finally:
        dead.wait()


def _stat(pid):
    return Path(f"/proc/{pid}/stat").read_bytes()


def test_a_first_start_that_was_killed_while_it_made_the_database_is_simply_repeated(tmp_path):
    """Kill -9 in the middle of initdb leaves half a data folder, which the next start makes anew."""
    environment = calotype_environment(tmp_path / "data")
    command = [sys.executable, "-m", "calotype", "keys", "create", "mine"]
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "data" / "postgres" / "PG_VERSION").exists, "initdb did not begin")
    for pid in [*descendants(first.pid), first.pid]:
        with contextlib.suppress(ProcessLookupError):  # ended by itself, or with the one before it
            os.kill(pid, signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "data" / "postgres" / "calotype.conf").exists()

    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith("calo_")
