"""`calotype doctor`: is everything in order, and what to do where it is not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from calotype.cli.session import with_services
from calotype.domain.errors import CalotypeError


def examine(
    objects: Annotated[
        bool, typer.Option("--objects", help="Also look for every file's original; may take long.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check database, storage, decoders, models, disk and clock; exit 1 on a fault."""
    try:
        checks = with_services(lambda services: services.doctor.examine(originals=services.upkeep if objects else None))
    except CalotypeError as error:
        if as_json:
            print(json.dumps([{"name": "start", "is_fault": True, "finding": error.message, "remedy": None}]))
        else:
            Console().print(f"[red]✗[/] start: {error.message}")
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        console = Console(highlight=False)
        for check in checks:
            mark = "[red]✗[/]" if check.is_fault else "[yellow]-[/]" if check.remedy else "[green]✓[/]"
            console.print(f"{mark} {check.name}: {check.finding}")
            if check.remedy:
                console.print(f"    → {check.remedy}", markup=False)
    if any(check.is_fault for check in checks):
        raise typer.Exit(1)
