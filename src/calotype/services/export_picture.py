"""The pictures of an export: the originals as they are stored, or upright copies of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from calotype.domain.errors import NotFound, SandboxFailure, Unavailable, UndecodablePicture
from calotype.domain.export import ExportSource
from calotype.imaging.upright import UprightSize, upright_size, write_upright
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again
from calotype.storage.store import ObjectStore

WHOLE = 4 * 1024 * 1024
"""Bytes up to which a picture is read when it is opened, which hides the latency of a bucket; larger ones are streamed."""

_CHUNK = 512 * 1024
_UPRIGHT = 1


@dataclass(frozen=True, slots=True)
class OpenedPicture:
    """A picture that can be sent: its size in bytes, and the one place they are in.

    `upright` is its size in pixels, with the orientation of the original; `is_turned` tells whether it is an upright copy.
    """

    size: int
    upright: UprightSize
    is_turned: bool
    place: bytes | Path | str
    """The bytes themselves, the file of a copy, or the key of the original."""


@dataclass(frozen=True, slots=True)
class MissingPicture:
    """A picture that cannot be sent, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How many pixels a picture may have that is turned, how many seconds that may take, how many are turned at once."""

    max_pixels: int
    timeout: float
    at_once: int


class PictureSource:
    """Opens pictures before they are sent, so that what is missing is known while nothing of it has been promised."""

    def __init__(self, store: ObjectStore, sandbox: Sandbox, limits: TurnLimits) -> None:
        self._store = store
        self._sandbox = sandbox
        self._limits = limits
        self._turning = asyncio.Semaphore(limits.at_once)

    async def open(self, source: ExportSource, folder: Path | None) -> OpenedPicture | MissingPicture:
        """Open one picture; those that are not stored upright are copied into `folder` when it is given.

        Raises Unavailable when the object store cannot be reached, SandboxFailure when no child can be started.
        """
        try:
            return await self._open(source, folder)
        except NotFound:
            return MissingPicture("the original is missing from the object store")
        except UndecodablePicture as error:
            return MissingPicture(error.message)
        except SandboxFailure as error:
            if error.context.get("reason") == "start":
                raise
            return MissingPicture(f"the picture cannot be turned upright: {error.message}")

    async def chunks(self, picture: OpenedPicture) -> AsyncGenerator[bytes, None]:
        """The bytes of an opened picture. Raises Unavailable when there are more or fewer of them than promised, NotFound."""
        size = 0
        async with aclosing(self._read(picture.place)) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size > picture.size:
                    break
                yield chunk
        if size != picture.size:
            raise Unavailable("An original changed while it was exported", place=str(picture.place))

    async def _open(self, source: ExportSource, folder: Path | None) -> OpenedPicture | MissingPicture:
        image, upright = source.image, _known(source)
        is_copied = folder is not None and upright is not None and upright.orientation != _UPRIGHT
        data = None
        if image.size_bytes <= WHOLE and not is_copied:
            # One byte more would tell that the object is longer than it should be.
            data = await self._store.read_at(image.object_key, 0, image.size_bytes + 1)
            size = len(data)
        else:
            size = (await self._store.head(image.object_key)).size
        if size != image.size_bytes:
            return MissingPicture(f"the stored original is damaged: it does not have {image.size_bytes} bytes")
        upright = upright or await self._measure(source, data)
        if folder is not None and upright.orientation != _UPRIGHT:
            return await self._turn(source, upright, folder)
        return OpenedPicture(size, upright, is_turned=False, place=image.object_key if data is None else data)

    async def _measure(self, source: ExportSource, data: bytes | None) -> UprightSize:
        """What the picture's own header says, before its development. Raises UndecodablePicture."""
        loop = asyncio.get_running_loop()

        def read_at(offset: int, length: int) -> bytes:
            if data is not None:
                return data[offset : offset + length]
            reading = self._store.read_at(source.image.object_key, offset, length)
            return asyncio.run_coroutine_threadsafe(reading, loop).result()

        return await asyncio.to_thread(upright_size, read_at, source.image.size_bytes, source.format)

    async def _turn(self, source: ExportSource, upright: UprightSize, folder: Path) -> OpenedPicture:
        target = folder / source.image.asset_id.hex
        async with self._turning, self._store.local_path(source.image.object_key) as path:
            await try_again(
                lambda: self._sandbox.run(
                    write_upright,
                    str(path),
                    str(target),
                    upright.orientation,
                    pixel_limit=self._limits.max_pixels,
                    timeout=self._limits.timeout,
                )
            )
        size = (await asyncio.to_thread(target.stat)).st_size
        return OpenedPicture(size, upright, is_turned=True, place=target)

    def _read(self, place: bytes | Path | str) -> AsyncGenerator[bytes, None]:
        return _stream_file(place) if isinstance(place, Path) else self._stream(place)

    async def _stream(self, place: bytes | str) -> AsyncGenerator[bytes, None]:
        if isinstance(place, bytes):
            yield place
            return
        async for chunk in self._store.stream(place, chunk=_CHUNK):
            yield chunk


def _known(source: ExportSource) -> UprightSize | None:
    """What development found out, once it has."""
    image = source.image
    if image.width is None or image.height is None or source.orientation is None:
        return None
    return UprightSize(image.width, image.height, source.orientation)


async def _stream_file(path: Path) -> AsyncGenerator[bytes, None]:
    """The bytes of a copy, which is removed afterwards."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()
        await asyncio.to_thread(path.unlink, missing_ok=True)
