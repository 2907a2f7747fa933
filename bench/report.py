"""Printing figures: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def report(results: Sequence[dict[str, Any]]) -> None:
    """Print each result as a table of its figures, then all of them as JSON, one a line."""
    console = Console(width=100)
    for result in results:
        table = Table(title=result["bench"], show_header=False)
        for name, value in result.items():
            if name != "bench":
                table.add_row(name, str(value))
        console.print(table)
    for result in results:
        print(json.dumps(result))
