"""Folders for files that one piece of work needs, which do not outlive it, whatever ends it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A new empty folder below another, removed at the end.

    What was left by processes that were killed is removed by `sweep_scratch`: the system gives up a lock with its process.
    """
    root.mkdir(parents=True, exist_ok=True)
    folder, descriptor = _made(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep_scratch(root: Path) -> int:
    """Remove the folders that nobody holds any more; returns how many."""
    removed = 0
    with suppress(FileNotFoundError):
        for folder in root.iterdir():
            descriptor = _locked(folder)
            if descriptor is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)
                removed += 1
    return removed


def _made(root: Path) -> tuple[Path, int]:
    while True:
        folder = root / uuid4().hex
        folder.mkdir(mode=0o700)
        descriptor = _locked(folder)
        # Somebody who sweeps may have been quicker than the lock.
        if descriptor is not None:
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _locked(folder: Path) -> int | None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
