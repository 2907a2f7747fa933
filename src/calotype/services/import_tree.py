"""What there is to import under the paths that people give, and what is left out there."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from calotype.domain.errors import InvalidInput
from calotype.services.importer import FoundFile, Imported, ImportOutcome, unreadable

_Identity: TypeAlias = tuple[int, int]
"""Device and inode: the same for a directory under whatever path it is reached."""


def find_files(paths: Sequence[Path], own_folders: Sequence[Path] = ()) -> Iterator[FoundFile | Imported]:
    """All files under the given paths, sorted within each directory; hidden files and directories are left out.

    Also told are directories that cannot be read (failed), and those that are links or one of `own_folders` of the library
    (ignored, with a note). Raises InvalidInput when a given path is or lies in one of the latter.
    """
    own = _identities(own_folders)
    for path in paths:
        place = path.resolve()
        if own & _identities((place, *place.parents)):
            raise InvalidInput(f"{path} belongs to the library itself, and cannot be imported into it")
        if path.is_dir():
            yield from _walk(path, own)
        else:
            yield FoundFile(path)


def _walk(top: Path, own: frozenset[_Identity]) -> Iterator[FoundFile | Imported]:
    own_name = Path(os.path.abspath(top)).name  # noqa: PTH100 - a link keeps the name it was given by
    faults: list[OSError] = []
    for place, directories, names in os.walk(top, onerror=faults.append):
        directory = Path(place)
        way = tuple(name for name in (own_name, *directory.relative_to(top).parts) if name)
        yield from (FoundFile(directory / name, way) for name in sorted(names) if not name.startswith("."))
        within = {
            name: _why_left_out(directory / name, own) for name in sorted(directories) if not name.startswith(".")
        }
        directories[:] = (name for name, why in within.items() if why is None)
        yield from (Imported(directory / name, ImportOutcome.IGNORED, note=why) for name, why in within.items() if why)
    yield from (unreadable(Path(error.filename), 0, error) for error in faults)


def _why_left_out(directory: Path, own: frozenset[_Identity]) -> str | None:
    try:
        found = directory.lstat()
    except OSError:
        return None  # the walk meets it again, and tells it
    if stat.S_ISLNK(found.st_mode):
        return "a link to a directory is not followed"
    return "it is the library's own folder" if _identity(found) in own else None


def _identities(folders: Iterable[Path]) -> frozenset[_Identity]:
    """The identities of those folders that can be reached."""
    identities = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            identities.add(_identity(folder.stat()))
    return frozenset(identities)


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino
