"""Taking whole folders of pictures and videos in, so that it can be stopped and run again at any time."""

from __future__ import annotations

import asyncio
import enum
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from calotype.db.asset import select_asset_by_checksum
from calotype.db.engine import Database
from calotype.domain.errors import CalotypeError, Unsupported
from calotype.domain.folder import clean_folder_path
from calotype.domain.scope import Scope
from calotype.domain.video import NewVideo
from calotype.services.folder import FolderService
from calotype.services.ingest import IngestResult, IngestService, UploadOptions
from calotype.services.receive import ReceivedFile

_CHUNK = 1024 * 1024


class ImportOutcome(enum.StrEnum):
    """What became of one file."""

    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"  # neither picture nor video: notes, sidecars


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to import, and the names of the directories it lies in, from the one that was given down."""

    path: Path
    directories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """One file of an import: what became of it, and why if it failed."""

    path: Path
    outcome: ImportOutcome
    size_bytes: int
    asset_id: UUID | None = None
    reason: str | None = None


class ImportService:
    """One file at a time, straight through the same rules as an upload."""

    def __init__(self, database: Database, ingest: IngestService, folders: FolderService) -> None:
        self._database = database
        self._ingest = ingest
        self._folders = folders

    async def import_file(
        self, scope: Scope, path: Path, tags: Sequence[str] = (), folder: Sequence[str] = ()
    ) -> ImportedFile:
        """Import one file unless its content is in the library already; a broken file is reported, never raised.

        `folder` is the path of names of the folder it comes to lie in, which is made where it is missing; none is the root. A
        file that is in the library stays where it is there.
        """
        size = 0
        try:
            size, checksum = await asyncio.to_thread(_measure, path)
            async with self._database.read() as connection:
                existing = await select_asset_by_checksum(connection, scope, checksum)
            if existing is not None:
                return ImportedFile(path, ImportOutcome.SKIPPED, size, existing.id)
            result = await self._take_in(scope, path, tags, folder)
        except Unsupported as error:
            return ImportedFile(path, ImportOutcome.IGNORED, size, reason=error.message)
        except CalotypeError as error:
            return ImportedFile(path, ImportOutcome.FAILED, size, reason=error.message)
        except OSError as error:
            return ImportedFile(path, ImportOutcome.FAILED, size, reason=error.strerror or str(error))
        outcome = ImportOutcome.SKIPPED if result.is_duplicate else ImportOutcome.IMPORTED
        return ImportedFile(path, outcome, size, result.asset_id)

    async def _take_in(self, scope: Scope, path: Path, tags: Sequence[str], folder: Sequence[str]) -> IngestResult:
        received = await self._ingest.receive(scope, path.name, _read(path))
        folder_id = await self._folder_for(scope, received, folder)
        video = NewVideo(received.filename, received.probe, index=True) if received.probe else None
        options = UploadOptions(tags=tuple(tags), skip_duplicates=True, folder_id=folder_id, video=video)
        return await self._ingest.accept(received, options)

    async def _folder_for(self, scope: Scope, received: ReceivedFile, folder: Sequence[str]) -> UUID | None:
        """The folder of a received file, made only now so that files that are left out leave no empty folders."""
        try:
            return await self._folders.ensure(scope, clean_folder_path(folder))
        except CalotypeError:
            await self._ingest.discard(received)
            raise


def find_files(paths: Sequence[Path]) -> Iterator[FoundFile]:
    """All files under the given paths, sorted within each directory; hidden files and directories are left out."""
    for path in paths:
        if not path.is_dir():
            yield FoundFile(path)
            continue
        own_name = Path(os.path.abspath(path)).name  # noqa: PTH100 - a link keeps the name it was given by
        for place, directories, names in os.walk(path):
            directories[:] = sorted(name for name in directories if not name.startswith("."))
            directory = Path(place)
            way = tuple(name for name in (own_name, *directory.relative_to(path).parts) if name)
            yield from (FoundFile(directory / name, way) for name in sorted(names) if not name.startswith("."))


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
