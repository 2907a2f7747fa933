"""Taking whole folders of pictures in, so that it can be stopped and run again at any time."""

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
from calotype.domain.scope import Scope
from calotype.services.ingest import IngestService, UploadOptions

_CHUNK = 1024 * 1024


class ImportOutcome(enum.StrEnum):
    """What became of one file."""

    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"  # not a picture at all: notes, sidecars, videos


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

    def __init__(self, database: Database, ingest: IngestService) -> None:
        self._database = database
        self._ingest = ingest

    async def import_file(self, scope: Scope, path: Path, tags: Sequence[str] = ()) -> ImportedFile:
        """Import one file unless its content is in the library already; a broken file is reported, never raised."""
        size = 0
        try:
            size, checksum = await asyncio.to_thread(_measure, path)
            async with self._database.read() as connection:
                existing = await select_asset_by_checksum(connection, scope, checksum)
            if existing is not None:
                return ImportedFile(path, ImportOutcome.SKIPPED, size, existing.id)
            received = await self._ingest.receive(scope, path.name, _read(path))
            options = UploadOptions(tags=tuple(tags), skip_duplicates=True)
            result = await self._ingest.accept(received, options)
        except Unsupported as error:
            return ImportedFile(path, ImportOutcome.IGNORED, size, reason=error.message)
        except CalotypeError as error:
            return ImportedFile(path, ImportOutcome.FAILED, size, reason=error.message)
        except OSError as error:
            return ImportedFile(path, ImportOutcome.FAILED, size, reason=error.strerror or str(error))
        outcome = ImportOutcome.SKIPPED if result.is_duplicate else ImportOutcome.IMPORTED
        return ImportedFile(path, outcome, size, result.asset_id)


def find_files(paths: Sequence[Path]) -> Iterator[Path]:
    """All files under the given paths, sorted within each folder; hidden files and folders are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in _walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (folder / name for name in sorted(names) if not name.startswith("."))


def _walk(path: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, folders, names in os.walk(path):
        yield Path(folder), folders, names


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
