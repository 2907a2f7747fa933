"""`calotype database` runs PostgreSQL's own programs where the database is."""

from __future__ import annotations

import os
import signal

import pytest

from tests.running import PATIENCE, wait_for


def test_a_program_finds_the_database_and_its_status_is_passed_on(calotype):
    """Options are the program's, also those that `calotype` knows; what fails there fails here."""
    done = calotype("database", "psql", "-qAt", "-c", "SELECT count(*) >= 0 FROM asset")
    assert (done.returncode, done.stdout) == (0, "t\n")
    assert "psql" in calotype("database", "psql", "--help").stdout
    refused = calotype("database", "psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1 FROM nowhere")
    assert refused.returncode == 1
    assert "nowhere" in refused.stderr


def test_ctrl_c_is_the_programs_own(calotype, tmp_path):
    """It reaches both, as in a terminal: psql would give up a query and live on, so it is waited for, and its status counts."""
    ready = tmp_path / "ready"
    script = f"trap 'exit 7' INT; touch {ready}; while :; do sleep 0.05; done"
    begun = calotype.start("database", "sh", "-c", script)
    wait_for(ready.exists, "the program did not start")
    os.killpg(begun.pid, signal.SIGINT)
    assert begun.wait(PATIENCE) == 7


def test_a_program_that_is_killed_ends_as_shells_tell_it(calotype):
    """128 and the number of the signal."""
    assert calotype("database", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


def test_a_password_is_handed_on_and_shown_nowhere(calotype):
    """It stands in the program's environment, in whatever way it was written in the address."""
    url = "postgresql://me:p%40ss%3Aw@127.0.0.1:1/x?sslmode=disable"
    done = calotype("database", "env", CALOTYPE_DATABASE_URL=url)
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("PG"))
    assert told == {
        "PGUSER": "me",
        "PGPASSWORD": "p@ss:w",
        "PGHOST": "127.0.0.1",
        "PGPORT": "1",
        "PGDATABASE": "x",
        "PGSSLMODE": "disable",
    }


@pytest.mark.parametrize(
    ("command", "settings", "told"),
    [
        (("database", "pg_nothing"), {}, "there is no program pg_nothing"),
        (("database", "psql"), {"CALOTYPE_DATABASE_URL": "mysql://me:secret@db/x"}, "CALOTYPE_DATABASE_URL"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(calotype, one_clear_line, command, settings, told):
    """Without a trace of the program behind it, and without a password."""
    done = calotype(*command, **settings)
    assert done.returncode == 1
    assert one_clear_line(done.stderr)
    assert told in done.stderr
    assert "secret" not in done.stderr
