"""A ZIP file that is sent while it is made: the standard library writes it, and what it has written is taken away at once."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
_UNIX = 3
_READABLE_FILE = 0o100644 << 16


class ZipStream:
    """Makes one ZIP file, an entry after the other; each piece must be sent before the next one is asked for.

    Nothing is ever gone back to, so size and checksum of an entry stand behind it and in the directory at the end. Names are
    relative and given once; times are aware and stand in the file as UTC, as the nearest that MS-DOS knew (1980 to 2107).
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._archive = zipfile.ZipFile(self._sink, "w")

    def stored(
        self, name: str, size: int, modified: datetime, chunks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """An entry that is not compressed; `size` is what its chunks will come to, in bytes."""
        entry = _entry(name, modified, zipfile.ZIP_STORED)
        entry.file_size = size
        return self._write(entry, chunks, may_be_large=False)

    def deflated(
        self, name: str, modified: datetime, chunks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """An entry that is compressed, of any size."""
        return self._write(_entry(name, modified), chunks, may_be_large=True)

    async def whole(self, name: str, modified: datetime, data: bytes) -> bytes:
        """A small entry that is compressed."""
        await asyncio.to_thread(self._archive.writestr, _entry(name, modified), data)
        return self._sink.take()

    async def end(self) -> bytes:
        """The directory, which makes the file whole: without it, nobody takes the file for a ZIP."""
        await asyncio.to_thread(self._archive.close)
        return self._sink.take()

    async def _write(
        self, info: zipfile.ZipInfo, chunks: AsyncGenerator[bytes, None], *, may_be_large: bool
    ) -> AsyncGenerator[bytes, None]:
        # Room for sizes above 2 GiB is made beforehand: where the entry has told its size, the library knows that itself.
        with self._archive.open(info, "w", force_zip64=may_be_large) as entry:
            async with aclosing(chunks):
                async for chunk in chunks:
                    # Checksum and compression of a large piece take a while, in which other requests must go on.
                    await asyncio.to_thread(entry.write, chunk)
                    if written := self._sink.take():
                        yield written
        yield self._sink.take()


class _Sink:
    """What the library writes into; it cannot seek, and holds what nobody has taken yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(data)
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _entry(name: str, modified: datetime, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    there = modified.astimezone(UTC)
    moment = (there.year, there.month, there.day, there.hour, there.minute, there.second)
    info = zipfile.ZipInfo(name, max(_FIRST, min(moment, _LAST)))
    info.compress_type, info.create_system, info.external_attr = method, _UNIX, _READABLE_FILE
    return info
