"""Objects as files: the blocking half of the local store, run in its threads."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from calotype.domain.errors import NotFound, Unavailable
from calotype.storage.failure import disk_failures
from calotype.storage.folder import Folders
from calotype.storage.key import TEMPORARY
from calotype.storage.store import Chunk, StoredObject
from calotype.storage.writeback import start_writeback

# How often the folder of a new file may vanish under it, emptied by others, before that is no chance.
_RACES = 100
# Files open at once in one call; a process may often have no more than 1,024.
_GROUP = 64
# What removing an object that does not exist can meet.
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Disk:
    """A folder in which every object is a file, and unfinished files have a folder of their own.

    An object appears by renaming: its bytes are on the disk before, its name is on the disk after. A symbolic
    link is no object.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root / TEMPORARY
        self.folders = Folders(root)

    def path(self, key: str) -> Path:
        """Where the object with this (checked) key is."""
        return self.root / key

    def open(self, key: str) -> int:
        """Open an object for reading and return the descriptor. Raises `NotFound`."""
        with disk_failures(key):
            descriptor = os.open(self.path(key), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
            raise NotFound("The object does not exist", key=key)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read `length` bytes (or all) from `offset`, fewer where the object ends."""
        descriptor = self.open(key)
        try:
            with disk_failures(key):
                rest = max(0, os.fstat(descriptor).st_size - offset)
                return _read_exactly(descriptor, offset, rest if length is None else min(length, rest))
        finally:
            os.close(descriptor)

    def read_open(self, descriptor: int, key: str, offset: int, length: int) -> bytes:
        """Read `length` bytes of an open object. Raises `Unavailable` when it has become shorter."""
        with disk_failures(key):
            data = _read_exactly(descriptor, offset, length)
        if len(data) < length:
            raise Unavailable("The object has become shorter while it was read", key=key)
        return data

    def head(self, key: str) -> StoredObject:
        """Describe an object. Raises `NotFound`."""
        with disk_failures(key):
            found = self.path(key).lstat()
        if not stat.S_ISREG(found.st_mode):
            raise NotFound("The object does not exist", key=key)
        return describe(key, found)

    def store(self, items: Sequence[tuple[str, Chunk]]) -> tuple[StoredObject, ...]:
        """Write, flush and publish small objects; their folders are flushed once for all of them."""
        stored: list[StoredObject] = []
        for start in range(0, len(items), _GROUP):
            stored += self._store_group(items[start : start + _GROUP])
        return tuple(stored)

    def _store_group(self, items: Sequence[tuple[str, Chunk]]) -> list[StoredObject]:
        files: list[UnfinishedFile] = []
        try:
            for key, data in items:
                files.append(file := UnfinishedFile(self, key))
                file.append(data)
                if len(items) > 1:
                    file.start_writeback()
            stored = [file.flush() for file in files]
            with contextlib.suppress(OSError):  # whatever it is, publishing meets it again and can tell
                self.folders.make_all({self.path(key).parent for key, _ in items})
            folders = {file.publish() for file in files}
            with disk_failures(items[0][0]):
                for folder in folders:
                    self.folders.flush(folder)
            return stored
        finally:
            for file in files:
                file.discard()

    def create_temporary(self) -> tuple[int, Path]:
        """Open a new unfinished file and return its descriptor and path."""
        path = self._temporary / secrets.token_hex(16)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o640), path
        except FileNotFoundError:
            self._temporary.mkdir(mode=0o750, parents=True, exist_ok=True)
            self.folders.flush(self.root.parent)
            return os.open(path, flags, 0o640), path

    def publish(self, temporary: Path, key: str) -> Path:
        """Give an unfinished file its object's name and return its folder, which is still to be flushed."""
        target = self.path(key)
        folder = target.parent
        for _ in range(_RACES):
            try:
                self.folders.make(folder)
                temporary.rename(target)
            except FileNotFoundError:
                if not temporary.exists():
                    message = "The unfinished object was swept away; it took too long"
                    raise Unavailable(message, key=key) from None
                self.folders.forget(folder)
            except NotADirectoryError as error:
                message = "The object store cannot be used: an object has the name of this one's folder"
                raise Unavailable(message, key=key) from error
            else:
                return folder
        raise Unavailable("The folder of the object cannot be made: others keep removing it", key=key)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects where they exist, and the folders that are empty then.

        This is not flushed: an object that comes back after a power cut has no row, and is swept for that.
        """
        for key in keys:
            with disk_failures(key), contextlib.suppress(*_NO_FILE):
                path = self.path(key)
                path.unlink()
                self.folders.remove_empty(path.parent)

    def walk(self, prefix: str) -> Iterator[StoredObject]:
        """Describe every object below a folder; what is deleted meanwhile is left out, and memory does not grow with it."""
        for entry in self._entries(prefix):
            key = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir(follow_symlinks=False):
                if key != TEMPORARY:
                    yield from self.walk(key)
            elif entry.is_file(follow_symlinks=False) and (found := _status(entry)):
                yield describe(key, found)

    def sweep(self, older_than: datetime) -> int:
        """Remove unfinished files that nobody has written to since `older_than`."""
        removed = 0
        for entry in self._entries(TEMPORARY):
            found = _status(entry)
            if found and found.st_mtime < older_than.timestamp():
                with disk_failures(entry.name):
                    Path(entry.path).unlink(missing_ok=True)
                removed += 1
        return removed

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        """What is in a folder, read while it is asked for: there may be a million."""
        with disk_failures(folder):
            try:
                entries = os.scandir(self.path(folder) if folder else self.root)
            except (FileNotFoundError, NotADirectoryError):
                return
        with entries:
            while True:
                with disk_failures(folder):
                    entry = next(entries, None)
                if entry is None:
                    return
                yield entry


class UnfinishedFile:
    """A file that takes bytes, hashing them on the way, until it becomes an object or is thrown away.

    One thread at a time may use it.
    """

    def __init__(self, disk: Disk, key: str) -> None:
        self._disk = disk
        self._key = key
        self._hash = hashlib.sha256()
        self._size = 0
        self._on_its_way = 0
        self.unwanted = False
        self._descriptor: int | None
        self._path: Path | None
        with disk_failures(key, must_exist=False):
            self._descriptor, self._path = disk.create_temporary()

    def require_space(self, needed: int) -> None:
        """Raise `Unavailable` when `needed` bytes do not fit on the disk, as far as can be known now."""
        assert self._descriptor is not None
        with disk_failures(self._key):
            space = os.fstatvfs(self._descriptor)
        free = space.f_bavail * space.f_frsize
        if needed > free:
            reason = f"The object store cannot be used: {needed} bytes are needed, {free} are free"
            raise Unavailable(reason, key=self._key)

    def append(self, data: Chunk) -> None:
        """Hash and write the next bytes."""
        assert self._descriptor is not None
        self._hash.update(data)
        rest = memoryview(data)
        with disk_failures(self._key):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self._size += len(data)

    def start_writeback(self, at_least: int = 1) -> None:
        """Let the disk begin with what was appended since the last time, if enough; do not wait."""
        fresh = self._size - self._on_its_way
        if fresh >= at_least and self._descriptor is not None:
            start_writeback(self._descriptor, self._on_its_way, fresh)
            self._on_its_way = self._size

    def flush(self) -> StoredObject:
        """Wait until all bytes are on the disk, and describe the object they will be."""
        assert self._descriptor is not None
        with disk_failures(self._key):
            os.fsync(self._descriptor)
            return describe(self._key, os.fstat(self._descriptor), self._hash.hexdigest())

    def publish(self) -> Path:
        """Become an object and return its folder, which is still to be flushed."""
        assert self._path is not None
        if self.unwanted:
            raise Unavailable("The upload was given up", key=self._key)
        with disk_failures(self._key, must_exist=False):
            folder = self._disk.publish(self._path, self._key)
        self._path = None
        return folder

    def finish(self, last: Chunk) -> StoredObject:
        """Append the last bytes and become a durable object."""
        try:
            self.append(last)
            stored = self.flush()
            folder = self.publish()
            with disk_failures(self._key):
                self._disk.folders.flush(folder)
            return stored
        finally:
            self.discard()

    def discard(self) -> None:
        """Close the file, and remove it unless it has become an object."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._path is not None:
            with contextlib.suppress(OSError):  # what cannot be removed now is swept later
                self._path.unlink(missing_ok=True)
            self._path = None


def describe(key: str, found: os.stat_result, checksum: str | None = None) -> StoredObject:
    """What a file's status tells about its object."""
    etag = f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"
    return StoredObject(key, found.st_size, etag, datetime.fromtimestamp(found.st_mtime_ns / 1e9, UTC), checksum)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The status of a listed file, or None when it is gone since."""
    with disk_failures(entry.name), contextlib.suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False)
    return None


def _read_exactly(descriptor: int, offset: int, length: int) -> bytes:
    pieces: list[bytes] = []
    while length > 0 and (piece := os.pread(descriptor, length, offset)):
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
