"""Taking whole folders of files and exports of bookmarks in, so that it can be stopped and run again at any time."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from uuid import UUID

from calotype.db.asset import select_assets_by_checksum
from calotype.db.engine import Database
from calotype.documents.bookmarks import is_bookmark_export
from calotype.documents.sniff import why_unsupported
from calotype.domain.bookmark import Bookmark
from calotype.domain.document import DOCUMENT, DOCUMENT_FORMATS, DOCX
from calotype.domain.errors import CalotypeError, TooLarge, Unsupported
from calotype.domain.folder import clean_folder_path
from calotype.domain.image import IMAGE
from calotype.domain.link import LINK
from calotype.domain.scope import Scope
from calotype.domain.upload import IngestResult, UploadOptions
from calotype.domain.values import clean_filename
from calotype.domain.video import VIDEO, NewVideo
from calotype.services.bookmark import MAX_EXPORT_BYTES, BookmarkService, BookmarkTerms
from calotype.services.folder import FolderService
from calotype.services.ingest import IngestService
from calotype.services.receive import SNIFF_BYTES, ReceivedFile, sniffed

BOOKMARKS_AT_ONCE = 100
"""How many bookmarks are saved in one transaction."""

_CHUNK = 1024 * 1024
# A ZIP lists its parts at its end, and a document has few.
_DIRECTORY_BYTES = 1024 * 1024
_DOCUMENT_PART = b"word/document.xml"


class ImportKind(enum.StrEnum):
    """What an import may be limited to."""

    IMAGES = "images"
    VIDEOS = "videos"
    DOCUMENTS = "documents"
    LINKS = "links"


_KINDS = {
    IMAGE: ImportKind.IMAGES,
    VIDEO: ImportKind.VIDEOS,
    DOCUMENT: ImportKind.DOCUMENTS,
    LINK: ImportKind.LINKS,
}


class ImportOutcome(enum.StrEnum):
    """What became of one file or bookmark."""

    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"
    IGNORED = "ignored"  # of no kind that is kept, or none that is wanted: sidecars, bookmarks that are scripts


@dataclass(frozen=True, slots=True)
class ImportTerms:
    """What is done with all that is found; values are clean already.

    With `mirrors`, directories and folders of bookmarks become folders within `folder`; with `crawls`, links are crawled.
    """

    tags: tuple[str, ...] = ()
    folder: tuple[str, ...] = ()
    mirrors: bool = False
    kinds: frozenset[ImportKind] = frozenset(ImportKind)
    crawls: bool = True


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to import, and the names of the directories it lies in, from the one that was given down."""

    path: Path
    directories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """One file of an import, or the bookmark to `url` in it: what became of it, and why if it failed.

    `note` says what people should know although it is no failure. A bookmark has no size. A directory is one only where it could
    not be read, or was left out with a note.
    """

    path: Path
    outcome: ImportOutcome
    size_bytes: int = 0
    asset_id: UUID | None = None
    reason: str | None = None
    url: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What was done at once of a file, or of the bookmarks in it; `of` is how many of them there are in all."""

    of: int
    done: Sequence[Imported] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """The first bytes of a file, and its size."""

    head: bytes
    size: int

    @property
    def holds_bookmarks(self) -> bool:
        return is_bookmark_export(self.head)


class ImportService:
    """One file at a time, straight through the same rules as an upload; bookmarks a hundred at a time."""

    def __init__(
        self, database: Database, ingest: IngestService, folders: FolderService, bookmarks: BookmarkService
    ) -> None:
        self._database = database
        self._ingest = ingest
        self._folders = folders
        self._bookmarks = bookmarks

    async def take(self, scope: Scope, found: FoundFile, terms: ImportTerms) -> AsyncIterator[Step]:
        """Take one file in, or the bookmarks in it where links are wanted, a transaction at a time; faults are reported.

        Who has enough leaves off between two steps; before the first of bookmarks stands one in which nothing is done yet.
        """
        try:
            look = await asyncio.to_thread(_look_at, found.path)
            bookmarks = await self._read_bookmarks(found, look, terms)
        except OSError as error:
            yield Step(1, (unreadable(found.path, 0, error),))
            return
        if not bookmarks:
            yield Step(1, (await self._import_file(scope, found, look, terms),))
            return
        yield Step(len(bookmarks))
        for start in range(0, len(bookmarks), BOOKMARKS_AT_ONCE):
            some = bookmarks[start : start + BOOKMARKS_AT_ONCE]
            yield Step(len(bookmarks), await self._import_bookmarks(scope, found, some, terms))

    async def _read_bookmarks(self, found: FoundFile, look: _Look, terms: ImportTerms) -> Sequence[Bookmark]:
        """The bookmarks of a file that is to be taken in as such; none of any other, and where links are not wanted."""
        if ImportKind.LINKS not in terms.kinds or look.size > MAX_EXPORT_BYTES or not look.holds_bookmarks:
            return []
        return await self._bookmarks.read(found.path)

    async def _import_bookmarks(
        self, scope: Scope, found: FoundFile, bookmarks: Sequence[Bookmark], terms: ImportTerms
    ) -> list[Imported]:
        """Save some bookmarks of a file, in one transaction, unless live links lead to the same pages already."""
        web = [bookmark for bookmark in bookmarks if bookmark.is_web]
        path = found.path
        done = [
            Imported(path, ImportOutcome.IGNORED, url=each.url, reason="it leads to no web page")
            for each in bookmarks
            if not each.is_web
        ]
        try:
            folder = clean_folder_path(_way(found, terms))
            link_terms = BookmarkTerms(terms.tags, folder, terms.mirrors, terms.crawls)
            saved = await self._bookmarks.save(scope, web, link_terms)
        except CalotypeError as error:
            return [*done, *(Imported(path, ImportOutcome.FAILED, url=each.url, reason=error.message) for each in web)]
        for each in saved:
            outcome = ImportOutcome.IMPORTED if each.link_id else ImportOutcome.SKIPPED
            if each.fault:
                outcome = ImportOutcome.FAILED
            note = f"tags left out: {', '.join(each.left_out)}" if each.left_out else None
            done.append(Imported(path, outcome, 0, each.link_id, each.fault, each.bookmark.url, note))
        return done

    async def _import_file(self, scope: Scope, found: FoundFile, look: _Look, terms: ImportTerms) -> Imported:
        """Import one file unless its content is in the library already; a broken file is reported, never raised.

        The folder it comes to lie in is made where it is missing. A file that is in the library stays where it is there.
        """
        path, size = found.path, look.size
        try:
            await asyncio.to_thread(_check_kind, path, look, terms)
            size, checksum = await asyncio.to_thread(_measure, path)
            async with self._database.read() as connection:
                existing = await select_assets_by_checksum(connection, scope, [checksum])
            if checksum in existing:
                return Imported(path, ImportOutcome.SKIPPED, size, existing[checksum].id)
            result = await self._take_in(scope, path, terms.tags, _way(found, terms))
        except Unsupported as error:
            note = why_unsupported(look.head, path.name) if ImportKind.DOCUMENTS in terms.kinds else None
            return Imported(path, ImportOutcome.IGNORED, size, reason=error.message, note=note)
        except CalotypeError as error:
            return Imported(path, ImportOutcome.FAILED, size, reason=error.message)
        except OSError as error:
            return unreadable(path, size, error)
        outcome = ImportOutcome.SKIPPED if result.is_duplicate else ImportOutcome.IMPORTED
        return Imported(path, outcome, size, result.asset_id)

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


def _way(found: FoundFile, terms: ImportTerms) -> tuple[str, ...]:
    return (*terms.folder, *found.directories) if terms.mirrors else terms.folder


def unreadable(path: Path, size: int, error: OSError) -> Imported:
    """What is told of a file or directory that cannot be read."""
    return Imported(path, ImportOutcome.FAILED, size, reason=error.strerror or str(error))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """A file to read from. Raises OSError, also for what is no file: a FIFO would be waited for until it is written to."""
    _check_file(path.stat())  # opening alone sets some devices going
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        _check_file(os.fstat(file.fileno()))
        yield file


def _check_file(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is no regular file")


def _look_at(path: Path) -> _Look:
    with _opened(path) as file:
        return _Look(file.read(SNIFF_BYTES), os.fstat(file.fileno()).st_size)


def _check_kind(path: Path, look: _Look, terms: ImportTerms) -> None:
    """Whether a file is of a kind that is wanted, before all of it is read. Raises EmptyFile, Unsupported, TooLarge."""
    if look.holds_bookmarks:
        if ImportKind.LINKS not in terms.kinds:
            raise Unsupported("links are left out")
        if look.size > MAX_EXPORT_BYTES:
            raise TooLarge(f"An export of bookmarks may have at most {MAX_EXPORT_BYTES} bytes", limit=MAX_EXPORT_BYTES)
        raise Unsupported("the export holds no bookmarks")
    media = sniffed(look.head, clean_filename(path.name))
    if media.media_type == DOCUMENT and media.format not in DOCUMENT_FORMATS:
        raise Unsupported(f"{media.content_type} files are not accepted here")
    if media == DOCX and not _holds_document(path, look.size):
        raise Unsupported("The file is a ZIP but no Word document")
    if _KINDS[media.media_type] not in terms.kinds:
        raise Unsupported(f"{_KINDS[media.media_type]} are left out")


def _holds_document(path: Path, size: int) -> bool:
    """Whether a ZIP may be a document: archives are left alone, however large they are."""
    with _opened(path) as file:
        file.seek(max(0, size - _DIRECTORY_BYTES))
        return _DOCUMENT_PART in file.read()


def _measure(path: Path) -> tuple[int, str]:
    with _opened(path) as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


async def _read(path: Path) -> AsyncIterator[bytes]:
    with _opened(path) as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
