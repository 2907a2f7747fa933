"""`calotype duplicates`: what is in a library more than once."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calotype.bootstrap import Application
from calotype.cli.session import with_services
from calotype.domain.duplicate import DEFAULT_GROUP_DISTANCE, DuplicateFile, DuplicateGroup, Likeness
from calotype.domain.look_alike import INDEXED_DISTANCE
from calotype.domain.size import format_size
from calotype.services.api_key import DEFAULT_TENANT


def duplicates(
    tenant: Annotated[str, typer.Option(help="Whose library.")] = DEFAULT_TENANT,
    max_distance: Annotated[
        int, typer.Option(min=0, max=INDEXED_DISTANCE, help="Bits of 64 in which look-alikes may differ.")
    ] = DEFAULT_GROUP_DISTANCE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show groups of files with the same bytes and of pictures that look alike, and which to keep; nothing is deleted."""

    async def find(services: Application) -> list[DuplicateGroup]:
        scope = await services.api_keys.scope_of_tenant(tenant)
        return await services.duplicates.groups(scope, max_distance)

    groups = with_services(find)
    if as_json:
        print(json.dumps({"groups": [_as_dict(group) for group in groups]}, indent=2))
        return
    console = Console(width=None if Console().is_terminal else 200)
    for group in groups:
        console.print(_table(group))
    spare = sum(group.spare_bytes for group in groups)
    files = sum(len(group.files) for group in groups)
    print(f"{len(groups)} groups, {files} files, {format_size(spare)} beside those to keep")


def _table(group: DuplicateGroup) -> Table:
    is_alike = group.likeness is Likeness.ALIKE
    title = f"alike, at most {group.distance} bits apart" if is_alike else "identical"
    table = Table("", title=title, title_justify="left")
    table.add_column("id", no_wrap=True)  # on a narrow terminal others give way, since this is what is copied
    for heading in ("file", "place", "pixels", "size", "uploaded"):
        table.add_column(heading, overflow="fold")
    for file in group.files:
        table.add_row(
            _verdict(group, file),
            str(file.id),
            escape(file.filename),
            escape(file.object_key),
            f"{file.width} x {file.height}" if file.width else "-",
            format_size(file.size_bytes),
            file.created_at.strftime("%Y-%m-%d"),
        )
    return table


def _verdict(group: DuplicateGroup, file: DuplicateFile) -> str:
    if file is group.files[0]:
        return "keep"
    return f"alike ({file.distance})" if file.likeness is Likeness.ALIKE else "identical"


def _as_dict(group: DuplicateGroup) -> dict[str, Any]:
    return {
        "likeness": group.likeness.value,
        "distance": group.distance,
        "keep": str(group.files[0].id),
        "spare_bytes": group.spare_bytes,
        "files": [
            {
                "id": str(file.id),
                "filename": file.filename,
                "object_key": file.object_key,
                "likeness": file.likeness.value,
                "distance": file.distance,
                "width": file.width,
                "height": file.height,
                "size_bytes": file.size_bytes,
                "created_at": file.created_at.isoformat(),
            }
            for file in group.files
        ],
    }
