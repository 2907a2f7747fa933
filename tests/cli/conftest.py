"""The `calotype` command as its own process, over a database and a data folder of the test module."""

from __future__ import annotations

import psycopg
import pytest

from tests.forked import Begun, run
from tests.running import RunningServer, calotype_environment, new_migrated_database


class Program:
    """Runs `calotype` and looks into its database."""

    def __init__(self, folder, database_url) -> None:
        self.data_dir = folder / "data"
        self.database_url = database_url

    def environment(self, **settings):
        """The environment of a process whose only settings are these, over this installation."""
        return calotype_environment(
            self.data_dir, **{"CALOTYPE_DATABASE_URL": self.database_url, "COLUMNS": "200", **settings}
        )

    def start(self, *arguments, **settings):
        """Start a command in a session of its own, and go on while it runs."""
        return Begun(arguments, self.environment(**settings))

    def __call__(self, *arguments, **settings):
        """Run a command to its end."""
        return run(arguments, self.environment(**settings))

    def sql(self, statement, *values):
        """The rows that a statement finds."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []


@pytest.fixture(scope="module")
def calotype(database_url, tmp_path_factory):
    """The command, over an installation that only this module uses."""
    return Program(tmp_path_factory.mktemp("cli"), new_migrated_database(database_url))


def is_one_clear_line(text):
    """Whether a complaint is a single line for people, without a trace of the program behind it."""
    return text.startswith("calotype: ") and text.count("\n") == 1 and "Traceback" not in text


@pytest.fixture(scope="session")
def one_clear_line():
    """The rule for complaints."""
    return is_one_clear_line


@pytest.fixture(scope="module")
def running(calotype):
    """A server over the same installation, without a worker."""
    with RunningServer(calotype.data_dir.parent, "--no-worker", CALOTYPE_DATABASE_URL=calotype.database_url) as server:
        yield server
