"""The folders that objects lie in, made as they are needed and removed when they are empty."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_MOST_KNOWN = 65_536


class Folders:
    """Makes and removes folders below a root, and sees to it that their names are on the disk.

    Several threads may use it at once. What it knows is a saving only: forgetting costs one more flush.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        # Folders whose own name is on the disk, so that it need not be flushed for each new object.
        self._durable: set[Path] = set()

    def make(self, folder: Path) -> None:
        """Make a folder and those above it, up to the root, each with its own name on the disk."""
        self.make_all([folder])

    def make_all(self, folders: Iterable[Path]) -> None:
        """The same for several folders; those of one parent cost one flush together."""
        missing = [folder for folder in folders if folder not in self._durable and folder != self.root]
        if not missing:
            return
        parents = {folder.parent for folder in missing}
        self.make_all(parents)
        for folder in missing:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(0o750)
        # Also where one existed: whoever made it may not have flushed it yet.
        for parent in parents:
            self.flush(parent)
        if len(self._durable) >= _MOST_KNOWN:
            self._durable.clear()
        self._durable.update(missing)

    def forget(self, folder: Path) -> None:
        """Look again at a folder and those above it: somebody else has removed one of them."""
        while folder != self.root:
            self._durable.discard(folder)
            folder = folder.parent

    def remove_empty(self, folder: Path) -> None:
        """Remove a folder and those above it, below the root, as far as they are empty."""
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:  # not empty, or somebody else was quicker
                return
            self._durable.discard(folder)
            folder = folder.parent

    @staticmethod
    def flush(folder: Path) -> None:
        """Put the names in a folder on the disk; one that is gone has none worth keeping."""
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
