"""`calotype batches`: what devices have sent together, and getting it out again."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import aclosing
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from calotype.bootstrap import Application
from calotype.cli.identity import looking_in, parse_batch_id
from calotype.cli.output import STANDARD_OUTPUT, WholeFile, open_output
from calotype.cli.session import with_services
from calotype.domain.batch import Batch, BatchStatus
from calotype.domain.device_ids import batch_id, device_id
from calotype.domain.export import ExportFormat
from calotype.domain.listing import Window
from calotype.services.api_key import DEFAULT_TENANT

app = typer.Typer(help="List, close and export the batches of devices.", no_args_is_help=True)
_INTERRUPTED = 130  # what shells use for a program ended by Ctrl-C
_Tenant = Annotated[str, typer.Option(help="Whose batches.")]
_Which = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id.")]


@app.command("list")
def list_batches(
    tenant: _Tenant = DEFAULT_TENANT,
    device: Annotated[str | None, typer.Option(help="Only those of this device, by id or name.")] = None,
    status: Annotated[BatchStatus | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show, newest first.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List batches, newest first; times are in UTC."""

    async def find(services: Application) -> tuple[list[Batch], int]:
        scope = await services.api_keys.scope_of_tenant(tenant)
        with looking_in(tenant):
            of_device = (await services.devices.find(scope, device)).id if device is not None else None
        return await services.batches.page(scope, Window(limit, 0), device_id=of_device, status=status)

    batches, total = with_services(find)
    if as_json:
        print(json.dumps({"total": total, "batches": [_as_dict(one) for one in batches]}, indent=2))
        return
    table = Table()
    table.add_column("id", no_wrap=True)  # on a narrow terminal others give way, since this is what is copied
    for heading in ("device", "state"):
        table.add_column(heading, overflow="fold")
    table.add_column("images", justify="right", overflow="fold")
    for heading in ("opened", "closed"):
        table.add_column(heading, overflow="fold")
    for one in batches:
        times = [f"{moment:%Y-%m-%d %H:%M}" if moment else "-" for moment in (one.created_at, one.closed_at)]
        table.add_row(batch_id(one.id), device_id(one.device_id), one.status.value, str(one.image_count), *times)
    Console(width=None if Console().is_terminal else 200).print(table)
    print(f"{len(batches)} of {total} batches")


@app.command("close")
def close(batch: _Which, tenant: _Tenant = DEFAULT_TENANT) -> None:
    """Close a batch: the device's next image opens another. Again is the same."""
    wanted = parse_batch_id(batch)

    async def end(services: Application) -> Batch:
        scope = await services.api_keys.scope_of_tenant(tenant)
        with looking_in(tenant):
            return await services.batches.close(scope, wanted)

    closed = with_services(end)
    typer.echo(f"closed {batch_id(closed.id)} with {closed.image_count} images", err=True)


@app.command("export")
def export(
    batch: _Which,
    tenant: _Tenant = DEFAULT_TENANT,
    format_: Annotated[
        ExportFormat, typer.Option("--format", help="What the labels are written as.")
    ] = ExportFormat.COCO,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="File or folder to write to, or - for standard output.", metavar="PLACE"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there already.")] = False,
) -> None:
    """Write a batch's images and labels as a ZIP file and print its path; it has its name only once it is whole."""
    wanted = parse_batch_id(batch)
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("exporting"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    bar = progress.add_task("export", total=None)

    def show(done: int, total: int) -> None:
        progress.update(bar, completed=done, total=total)

    async def write(services: Application) -> str:
        scope = await services.api_keys.scope_of_tenant(tenant)
        with looking_in(tenant):
            name, chunks = await services.exports.export(scope, wanted, format_, tell=show)
        with open_output(output, name, replaces=force) as target:
            async with aclosing(chunks):
                async for chunk in chunks:
                    # A reader may take its time, in which the pictures to come are opened.
                    await asyncio.to_thread(target.write, chunk)
        return str(target.path) if isinstance(target, WholeFile) else STANDARD_OUTPUT

    async def run(services: Application) -> str | None:
        writing = asyncio.create_task(write(services))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, writing.cancel)
        try:
            return await writing
        except asyncio.CancelledError:
            return None

    with progress:
        path = with_services(run)
    if path is None:
        raise typer.Exit(_INTERRUPTED)
    if path != STANDARD_OUTPUT:
        print(path)


def _as_dict(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch_id(batch.id),
        "device_id": device_id(batch.device_id),
        "status": batch.status.value,
        "image_count": batch.image_count,
        "created_at": batch.created_at.isoformat(),
        "closed_at": batch.closed_at.isoformat() if batch.closed_at else None,
    }
