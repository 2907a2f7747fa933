"""`calotype database`: PostgreSQL's own programs on the database of this installation, for backups above all."""

from __future__ import annotations

import shutil
import signal
import subprocess
from typing import Annotated

import typer

from calotype.bootstrap import open_programs
from calotype.cli.logs import configure_logs
from calotype.domain.errors import NotFound
from calotype.settings import load_settings


def run_program(
    command: Annotated[list[str], typer.Argument(help="The program and its options.", metavar="PROGRAM [OPTION…]")],
) -> None:
    """Run pg_dump, pg_restore, psql or another of PostgreSQL's programs on the database, the embedded one too.

    The program is told where the database is. Nothing is migrated. The exit status is the program's, as shells tell it.
    """
    settings = load_settings()
    configure_logs(settings)
    with open_programs(settings) as environment:
        program = shutil.which(command[0], path=environment["PATH"])
        if program is None:
            raise NotFound(f"there is no program {command[0]}", remedy="install the client programs of PostgreSQL")
        # Ctrl-C is the program's: psql gives up its query and lives on. A handler that does nothing is not inherited.
        signal.signal(signal.SIGINT, lambda *_: None)
        status = subprocess.run([program, *command[1:]], env=environment, check=False).returncode  # noqa: S603 - what was asked for
    raise typer.Exit(status if status >= 0 else 128 - status)
