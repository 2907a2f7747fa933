"""`calotype import`: folders of files, and a browser's bookmarks, into the library."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from calotype.bootstrap import Application, own_folders
from calotype.cli.session import with_services
from calotype.domain.errors import InvalidInput
from calotype.domain.folder import clean_folder_path
from calotype.domain.scope import Scope
from calotype.domain.values import clean_tags, split_list
from calotype.services.api_key import DEFAULT_TENANT
from calotype.services.import_tree import find_files
from calotype.services.importer import FoundFile, Imported, ImportKind, ImportOutcome, ImportTerms
from calotype.settings import load_settings

_INTERRUPTED = 130  # what shells use for a program ended by Ctrl-C
_KINDS = ",".join(ImportKind)


@dataclass
class _Run:
    """One import under way; `total` is how many files and bookmarks there are, as far as is known."""

    files: list[FoundFile | Imported]
    terms: ImportTerms
    progress: Progress
    bar: TaskID
    total: int
    started: float = field(default_factory=time.monotonic)
    next: int = 0
    size: int = 0
    outcomes: Counter[ImportOutcome] = field(default_factory=Counter)
    failures: list[Imported] = field(default_factory=list)
    notes: list[Imported] = field(default_factory=list)
    is_stopped: bool = False

    def stop(self) -> None:
        """Take no further file and bookmarks; those under way are finished, unless this is asked for again."""
        if self.is_stopped:
            self.progress.stop()  # gives the terminal its cursor back
            os._exit(_INTERRUPTED)  # the ordinary way would wait for threads that a dead disk may hold for ever
        self.is_stopped = True
        self.progress.console.print("ending after the files under way; Ctrl-C again ends at once")

    def expect(self, more: int) -> None:
        """Count what a file holds instead of the file."""
        self.total += more
        self.progress.update(self.bar, total=self.total)

    def note(self, done: Imported) -> None:
        """Count one file or bookmark."""
        self.outcomes[done.outcome] += 1
        self.size += done.size_bytes
        rate = self.outcomes.total() / max(0.001, time.monotonic() - self.started)
        self.progress.update(self.bar, advance=1, rate=f"{rate:.1f}/s")
        if done.outcome is ImportOutcome.FAILED:
            self.failures.append(done)
            self._print("failed", done, done.reason)
        if done.note:
            self.notes.append(done)
            self._print("note", done, done.note)

    def _print(self, kind: str, done: Imported, text: str | None) -> None:
        parts = (kind, str(done.path), done.url, text)
        line = ": ".join(part for part in parts if part)
        self.progress.console.print(line, markup=False, highlight=False)


def import_files(
    paths: Annotated[
        list[Path],
        typer.Argument(exists=True, readable=True, help="Files, folders, exports of bookmarks.", metavar="PATH…"),
    ],
    tags: Annotated[str, typer.Option(help="Comma-separated tags for every file and link.")] = "",
    folder: Annotated[str, typer.Option(help="Folder to put all in, like Trips/2026; made if missing.")] = "",
    mirror: Annotated[
        bool,
        typer.Option("--mirror", help="Make the given directories and all in them folders, and bookmarks' folders."),
    ] = False,
    only: Annotated[str, typer.Option(help="Comma-separated kinds to take in; the others are left out.")] = _KINDS,
    no_crawl: Annotated[
        bool, typer.Option("--no-crawl", help="Save links without having their pages looked at.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Files taken in at once.")] = 4,
    tenant: Annotated[str, typer.Option(help="Whose library.")] = DEFAULT_TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Take images, videos, documents and a browser's exported bookmarks into the library.

    Run it again to go on where it stopped. Exit status 1 when a file or directory failed.
    """
    top = clean_folder_path([name for name in folder.split("/") if name.strip()])
    terms = ImportTerms(clean_tags(split_list(tags)), top, mirror, _kinds(only), crawls=not no_crawl)
    files = list(find_files(paths, own_folders(load_settings())))
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
        run = _Run(files, terms, progress, progress.add_task("import", total=len(files), rate=""), len(files))

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


def _kinds(only: str) -> frozenset[ImportKind]:
    kinds = frozenset(split_list(only))
    if unknown := sorted(kinds - set(ImportKind)):
        raise InvalidInput(f"--only takes {_KINDS}, not {', '.join(unknown)}")
    if not kinds:
        raise InvalidInput(f"--only needs at least one of {_KINDS}")
    return frozenset(map(ImportKind, kinds))


async def _take(services: Application, scope: Scope, run: _Run) -> None:
    while run.next < len(run.files) and not run.is_stopped:
        found = run.files[run.next]
        run.next += 1
        if isinstance(found, Imported):
            run.note(found)
        else:
            await _take_one(services, scope, run, found)


async def _take_one(services: Application, scope: Scope, run: _Run, found: FoundFile) -> None:
    expected = 1
    async for step in services.importer.take(scope, found, run.terms):
        run.expect(step.of - expected)
        expected = step.of
        for done in step.done:
            run.note(done)
        if run.is_stopped:
            break


def _summarise(run: _Run, *, as_json: bool) -> None:
    seconds = time.monotonic() - run.started
    counts = {outcome.value: run.outcomes[outcome] for outcome in ImportOutcome}
    left = run.total - run.outcomes.total()
    if as_json:
        summary = {
            **counts,
            "not_reached": left,
            "bytes": run.size,
            "seconds": round(seconds, 3),
            "failures": [{"path": str(each.path), "reason": each.reason, "url": each.url} for each in run.failures],
            "notes": [{"path": str(each.path), "note": each.note, "url": each.url} for each in run.notes],
        }
        print(json.dumps(summary, indent=2))
        return
    parts = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
    typer.echo(f"{parts} in {seconds:.1f} s" + (f"; {left} not reached, run it again to go on" if left else ""))
