"""`calotype doctor`: is everything in order, and what to do where it is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from calotype.cli.session import with_services
from calotype.domain.errors import CalotypeError
from calotype.services.doctor import Check


def examine(
    objects: Annotated[
        bool, typer.Option("--objects", help="Also look for every file's original; may take long.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check database, storage, decoders, models, disk and clock; exit 1 on a fault."""
    try:
        checks = with_services(
            lambda services: services.doctor.examine(services.reindexing, services.upkeep if objects else None)
        )
    except CalotypeError as error:
        checks = [Check("start", True, error.message, error.context.get("remedy"))]
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _show(checks)
    if any(check.is_fault for check in checks):
        raise typer.Exit(1)


def _show(checks: Sequence[Check]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for check in checks:
        mark = "[red]✗[/]" if check.is_fault else "[yellow]-[/]" if check.remedy else "[green]✓[/]"
        console.print(f"{mark} {escape(check.name)}: {escape(check.finding)}")
        if check.remedy:
            console.print(f"    → {escape(check.remedy)}")
