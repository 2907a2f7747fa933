"""`calotype reindex`: embeddings of everything that lacks one."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from calotype.bootstrap import Application
from calotype.cli.session import with_services
from calotype.domain.embedding import ReindexProgress

_INTERRUPTED = 130  # what shells use for a program ended by Ctrl-C


def reindex(
    everything: Annotated[bool, typer.Option("--all", help="Embed everything anew, not only what lacks it.")] = False,
    forget_others: Annotated[
        bool, typer.Option("--forget-others", help="At the end remove the embeddings of other models.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Embed what lacks an embedding or has changed since, in all tenants; run it again to go on where it stopped."""
    progress = Progress(
        TextColumn("reindexing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[step]}"),
        console=Console(stderr=True),
    )
    started = time.monotonic()
    with progress:
        bar = progress.add_task("reindex", total=None, step="")

        def show(reached: ReindexProgress) -> None:
            step = "looking after the indexes" if reached.done >= reached.total else ""
            progress.update(bar, completed=reached.done, total=reached.total, step=step)

        reached, is_finished = with_services(
            lambda services: _run(services, show, everything=everything, forget_others=forget_others)
        )
    seconds = time.monotonic() - started
    if as_json:
        summary = {"embedded": reached.done, "of": reached.total, "finished": is_finished, "seconds": round(seconds, 3)}
        print(json.dumps(summary, indent=2))
    else:
        rest = "" if is_finished else f" of {reached.total}; run it again to go on"
        typer.echo(f"{reached.done} embedded in {seconds:.1f} s{rest}")
    if not is_finished:
        raise typer.Exit(_INTERRUPTED)


async def _run(
    services: Application, show: Callable[[ReindexProgress], None], *, everything: bool, forget_others: bool
) -> tuple[ReindexProgress, bool]:
    """How far it came, and whether that is the end; Ctrl-C ends it after the batch under way, or while an index is made."""
    reached = ReindexProgress(0, 0)

    async def work() -> None:
        nonlocal reached
        async for reached in services.reindexing.run(everything=everything, forget_others=forget_others):
            show(reached)

    running = asyncio.create_task(work())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return reached, False
    return reached, True
