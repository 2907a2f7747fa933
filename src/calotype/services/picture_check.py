"""Whether received bytes are a picture that can be taken: its header against the pixel limit, its file from end to end."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from calotype.domain.errors import TooManyPixels, UndecodablePicture
from calotype.domain.picture import MediaType, PictureHeader
from calotype.imaging.completeness import check_complete
from calotype.imaging.header import read_header
from calotype.storage.store import ObjectStore

_QUICK_HEADERS = frozenset({"jpeg", "png", "bmp"})


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How many pixels all frames of a picture may have, and what becomes of those whose files are not whole.

    With `only_whole`, pictures whose files are cut off or damaged are refused; else that is found when they are developed. With
    `notes_faults` they are looked for as well, and taken all the same, those included of which not even the header can be read.
    """

    max_pixels: int
    only_whole: bool = False
    notes_faults: bool = False

    @property
    def looks_through(self) -> bool:
        """Whether files are looked through from end to end."""
        return self.only_whole or self.notes_faults


class PictureCheck:
    """Looks at pictures without decoding a pixel."""

    def __init__(self, store: ObjectStore, limits: PictureLimits) -> None:
        self.looks_through = limits.looks_through
        """Whether files are looked through from end to end."""
        self._store = store
        self._limits = limits

    async def check_head(self, head: bytes, size: int, media: MediaType) -> bool:
        """Read the header from the first bytes; False when it lies further back in the file. Raises UndecodablePicture."""
        if media.format in _QUICK_HEADERS:
            return self._read_head(head, size, media)
        # A hostile GIF can keep the reader busy for half a second, in which other requests must go on.
        return await asyncio.to_thread(self._read_head, head, size, media)

    def _read_head(self, head: bytes, size: int, media: MediaType) -> bool:
        reached_past = False

        def read_at(offset: int, length: int) -> bytes:
            nonlocal reached_past
            if offset + length > len(head) and len(head) < size:
                reached_past = True
            return head[offset : offset + length]

        try:
            header = read_header(read_at, size, media.format)
        except UndecodablePicture:
            if reached_past:
                return False
            if self._limits.notes_faults:
                return True
            raise
        if reached_past:
            return False
        self._check_pixels(header)
        return True

    async def check_stored(self, key: str, size: int, media: MediaType) -> None:
        """Read the header of a stored picture. Raises UndecodablePicture."""
        loop = asyncio.get_running_loop()

        def read_at(offset: int, length: int) -> bytes:
            return asyncio.run_coroutine_threadsafe(self._store.read_at(key, offset, length), loop).result()

        try:
            header = await asyncio.to_thread(read_header, read_at, size, media.format)
        except UndecodablePicture:
            if self._limits.notes_faults:
                return
            raise
        self._check_pixels(header)

    def _check_pixels(self, header: PictureHeader) -> None:
        if header.pixels > self._limits.max_pixels:
            raise TooManyPixels(
                f"The picture has {header.pixels} pixels in {header.frames} frame(s); "
                f"at most {self._limits.max_pixels} are allowed",
                limit=self._limits.max_pixels,
                actual=header.pixels,
            )

    async def fault_of(self, data: bytes, media: MediaType) -> str | None:
        """What is wrong with a whole file in memory, where that is only noted. Raises UndecodablePicture where it is refused."""
        return await self._fault(check_complete, data, media.format)

    async def fault_of_stored(self, key: str, media: MediaType) -> str | None:
        """The same for a stored file."""
        async with self._store.local_path(key) as path:
            return await self._fault(_check_file, path, media)

    async def _fault(self, check: Callable[..., None], *arguments: object) -> str | None:
        try:
            await asyncio.to_thread(check, *arguments)
        except UndecodablePicture as error:
            if self._limits.notes_faults:
                return error.message
            raise
        return None


def _check_file(path: Path, media: MediaType) -> None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        check_complete(data, media.format)
