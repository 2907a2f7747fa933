"""The `calotype` command."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from calotype import __version__
from calotype.cli import (
    batches,
    credits,  # noqa: A004 - the command's name; Python's own is of no use here
    database,
    devices,
    doctor,
    duplicates,
    importing,
    keys,
    reindexing,
    searching,
    serving,
    tenants,
)
from calotype.domain.errors import CalotypeError
from calotype.settings import misspelt_settings

app = typer.Typer(
    name="calotype",
    help="One self-hosted server for pictures, films, documents and web links.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("import")(importing.import_files)
app.command("reindex")(reindexing.reindex)
app.command("search")(searching.search)
app.command(
    "database",
    # All that follows the program's name is the program's.
    context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True},
)(database.run_program)
app.command("doctor")(doctor.examine)
app.command("duplicates")(duplicates.duplicates)
app.add_typer(batches.app, name="batches")
app.add_typer(credits.app, name="credits")
app.add_typer(devices.app, name="devices")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")


def _version(value: bool) -> None:
    if value:
        print(f"calotype {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """One self-hosted server for pictures, films, documents and web links."""


def main() -> None:
    """Run the command line; faults a person can mend are shown in one line."""
    for variable, setting in misspelt_settings(os.environ).items():
        print(f"calotype: {variable} is no setting, and has no effect; {setting} is one", file=sys.stderr)
    try:
        app()
    except CalotypeError as error:
        remedy = error.context.get("remedy")
        print(f"calotype: {error.message}" + (f"; {remedy}" if remedy else ""), file=sys.stderr)
        sys.exit(1)
    except ValidationError as error:
        for entry in error.errors():
            name = "_".join(str(step) for step in entry["loc"]).upper()
            print(f"calotype: CALOTYPE_{name}: {entry['msg']}", file=sys.stderr)
        sys.exit(2)
