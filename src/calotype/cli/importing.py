"""`calotype import`: a folder of pictures into the library."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from calotype.bootstrap import Application
from calotype.cli.session import with_services
from calotype.domain.errors import InvalidInput
from calotype.domain.folder import clean_folder_path
from calotype.domain.scope import Scope
from calotype.domain.values import clean_tags, split_list
from calotype.services.api_key import DEFAULT_TENANT
from calotype.services.importer import FoundFile, ImportedFile, ImportOutcome, find_files

_INTERRUPTED = 130  # what shells use for a program ended by Ctrl-C


@dataclass
class _Run:
    """One import under way."""

    files: list[FoundFile]
    tags: tuple[str, ...]
    folder: tuple[str, ...]
    mirrors: bool
    progress: Progress
    bar: TaskID
    started: float = field(default_factory=time.monotonic)
    next: int = 0
    size: int = 0
    outcomes: Counter[ImportOutcome] = field(default_factory=Counter)
    failures: list[ImportedFile] = field(default_factory=list)
    is_stopped: bool = False

    def stop(self) -> None:
        """Take no further file; those under way are finished."""
        self.is_stopped = True

    def note(self, done: ImportedFile) -> None:
        """Count one file."""
        self.outcomes[done.outcome] += 1
        self.size += done.size_bytes
        rate = self.outcomes.total() / max(0.001, time.monotonic() - self.started)
        self.progress.update(self.bar, advance=1, rate=f"{rate:.1f} files/s")
        if done.outcome is ImportOutcome.FAILED:
            self.failures.append(done)
            self.progress.console.print(f"failed: {done.path}: {done.reason}", markup=False, highlight=False)


def import_pictures(
    paths: Annotated[
        list[Path], typer.Argument(exists=True, readable=True, help="Files and folders.", metavar="PATH…")
    ],
    tags: Annotated[str, typer.Option(help="Comma-separated tags for every file.")] = "",
    folder: Annotated[str, typer.Option(help="Folder to put the files in, like Trips/2026; made if missing.")] = "",
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Make the given directories and all in them folders.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Files taken in at once.")] = 4,
    tenant: Annotated[str, typer.Option(help="Whose library.")] = DEFAULT_TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Take pictures into the library; run it again to go on where it stopped. Exit 1 when a picture failed."""
    clean = clean_tags(split_list(tags))
    top = clean_folder_path([name for name in folder.split("/") if name.strip()])
    files = list(find_files(paths))
    if not files:
        raise InvalidInput("there are no files to import")
    progress = Progress(
        TextColumn("importing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with progress:
        run = _Run(files, clean, top, mirror, progress, progress.add_task("import", total=len(files), rate=""))

        async def work(services: Application) -> None:
            scope = await services.api_keys.scope_of_tenant(tenant)
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, run.stop)
            await asyncio.gather(*(_take(services, scope, run) for _ in range(jobs)))

        with_services(work)
    _summarise(run, as_json=as_json)
    if run.is_stopped:
        raise typer.Exit(_INTERRUPTED)
    if run.failures:
        raise typer.Exit(1)


async def _take(services: Application, scope: Scope, run: _Run) -> None:
    while run.next < len(run.files) and not run.is_stopped:
        found = run.files[run.next]
        run.next += 1
        folder = (*run.folder, *found.directories) if run.mirrors else run.folder
        run.note(await services.importer.import_file(scope, found.path, run.tags, folder))


def _summarise(run: _Run, *, as_json: bool) -> None:
    seconds = time.monotonic() - run.started
    counts = {outcome.value: run.outcomes[outcome] for outcome in ImportOutcome}
    left = len(run.files) - run.outcomes.total()
    if as_json:
        failures = [{"path": str(failure.path), "reason": failure.reason} for failure in run.failures]
        summary = {
            **counts,
            "not_reached": left,
            "bytes": run.size,
            "seconds": round(seconds, 3),
            "failures": failures,
        }
        print(json.dumps(summary, indent=2))
        return
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    typer.echo(f"{parts} in {seconds:.1f} s" + (f"; {left} not reached, run it again to go on" if left else ""))
